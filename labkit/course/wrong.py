"""Named wrong solutions (`assignments/wrong_solutions/psNN.py`): each a cell that replaces one solution cell.

    # %% wrong="forgets_the_bias" cell="count_parameters" loses=3 visible=true

`loses` is what the grading must take off; `visible` says that every visible check lets it pass.
"""

from dataclasses import dataclass
from pathlib import Path

from labkit.course.text import NAME, marked_cells
from labkit.errors import WrongUse

KEYS = {"wrong", "cell", "loses", "visible"}


@dataclass(frozen=True)
class Wrong:
    """One mistake that somebody could make."""

    name: str
    cell: str
    loses: float
    visible: bool
    source: str


def read(path: Path, cells: set[str]) -> list[Wrong]:
    """The wrong solutions of an assignment with these solution cells. Raises WrongUse with the line."""
    if not path.exists():
        return []
    found: dict[str, Wrong] = {}
    for line, cell in marked_cells(path):
        if not cell.metadata and not _code(cell.source):
            continue  # a remark before the first one
        one = _one(cell.metadata, cell.source, f"{path.name}, line {line}")
        if one.name in found or one.name in ("unsolved", "reference"):
            raise WrongUse(f'{path.name}, line {line}: the name "{one.name}" is taken.')
        if one.cell not in cells:
            raise WrongUse(f'{path.name}, line {line}: there is no solution cell "{one.cell}".')
        found[one.name] = one
    return list(found.values())


def _one(keys: dict, source: str, where: str) -> Wrong:
    if set(keys) != KEYS:
        odd = sorted(set(keys) ^ KEYS)
        raise WrongUse(
            f"{where}: {', '.join(odd)} is missing or means nothing here (known: {', '.join(sorted(KEYS))})."
        )
    name, loses = keys["wrong"], keys["loses"]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise WrongUse(f"{where}: a wrong solution wants a name of letters, digits, - and _.")
    if isinstance(loses, bool) or not isinstance(loses, int | float) or loses <= 0:
        raise WrongUse(f"{where}: loses says how many points, more than 0: loses=2.")
    if not isinstance(keys["visible"], bool):
        raise WrongUse(f"{where}: visible is true or false.")
    return Wrong(name, keys["cell"], loses, keys["visible"], source)


def _code(source: str) -> list[str]:
    return [line for line in source.splitlines() if line.strip() and not line.startswith("#")]
