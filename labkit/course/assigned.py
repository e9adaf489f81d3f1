"""What submissions are graded against: a plan for each notebook, and the instructor's files beside it."""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, Notebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.preprocessors import ClearHiddenTests, Execute
from nbgrader.utils import find_all_files

from labkit.course.trouble import notebooks_of
from labkit.errors import WrongUse
from labkit.grading.judge.plan import Cell, Plan, plan_of

LONGEST_S = 1200.0  # of a cell, where the course's settings have no limit


@dataclass(frozen=True)
class Assigned:
    """One assignment. `files` are put into every submission, over what is there under the same name."""

    name: str
    plans: dict[str, Plan]
    files: dict[str, bytes]

    @cached_property
    def digest(self) -> str:
        """The same for what grades alike."""
        said = [plan.digest for _, plan in sorted(self.plans.items())]
        return hashlib.sha256("".join([*said, digest(self.files)]).encode()).hexdigest()


def assigned(api: NbGraderAPI, assignment: str) -> Assigned:
    """Read it from the course's source and gradebook. Raises WrongUse where either is missing."""
    names = notebooks_of(api, assignment)
    folder = Path(api.coursedir.format_path(api.coursedir.source_directory, ".", assignment))
    with api.gradebook as gradebook:
        plans = {name: _plan(api, gradebook, assignment, name, folder / f"{name}.ipynb") for name in names}
    return Assigned(assignment, plans, _files(api, assignment, folder))


def digest(files: dict[str, bytes]) -> str:
    """The same for the same files of the same names."""
    whole = hashlib.sha256()
    for name, content in sorted(files.items()):
        for part in (name.encode("utf-8", "replace"), content):
            whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()


def _plan(api: NbGraderAPI, gradebook: Gradebook, assignment: str, name: str, path: Path) -> Plan:
    try:
        source = nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise WrongUse(f"Grading needs the instructor's own notebook, and {path} cannot be read: {error}") from error
    seconds = Execute(config=api.config).timeout
    marker = ClearHiddenTests(config=api.config)
    return plan_of(
        name,
        source,
        _marked(gradebook.find_notebook(name, assignment)),
        LONGEST_S if seconds is None or seconds < 0 else float(seconds),
        (marker.begin_test_delimeter, marker.end_test_delimeter),
    )


def _marked(notebook: Notebook) -> dict[str, Cell]:
    """The gradebook's cells by name, as they were released."""
    graded = {cell.name: cell.max_score for cell in notebook.grade_cells}
    tasks = {cell.name: cell.max_score for cell in notebook.task_cells}
    answers = {cell.name for cell in notebook.solution_cells}
    found = {}
    for cell in notebook.source_cells:
        name, points = cell.name, graded.get(cell.name, tasks.get(cell.name))
        marks = {
            "cell_type": cell.cell_type,
            "checksum": cell.checksum,
            "grade": name in graded,
            "grade_id": name,
            "locked": bool(cell.locked),
            "schema_version": 3,
            "solution": name in answers,
            "task": name in tasks,
        }
        if points is not None:
            marks["points"] = points
        found[name] = Cell(name, _kind(marks), cell.cell_type, cell.source or "", points or 0.0, marks=marks)
    return found


def _kind(marks: dict) -> str:
    if marks["task"]:
        return "task"
    if marks["solution"]:
        return "solution"
    return "test" if marks["grade"] else "locked"


def _files(api: NbGraderAPI, assignment: str, folder: Path) -> dict[str, bytes]:
    """The instructor's files, less what the course's settings leave to the students."""
    settings = api.config.Autograde.get("exclude_overwriting", {})
    left = {str(folder / name) for name in settings.get(assignment, [])}
    found = set(find_all_files(str(folder), [*api.coursedir.ignore, "*.ipynb"])) - left
    return {os.path.relpath(path, folder): Path(path).read_bytes() for path in sorted(found)}
