"""A frozen course with submissions that all earn everything, each with a number of its own in what is compiled."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbgrader.utils import is_solution

from labkit.course.exchange import generate
from labkit.course.room import Course, surroundings
from labkit.course.text import build

NAME = "lab"
POINTS = 12.0
SETTINGS = """\
c = get_config()
c.CourseDirectory.course_id = "frozen"
c.ExecutePreprocessor.timeout = 60
"""
TEXT = Path(__file__).with_name("lab.txt")


@dataclass(frozen=True)
class Took:
    """One whole command: seconds, and the most memory that one of its processes had."""

    seconds: float
    peak_mb: float


def make(folder: Path) -> Path:
    """The course, released, with nothing handed in."""
    (folder / "source" / NAME).mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text(SETTINGS)
    text = folder / f"{NAME}.py"
    text.write_text(TEXT.read_text().replace("@NONCE@", "0.0"))
    nbformat.write(build(text), folder / "source" / NAME / f"{NAME}.ipynb")
    with surroundings():
        generate(Course(folder).api(), NAME)
    return folder


def with_submissions(course: Path, folder: Path, count: int) -> Path:
    """A copy of the course in which so many have handed in. Nothing of one submission can serve another."""
    shutil.copytree(course, folder)
    dice = random.SystemRandom()
    notebook = nbformat.read(folder / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    text = folder / f"{NAME}.py"
    for number in range(count):
        text.write_text(TEXT.read_text().replace("@NONCE@", repr(dice.random())))
        answers = {cell.id: cell.source for cell in build(text).cells if is_solution(cell)}
        for cell in notebook.cells:
            cell.source = answers.get(cell.id, cell.source)
        place = folder / "submitted" / f"s{number:03}" / NAME
        place.mkdir(parents=True)
        nbformat.write(notebook, place / f"{NAME}.ipynb")
    return folder


def by_stock(folder: Path) -> Took:
    """nbgrader's own command."""
    return _timed([sys.executable, "-m", "nbgrader", "autograde", NAME], folder)


def by_judge(folder: Path) -> Took:
    """labkit's."""
    command = [sys.executable, "-m", "labkit.cli", "course", "grade", NAME, "--course", str(folder), "--json"]
    return _timed(command, folder)


def _timed(command: list[str], folder: Path) -> Took:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path, "PYTHONWARNINGS": "ignore", "JUPYTER_CONFIG_DIR": str(folder / "none")}
    with open(folder / "said", "wb") as said:
        began = time.perf_counter()
        running = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(running.pid, 0)
        seconds = time.perf_counter() - began
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise RuntimeError(f"{' '.join(command[2:5])} failed: {(folder / 'said').read_text()[-2000:]}")
    _check(folder)
    return Took(seconds, used.ru_maxrss / 1024)


def _check(folder: Path) -> None:
    """A figure counts only where everybody got everything: read from the gradebook, as any of the two wrote it."""
    with sqlite3.connect(folder / "gradebook.db") as gradebook:
        asked = "select s.student_id, sum(g.auto_score) from grade g join submitted_notebook n on g.notebook_id = n.id"
        asked += " join submitted_assignment s on n.assignment_id = s.id group by s.student_id"
        got = dict(gradebook.execute(asked).fetchall())
    handed = {path.name for path in (folder / "submitted").iterdir()}
    if got != dict.fromkeys(handed, POINTS):
        raise RuntimeError(f"not everybody got {POINTS:g} points: {json.dumps(got)[:500]}")
