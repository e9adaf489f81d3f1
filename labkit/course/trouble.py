"""What there is to grade, and what is wrong with a notebook as a file."""

import json

import nbformat
from nbgrader.api import MissingEntry
from nbgrader.apps.api import NbGraderAPI

from labkit.errors import WrongUse


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
