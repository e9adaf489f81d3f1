"""Grades all submissions of an assignment. Until the judge exists, nbgrader's own autograde runs each of them: the
student's code and the tests share a process, so that these grades are not protected against cheating."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import nbformat
from nbgrader.apps.api import NbGraderAPI
from tqdm import tqdm

from labkit.course.kept import Shelf, seconds_late, time_of
from labkit.course.room import Course, empty_home, surroundings
from labkit.course.rows import late, stamp, table
from labkit.course.run import why
from labkit.course.trouble import students_of, trouble
from labkit.environment.machine import usable_cores

JUDGE = "nbgrader"
UNPROTECTED = "Graded by nbgrader itself: these grades are not protected against a notebook that cheats."


@dataclass
class Grade:
    """What one submission got. Status: graded, partial, timeout, refused or unreadable."""

    student: str
    score: float
    max_score: float
    status: str
    reason: str = ""
    seconds: float = 0.0
    time: str = ""
    late_s: float = 0.0
    earlier: int = 0


def grade(course: Course, assignment: str, jobs: int = 0) -> dict:
    """Grade what was collected, into the course's gradebook. One bad submission stops no other."""
    began = time.perf_counter()
    with surroundings():
        api = course.api()
        students = students_of(api, assignment)
        work = spread(partial(grade_one, course, assignment), students, jobs or usable_cores().count)
        grades = list(tqdm(work, "grading", total=len(students), leave=False, disable=None))
    return {
        "assignment": assignment,
        "seconds": round(time.perf_counter() - began, 2),
        "judge": JUDGE,
        "submissions": [vars(one) for one in sorted(grades, key=lambda one: one.student)],
    }


def spread(work: partial, items: list, jobs: int) -> Iterator:
    """Do the work for each item, `jobs` at once, each in a process of its own; results as they come."""
    if jobs < 2 or len(items) < 2:
        yield from map(work, items)
        return
    # Forked processes need not import nbgrader again, which takes seconds; macOS cannot fork safely.
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(min(jobs, len(items)), mp_context=context) as pool:
        for future in as_completed([pool.submit(work, item) for item in items]):
            yield future.result()


def grade_one(course: Course, assignment: str, student: str) -> Grade:
    """Grade one student's submission."""
    began = time.perf_counter()
    api = course.api()
    shelf = Shelf(api, assignment)
    try:
        booked, status, reason = _run(api, shelf, student)
    except OSError as error:
        booked, status, reason = False, "unreadable", f"the submission cannot be read: {error.strerror}"
    if not booked:
        _give_nothing(api, shelf, student)
    return _as_booked(api, shelf, student, status, reason, time.perf_counter() - began)


def as_text(result: dict) -> str:
    """The grades as a table."""
    cells = [
        (
            one["student"],
            f"{one['score']:g} / {one['max_score']:g}",
            one["status"],
            one["time"],
            late(one["late_s"]),
            str(one["earlier"] or ""),
            f"{one['seconds']:.1f}",
            one["reason"],
        )
        for one in result["submissions"]
    ]
    head = ("student", "score", "status", "handed in (UTC)", "late by", "earlier", "s", "")
    drawn = table(head, cells, right=("score", "s"))
    return f"{drawn}\n{len(cells)} submissions in {result['seconds']:.0f} s. {UNPROTECTED}"


def _run(api: NbGraderAPI, shelf: Shelf, student: str) -> tuple[bool, str, str]:
    """Let nbgrader grade. Returns whether it booked grades, and status and reason."""
    with api.gradebook as gradebook:
        if found := trouble(shelf.newest(student), shelf.assignment, gradebook):
            return False, *found
    with empty_home():
        problem = why(api.autograde(shelf.assignment, student))
    if not problem:
        return True, *_slow(api, shelf.assignment, student)
    if "nresponsive" in problem:
        return False, "timeout", "a cell ran too long and could not be interrupted"
    if "died" in problem or "DeadKernel" in problem:
        return False, "partial", "its kernel died (too much memory, or the code ends the process): nothing was graded"
    return False, "refused", f"nbgrader cannot grade it: {problem[:200]}"


def _slow(api: NbGraderAPI, assignment: str, student: str) -> tuple[str, str]:
    """Whether a cell of the graded notebook was stopped."""
    folder = Path(api.coursedir.format_path(api.coursedir.autograded_directory, student, assignment))
    for path in sorted(folder.glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if any(output.get("ename") == "CellTimeoutError" for output in cell.get("outputs", [])):
                name = cell.metadata.get("nbgrader", {}).get("grade_id") or cell.source.strip().split("\n")[0][:60]
                return "timeout", f"the cell {name} was stopped: it ran too long; the others count"
    return "graded", ""


def _give_nothing(api: NbGraderAPI, shelf: Shelf, student: str) -> None:
    """Book 0 points, as nbgrader does for a missing notebook, so that gradebook and table say the same."""
    with api.gradebook as gradebook:
        gradebook.update_or_create_student(student)
        when = time_of(shelf.newest(student))
        known = {"timestamp": when.replace(tzinfo=None)} if when else {}
        submission = gradebook.update_or_create_submission(shelf.assignment, student, **known)
        for notebook in submission.notebooks:
            for one in notebook.grades:
                one.auto_score, one.needs_manual_grade = 0, False
        gradebook.db.commit()


def _as_booked(api: NbGraderAPI, shelf: Shelf, student: str, status: str, reason: str, seconds: float) -> Grade:
    when = time_of(shelf.newest(student))
    with api.gradebook as gradebook:
        submission = gradebook.find_submission(shelf.assignment, student)
        waiting = sum(
            one.max_score
            for notebook in submission.notebooks
            for one in notebook.grades
            if one.needs_manual_grade and one.manual_score is None
        )
        if waiting:
            reason = "; ".join(filter(None, [reason, f"{waiting:g} points wait for a person"]))
        return Grade(
            student=student,
            score=round(submission.score, 4),
            max_score=submission.max_score,
            status=status,
            reason=reason,
            seconds=round(seconds, 2),
            time=stamp(when),
            late_s=seconds_late(gradebook, shelf.assignment, student, when),
            earlier=shelf.count_earlier(student),
        )
