"""Twelve plays of Shakespeare as characters, the writer's training text."""

from functools import cache
from pathlib import Path

import numpy as np

SHIPPED = Path(__file__).parent / "files" / "shakespeare_12_plays.txt"


@cache
def plays() -> str:
    """The text: 1,519,404 ASCII characters."""
    return SHIPPED.read_text(encoding="ascii")


@cache
def alphabet() -> str:
    """The distinct characters of the plays in order; a character's token is its place here."""
    return "".join(sorted(set(plays())))


def encode(text: str) -> np.ndarray:
    """The tokens of a text. Returns int64 (characters,); raises ValueError for a character that no play contains."""
    strange = sorted(set(text) - set(alphabet()))
    if strange:
        raise ValueError(f"The plays do not contain {', '.join(map(repr, strange))}: the writer has no token for it.")
    place = {character: token for token, character in enumerate(alphabet())}
    return np.array([place[character] for character in text], np.int64)


def decode(tokens: np.ndarray) -> str:
    """The text of tokens (characters,)."""
    return "".join(alphabet()[token] for token in tokens)
