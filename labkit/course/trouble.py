"""Why a submission cannot be graded, found before anything in it runs."""

import json
from collections import Counter
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps.api import NbGraderAPI

from labkit.errors import WrongUse

MOST_BYTES = 20_000_000  # of a notebook


def notebooks_of(api: NbGraderAPI, assignment: str) -> list[str]:
    """The names of an assignment's notebooks, as the gradebook has them."""
    with api.gradebook as gradebook:
        try:
            names = sorted(one.name for one in gradebook.find_assignment(assignment).notebooks)
        except MissingEntry:
            names = []
    if not names:
        raise WrongUse(f"The gradebook does not know {assignment}: run labkit course release {assignment} first.")
    return names


def students_of(api: NbGraderAPI, assignment: str) -> list[str]:
    """Who handed in. Raises WrongUse for an assignment that was not released, or of which nothing was collected."""
    notebooks_of(api, assignment)
    students = sorted(api.get_submitted_students(assignment))
    if not students:
        raise WrongUse(f"There is no submission of {assignment}: run labkit course collect {assignment} first.")
    return students


def at_a_glance(content: bytes, name: str) -> str:
    """What is wrong with a notebook as a file; "" where it can be read."""
    if not content.strip():
        return f"{name}.ipynb is empty"
    try:
        if not isinstance(json.loads(content), dict):
            return f"{name}.ipynb is no notebook"
        nbformat.reads(content.decode("utf-8"), as_version=4)
    except json.JSONDecodeError as error:
        return f"{name}.ipynb is no notebook: it breaks off or is damaged in line {error.lineno}"
    except Exception as error:  # nbformat raises many kinds over what it is not made for
        return f"{name}.ipynb cannot be read as a notebook ({type(error).__name__})"
    return ""


def trouble(folder: Path, assignment: str, gradebook: Gradebook) -> tuple[str, str] | None:
    """The status and the reason of a submission that nbgrader could not grade, or None."""
    for notebook in gradebook.find_assignment(assignment).notebooks:
        path = folder / f"{notebook.name}.ipynb"
        if path.is_symlink() or (path.exists() and not path.is_file()):
            return "refused", f"{path.name} is no plain file"
        if not path.exists():
            if len(gradebook.find_assignment(assignment).notebooks) == 1:
                return "unreadable", f"there is no {path.name} in the submission"
            continue  # nbgrader gives 0 for this one of several
        if path.stat().st_size > MOST_BYTES:
            return "refused", f"{path.name} has more than {MOST_BYTES // 1_000_000} MB: clear its outputs"
        content = path.read_bytes()
        if said := at_a_glance(content, notebook.name):
            return "unreadable", said
        if said := _cells(content, notebook.name, {cell.name for cell in notebook.source_cells}):
            return "refused", said
    return None


def _cells(content: bytes, name: str, ours: set[str]) -> str:
    """What is wrong with the cells that nbgrader knows."""
    marks = [cell["metadata"].get("nbgrader") for cell in json.loads(content).get("cells", [])]
    marks = [mark for mark in marks if mark]
    if any(not isinstance(mark, dict) for mark in marks):
        return f"the marks of {name}.ipynb's cells were changed"
    ids = Counter(str(mark.get("grade_id", "")) for mark in marks)
    if not ours & set(ids):
        return f"this is another notebook: none of its cells is one of {name}'s"
    if twice := sorted(one for one, count in ids.items() if count > 1 and one):
        return f"the cell {', '.join(twice)} is there twice: delete the copy, and submit again"
    if any(mark.get("schema_version") != 3 for mark in marks):
        return f"the marks of {name}.ipynb's cells were changed"
    return ""
