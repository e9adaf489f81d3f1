"""From an assignment's text form (`assignments/text/psNN.py`, py:percent) to the notebook that nbgrader reads.

A cell's marker says what it is; one key names it, and the rest of nbgrader's metadata follows from that:

    # %% locked="imports"                            code that students leave as it is
    # %% solution="count"                            an answer, between ### BEGIN SOLUTION and ### END SOLUTION
    # %% test="count-visible" points=2               a check, with ### BEGIN HIDDEN TESTS ... ### END HIDDEN TESTS
    # %% [markdown] task="why" points=4              a question, with ### BEGIN MARK SCHEME ... ### END MARK SCHEME

Code that may run longer than other cells says so: `# %% test="trains" points=2 seconds=300`.

The text lies outside `source/`, because nbgrader would hand it out with its solutions.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from labkit.editions.text import build as plain
from labkit.errors import WrongUse

KINDS = {"locked": {"seconds"}, "solution": {"seconds"}, "test": {"points", "seconds"}, "task": {"points"}}
REGIONS = {"solution": "SOLUTION", "test": "HIDDEN TESTS", "task": "MARK SCHEME"}
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what both nbformat (as an id) and nbgrader (as a grade_id) take


def build(path: Path) -> NotebookNode:
    """The notebook that a text form says. Raises WrongUse with the line where it says something else."""
    notebook = plain(path)
    seen: dict[str, int] = {}
    for (line, marked), cell in zip(marked_cells(path), notebook.cells, strict=True):
        where = f"{path.name}, line {line}"
        keys = dict(marked.metadata)
        kind = _kind(keys, where)
        _regions(kind, cell.source, where)
        if kind:
            name = _name(keys[kind], kind, where)
            if name in seen:
                raise WrongUse(f'{where}: the name "{name}" is taken by the cell in line {seen[name]}.')
            seen[name] = line
            _type(kind, cell, where)
            cell.id = name
            cell.metadata["nbgrader"] = NotebookNode(_metadata(kind, name, keys, where))
            if "seconds" in keys:  # nbgrader knows no limit of a single cell
                cell.metadata["labkit"] = NotebookNode(seconds=_number(keys, "seconds", where))
    return notebook


def written(path: Path) -> str:
    """The bytes of the notebook that a text form says: the same on every machine."""
    return nbformat.writes(build(path)) + "\n"


def marked_cells(path: Path) -> Iterator[tuple[int, NotebookNode]]:
    """Each cell of a py:percent file, as jupytext reads it, and the line of its marker."""
    text = path.read_text(encoding="utf-8")
    cells = jupytext.reads(text, fmt="py:percent").cells
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if line.startswith("# %%")]
    if len(cells) == len(lines) + 1:  # something stands before the first marker
        lines.insert(0, 1)
    if len(cells) != len(lines):
        raise WrongUse(f"{path.name}: a line that is no cell's marker begins with # %%.")
    for cell in cells:  # what jupytext remembers of the layout, and tags, which any cell may have
        for key in [key for key in cell.metadata if key.startswith("lines_to_") or key == "tags"]:
            del cell.metadata[key]
    yield from zip(lines, cells, strict=True)


def _kind(keys: dict, where: str) -> str:
    found = [kind for kind in KINDS if kind in keys]
    if len(found) > 1:
        raise WrongUse(f"{where}: a cell is one thing, not {' and '.join(found)}.")
    known = {found[0], *KINDS[found[0]]} if found else set()
    if unknown := sorted(set(keys) - known):
        raise WrongUse(f"{where}: {', '.join(unknown)} means nothing here (known: {_known()}).")
    return found[0] if found else ""


def _known() -> str:
    return "; ".join(" ".join([f'{kind}="name"', *(f"{key}=2" for key in more)]) for kind, more in KINDS.items())


def _name(name: object, kind: str, where: str) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise WrongUse(f'{where}: {kind} wants a name of letters, digits, - and _, such as {kind}="count_bytes".')
    return name


def _regions(kind: str, source: str, where: str) -> None:
    """Each region belongs to one kind of cell, and is closed."""
    for owner, region in REGIONS.items():
        begun, ended = (len(re.findall(rf"### {word} {region}\b", source)) for word in ("BEGIN", "END"))
        if begun != ended:
            raise WrongUse(f"{where}: ### BEGIN {region} and ### END {region} do not pair.")
        if begun and owner != kind:
            raise WrongUse(f"{where}: ### BEGIN {region} belongs into a {owner} cell.")
        if not begun and owner == kind == "solution":
            raise WrongUse(f"{where}: a solution cell needs ### BEGIN SOLUTION, or students would get the solution.")


def _type(kind: str, cell: NotebookNode, where: str) -> None:
    wanted = "markdown" if kind == "task" else "code"
    if cell.cell_type != wanted:
        raise WrongUse(f"{where}: a {kind} cell is a {wanted} cell, not {cell.cell_type}.")


def _metadata(kind: str, name: str, keys: dict, where: str) -> dict:
    """nbgrader's metadata, schema 3, keys sorted as nbformat writes them."""
    metadata = {
        "grade": kind == "test",
        "grade_id": name,
        "locked": kind != "solution",
        "schema_version": 3,
        "solution": kind == "solution",
        "task": kind == "task",
    }
    if "points" in KINDS[kind]:
        if "points" not in keys:
            raise WrongUse(f"{where}: a {kind} cell says what it is worth: points=2.")
        metadata["points"] = _number(keys, "points", where)
    return metadata


def _number(keys: dict, key: str, where: str) -> float:
    number = keys[key]
    if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
        raise WrongUse(f"{where}: {key} is a number: {key}=2.")
    return number
