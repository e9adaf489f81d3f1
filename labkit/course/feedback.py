"""Feedback pages, one for everybody who handed in, given to whoever submitted; and the grades as a CSV."""

import csv
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from nbgrader.apps.api import NbGraderAPI
from nbgrader.plugins import CsvExportPlugin
from tqdm import tqdm

from labkit.course import page
from labkit.course.kept import Shelf
from labkit.course.room import Course, surroundings
from labkit.course.rows import Row
from labkit.course.run import why
from labkit.course.sheets import sheet
from labkit.course.trouble import notebooks_of, students_of
from labkit.errors import WrongUse

FOR_RELEASE = ("timestamp.txt", "submission_secret.txt")  # which nbgrader's exchange reads beside the pages
MOST_FILES = 20  # of a student's own, named unlike the assignment's notebooks


def feedback(course: Course, assignment: str) -> list[Row]:
    """Make everybody's pages; where they submitted through the exchange, put them there."""
    with surroundings():
        api = course.api()
        students = students_of(api, assignment)
        names = notebooks_of(api, assignment)
        work = tqdm(students, "feedback", leave=False, disable=None)
        return [_one(api, assignment, student, names) for student in work]


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


def _one(api: NbGraderAPI, assignment: str, student: str, names: list[str]) -> Row:
    """One student's pages: made, and released where there is an exchange to do it through."""
    made = Path(api.coursedir.format_path(api.coursedir.feedback_directory, student, assignment))
    handed = Shelf(api, assignment).newest(student)
    try:
        remark = _write(api, assignment, student, [*names, *_others(handed, names)], made)
        released = _beside(handed, made)
    except Exception as error:  # whatever is in one submission, the others get their pages
        return Row(student, "failed", f"{made} could not be made: {type(error).__name__}: {error}")
    if not released:
        return Row(student, "made", f"{made}{remark} (it came from a download: give it back there)")
    if problem := why(api.release_feedback(assignment, student)):
        return Row(student, "made", f"{made}{remark}; it could not be put into the exchange ({problem})")
    return Row(student, "released", f"the student gets it with labkit course fetch {assignment}{remark}")


def _write(api: NbGraderAPI, assignment: str, student: str, names: list[str], made: Path) -> str:
    """Write the pages anew: an older one may be of another submission. Returns what there is to remark about it."""
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True, exist_ok=True)
    sheets = [sheet(api.coursedir, assignment, student, name) for name in names]
    for one in sheets:
        path = made / f"{one.notebook}.html"
        path.write_text(page.draw(one), encoding="utf-8", errors="replace")
        path.chmod(0o664 if api.coursedir.groupshared else 0o644)  # as nbgrader does: the exchange keeps the mode
    is_there = any(one.content for one in sheets)
    status = sheets[0].judged.status or ("graded" if is_there else "not graded")
    return "" if status == "graded" and is_there else f" ({status})"


def _beside(handed: Path, made: Path) -> bool:
    """Give nbgrader what it names a released page by; False where the submission came another way."""
    if not all(_is_plain(handed / name) for name in FOR_RELEASE):
        return False
    for name in FOR_RELEASE:
        shutil.copyfile(handed / name, made / name)
    return True


def _others(handed: Path, names: list[str]) -> Iterator[str]:
    """Notebooks of the student's own naming: `fetch` asks for a page for each file that was handed in."""
    found = sorted(path.stem for path in handed.glob("*.ipynb") if _is_plain(path))
    yield from [stem for stem in found if stem not in names][:MOST_FILES]


def _is_plain(path: Path) -> bool:
    return path.is_file() and not os.path.islink(path)
