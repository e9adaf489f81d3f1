"""A notebook file from a stranger, read into its cells: what the student wrote, and which marked cell each says to be.

Not by nbformat: some files of 20 MB take it half a minute and gigabytes, and a damaged output must not make the work
unreadable. Formats 2 to 4 can be read; numbers in the file mean nothing here.
"""

import json
from dataclasses import dataclass, field

from labkit.grading.judge.limits import Malformed
from labkit.grading.judge.pictures import PICTURES, picture
from labkit.grading.judge.wire import check_brackets

MOST_BYTES = 20_000_000  # of a notebook
MOST_CELLS = 2000
MOST_CHARACTERS = 1_000_000  # of a cell
MOST_ATTACHED = 5_000_000  # characters of all pictures that a cell brings, and their names
LONGEST_NAME = 255  # of a picture


class Unreadable(ValueError):
    """The file is no notebook."""


class Refused(ValueError):
    """It is a notebook, and cannot be graded."""


@dataclass(frozen=True)
class Given:
    """A cell as it was handed in. `name`: the marked cell that it says to be, or ""."""

    name: str
    is_code: bool
    source: str
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)


def cells_of(content: bytes, name: str) -> list[Given]:
    """The cells of the notebook with this name. Raises Unreadable and Refused, with a sentence."""
    cells = _cells(_parsed(content, name), name)
    if len(cells) > MOST_CELLS:
        raise Refused(f"{name}.ipynb has more than {MOST_CELLS} cells")
    return [_given(cell, name) for cell in cells if isinstance(cell, dict)]


def _parsed(content: bytes, name: str) -> object:
    if len(content) > MOST_BYTES:
        raise Refused(f"{name}.ipynb has more than {MOST_BYTES // 1_000_000} MB: clear its outputs")
    if not content.strip():
        raise Unreadable(f"{name}.ipynb is empty")
    try:
        check_brackets(content)  # an empty dict is 3 bytes of the file, and 64 of memory
    except Malformed:
        raise Refused(f"{name}.ipynb has far too many lists, or too deep ones: clear its outputs") from None
    try:
        return DECODER.decode(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise Unreadable(f"{name}.ipynb is no notebook: it breaks off or is damaged in line {error.lineno}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"{name}.ipynb cannot be read as a notebook ({type(error).__name__})") from None


def _no_number(text: str) -> int:
    """Digits take the square of their number to read, and none counts."""
    return 0


DECODER = json.JSONDecoder(parse_int=_no_number, parse_float=_no_number, parse_constant=_no_number)


def _cells(said: object, name: str) -> list:
    """All cells: up to format 3 they stand in worksheets."""
    if isinstance(said, dict) and isinstance(said.get("cells"), list):
        return said["cells"]
    if isinstance(said, dict) and isinstance(said.get("worksheets"), list):
        sheets = [sheet.get("cells") for sheet in said["worksheets"] if isinstance(sheet, dict)]
        return [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
    raise Unreadable(f"{name}.ipynb is no notebook")


def _given(cell: dict, name: str) -> Given:
    source = _joined(cell["source"] if "source" in cell else cell.get("input", ""))  # up to format 3, code was "input"
    if source is None:
        raise Unreadable(f"{name}.ipynb has a cell whose text is none")
    if len(source) > MOST_CHARACTERS:
        raise Refused(f"{name}.ipynb has a cell of more than {MOST_CHARACTERS:,} characters")
    return Given(_name(cell), cell.get("cell_type") == "code", _writable(source), _attachments(cell.get("attachments")))


def _joined(text: object) -> str | None:
    """A text, which may stand in the file as a list of its lines; None for what is none."""
    if isinstance(text, list):
        return "".join(line for line in text if isinstance(line, str))
    return text if isinstance(text, str) else None


def _writable(text: str) -> str:
    """A lone surrogate cannot be written to a file."""
    return text.encode("utf-8", "replace").decode()


def _name(cell: dict) -> str:
    marks = cell.get("metadata")
    marks = marks.get("nbgrader") if isinstance(marks, dict) else None
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    return name if isinstance(name, str) else ""


def _attachments(given: object) -> dict[str, dict[str, str]]:
    """Pictures in an answer, of the two kinds that cannot carry a script."""
    kept: dict[str, dict[str, str]] = {}
    left = MOST_ATTACHED
    for name, forms in given.items() if isinstance(given, dict) else ():
        for form in PICTURES if isinstance(forms, dict) and len(name) <= LONGEST_NAME else ():
            data = _joined(forms.get(form)) or ""
            left -= len(data) + len(name)
            if left >= 0 and (found := picture(form, data)):
                kept.setdefault(_writable(name), {})[form] = found
    return kept
