"""Namedtuples: a class of the same name and the same fields on the other side."""

import keyword
import unicodedata
from collections import namedtuple
from functools import lru_cache

MOST_FIELDS = 255
LONGEST_NAME = 64


def is_name(text: object) -> bool:
    """Whether a namedtuple, whose source Python writes and runs, can safely have this name."""
    return (
        type(text) is str
        and len(text) <= LONGEST_NAME
        and text.isidentifier()
        and not text.startswith("_")
        and not keyword.iskeyword(text)
        and unicodedata.normalize("NFKC", text) == text  # the compiler would read another name
    )


def are_names(fields: object) -> bool:
    """Whether these can be the fields of a namedtuple."""
    if type(fields) not in (list, tuple) or not 0 < len(fields) <= MOST_FIELDS:
        return False
    return all(map(is_name, fields)) and len(set(fields)) == len(fields)


def fields_of(kind: type, length: int) -> tuple[str, ...] | None:
    """The fields of a namedtuple class, or of one of PyTorch's results; None where a plain tuple must do."""
    for name in ("_fields", "__match_args__"):
        fields = getattr(kind, name, None)
        if type(fields) is tuple and len(fields) == length and are_names(fields) and is_name(kind.__name__):
            return fields
    return None


@lru_cache(maxsize=256)
def record(name: str, fields: tuple[str, ...]) -> type:
    """The class with this name and these fields, which `is_name` has allowed."""
    return namedtuple(name, fields, module=__name__)
