"""Feedback pages, made by nbgrader and given to whoever submitted; and the grades as a CSV."""

import csv
from pathlib import Path

from nbgrader.apps.api import NbGraderAPI
from nbgrader.plugins import CsvExportPlugin
from tqdm import tqdm

from labkit.course.kept import Shelf
from labkit.course.room import Course, surroundings
from labkit.course.rows import Row
from labkit.course.run import why
from labkit.course.trouble import notebooks_of, students_of
from labkit.errors import WrongUse


def feedback(course: Course, assignment: str) -> list[Row]:
    """Make each graded student's page; where they submitted through the exchange, put it there."""
    with surroundings():
        api = course.api()
        students = students_of(api, assignment)
        return [_one(api, assignment, student) for student in tqdm(students, "feedback", leave=False, disable=None)]


def export(course: Course, assignment: str, to: Path | None = None) -> tuple[Path, list[dict[str, str]]]:
    """Write nbgrader's CSV of the grades. Returns its path and its rows."""
    with surroundings():
        api = course.api()
        notebooks_of(api, assignment)
        path = (to or Path(api.coursedir.root) / f"grades_{assignment}.csv").absolute()
        plugin = CsvExportPlugin(parent=api, to=str(path), assignment=[assignment])
        try:
            with api.gradebook as gradebook:
                plugin.export(gradebook)
        except OSError as error:
            raise WrongUse(f"{path} cannot be written: {error.strerror}") from error
    with path.open(newline="") as file:
        return path, list(csv.DictReader(file))


def _one(api: NbGraderAPI, assignment: str, student: str) -> Row:
    graded, made = (
        Path(api.coursedir.format_path(step, student, assignment))
        for step in (api.coursedir.autograded_directory, api.coursedir.feedback_directory)
    )
    if not graded.is_dir():
        return Row(student, "none", "it was not graded, so there is no page")
    if problem := why(api.generate_feedback(assignment, student)):
        return Row(student, "failed", problem)
    if not (Shelf(api, assignment).newest(student) / "submission_secret.txt").exists():
        return Row(student, "made", f"{made} (it came from a download: give it back there)")
    if problem := why(api.release_feedback(assignment, student)):
        return Row(student, "made", f"{made}; it could not be put into the exchange ({problem})")
    return Row(student, "released", f"the student gets it with labkit course fetch {assignment}")
