"""nbgrader's own quickstart course, with and without generated tests, grades as stock nbgrader grades it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.utils import is_solution

from labkit.course import exchange, grade
from labkit.course.room import find, surroundings
from labkit.course.run import why
from tests.needs import needs_sandbox

SQUARES = "def squares(n):\n    return [i ** 2 for i in range(1, n + 1)]"
WRONG = {
    "no_error": {"squares": SQUARES},
    "reimplements": {"sum_of_squares": "def sum_of_squares(n):\n    return sum(i * i for i in range(n + 1))"},
    "off_by_one": {"squares": SQUARES.replace("n + 1", "n")},
    "does_not_compile": {"squares": "def squares(n:\n    return"},
    "no_answer": {"sum_of_squares_equation": "YOUR ANSWER HERE"},
}


def course_at(folder: Path, *options: str) -> Path:
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    command = [sys.executable, "-m", "nbgrader", "quickstart", "course", *options]
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "course"


def hand_in(course: Path, student: str, answers: dict[str, str], solved: bool) -> None:
    shutil.copytree(course / "release" / "ps1", course / "submitted" / student / "ps1")
    for path in (course / "submitted" / student / "ps1").glob("*.ipynb"):
        source = nbformat.read(course / "source" / "ps1" / path.name, as_version=4)
        reference = {cell.metadata.nbgrader.grade_id: cell.source for cell in source.cells if is_solution(cell)}
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if is_solution(cell):
                name = cell.metadata.nbgrader.grade_id
                cell.source = answers.get(name, reference[name] if solved else cell.source)
        nbformat.write(notebook, path)


def marks(course: Path) -> dict:
    """Each grade, by student, notebook and cell: the points, and whether a person has to look."""
    with find(course).api().gradebook as gradebook:
        return {
            (submission.student.id, notebook.name, one.name): (one.auto_score, one.needs_manual_grade)
            for submission in gradebook.assignment_submissions("ps1")
            for notebook in submission.notebooks
            for one in notebook.grades
        }


@pytest.mark.parametrize(
    ("options", "wrong"), [((), tuple(WRONG)), (("--autotest",), ("off_by_one",))], ids=["plain", "autotest"]
)
def test_it_grades_as_stock_does(tmp_path, options, wrong):
    needs_sandbox()
    ours = course_at(tmp_path, *options)
    with (ours / "nbgrader_config.py").open("a") as settings:
        settings.write("\nc.ExecutePreprocessor.shutdown_kernel = 'immediate'\n")
    with surroundings():
        exchange.generate(find(ours).api(), "ps1")
    hand_in(ours, "unsolved", {}, solved=False)
    hand_in(ours, "reference", {}, solved=True)
    for name in wrong:
        hand_in(ours, name, WRONG[name], solved=True)
    stock = tmp_path / "stock"
    shutil.copytree(ours, stock)

    with surroundings():
        api = find(stock).api()
        students = ("unsolved", "reference", *wrong)
        assert not [problem for student in students if (problem := why(api.autograde("ps1", student)))]
    result = grade.grade(find(ours), "ps1")
    assert not result["remarks"], "the reference earns everything"
    assert marks(ours) == marks(stock)
    assert len(set(marks(stock).values())) > 3
