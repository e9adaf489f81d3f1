"""The student's own copies of the notebooks: `$LABKIT_HOME/notebooks/`, outputs cleared, never overwritten.

When the course has a new edition of a notebook that the student already has, the new one is put beside it, once.
"""

import hashlib
import json
import os
from pathlib import Path

import nbformat

from labkit.editions.shelf import Edition, shelf
from labkit.errors import WrongUse
from labkit.home import home

TAKEN = ".editions.json"  # which edition of each notebook the student was given: name -> digest


def copy_notebooks() -> tuple[Path, list[str]]:
    """Give the student every notebook they do not have. Returns the folder, and remarks on what is new in it."""
    folder = home() / "notebooks"
    try:
        folder.mkdir(exist_ok=True)
        taken = _read(folder / TAKEN)
        remarks = [_copy(edition, folder, taken) for edition in shelf() if edition.notebook.exists()]
        _write(folder / TAKEN, json.dumps(taken, indent=1))
    except OSError as error:
        raise WrongUse(f"Your copies of the notebooks cannot be made in {folder}: {error.strerror}.") from error
    return folder, [remark for remark in remarks if remark]


def cleared(path: Path) -> str:
    """A notebook as the student gets it: no outputs, no counts."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook) + "\n"


def _copy(edition: Edition, folder: Path, taken: dict[str, str]) -> str:
    text = cleared(edition.notebook)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    own = folder / edition.notebook.name
    if not own.exists():
        _create(own, text)
        taken[edition.name] = digest
        return ""
    if taken.setdefault(edition.name, digest) == digest:
        return ""
    taken[edition.name] = digest
    beside = _free(folder, edition.name)
    _create(beside, text)
    return f'There is a new edition of {own.name}. Yours is untouched; the new one is beside it: "{beside.name}".'


def _free(folder: Path, name: str) -> Path:
    number, path = 1, folder / f"{name} (new edition).ipynb"
    while path.exists():
        number += 1
        path = folder / f"{name} (new edition {number}).ipynb"
    return path


def _create(path: Path, text: str) -> None:
    """Make a file whole or not at all; one that another `labkit lab` made meanwhile stays as it is."""
    temporary = _beside(path, text)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        temporary.replace(path)
    temporary.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    _beside(path, text).replace(path)


def _beside(path: Path, text: str) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    return temporary


def _read(path: Path) -> dict[str, str]:
    """Which editions were given; unknown (no file, or no longer readable) counts as the present ones."""
    try:
        taken = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return taken if isinstance(taken, dict) else {}
