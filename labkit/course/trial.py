"""An assignment on trial: what every case earns, and what its visible checks say, without anybody having handed in.

The cases are graded as submissions are, by the judge, once with all checks and once with those that students have. What
a student could hand in (nothing solved, everything solved) is also validated as a student does it, in a kernel.
"""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from labkit.course.assigned import Assigned, assigned
from labkit.course.exchange import generate
from labkit.course.room import Course
from labkit.course.shelf import Assignment
from labkit.course.text import build
from labkit.course.validate import Finding, message, validate_file
from labkit.course.wrong import Wrong, read
from labkit.errors import WrongUse
from labkit.grading.cohort import REFERENCE, Case, judge
from labkit.grading.judge.hearing import Judgment
from labkit.grading.judge.plan import Plan
from labkit.grading.sandbox import Protection, find

FIRST = ("unsolved", "reference")  # what a student could hand in
JOBS = 2


@dataclass
class Got:
    """What one case earned in autograded points, and what its visible checks found."""

    earned: float = 0.0
    problem: str = ""
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Trial:
    """One assignment: the reference's answers by cell, the wrong solutions, and what the cases got."""

    one: Assignment
    released: Path
    task: Assigned
    answers: dict[str, str]
    wrong: list[Wrong]
    got: dict[str, Got] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        """All checks."""
        return self.task.plans[self.one.name]

    @property
    def visible(self) -> Plan:
        """The checks that students have."""
        return replace(self.plan, cells=tuple(map(self.plan.visible, self.plan.cells)))

    def cases(self) -> dict[str, dict[str, str]]:
        """What stands in the solution cells of each case."""
        wrong = {one.name: {**self.answers, one.cell: one.source} for one in self.wrong}
        return {"unsolved": {}, "reference": self.answers, **wrong}

    def notebook(self, case: str) -> NotebookNode:
        """What is handed in. What stands behind the last check cannot change a point: a wrong solution ends there."""
        notebook, answers = nbformat.read(self.released, as_version=4), self.cases()[case]
        for cell in notebook.cells:
            if is_solution(cell):
                cell.source = answers.get(cell.metadata.nbgrader.grade_id, cell.source)
        if case not in FIRST:
            last = max(number for number, cell in enumerate(notebook.cells) if is_grade(cell))
            notebook.cells = notebook.cells[: last + 1]
        return notebook

    def submissions(self) -> Iterator[Case]:
        """Every case, under both plans."""
        for case in self.cases():
            content = nbformat.writes(self.notebook(case), version=4).encode()
            for plan in (self.plan, self.visible):
                yield Case(case, plan, content, given=self.task.files)


def prepared(course: Course, one: Assignment) -> Trial:
    """Release an assignment into a course of its own, with the solutions that its text says."""
    source, api = course.root / "source" / one.name, course.api()
    solved = build(one.text)
    answers = {cell.metadata.nbgrader.grade_id: cell.source for cell in solved.cells if is_solution(cell)}
    wrong = read(one.wrong, set(answers))
    if one.notebook.parent.is_dir():
        shutil.copytree(one.notebook.parent, source)  # with the files that an assignment may bring
    source.mkdir(parents=True, exist_ok=True)
    nbformat.write(solved, source / one.notebook.name)
    generate(api, one.name)
    released = course.root / "release" / one.name / one.notebook.name
    return Trial(one, released, assigned(api, one.name), answers, wrong)


def run(course: Course, trials: list[Trial], progress: object) -> None:
    """Find out what every case of all trials gets."""
    for trial in trials:
        trial.got = {case: Got() for case in trial.cases()}
        cases = list(trial.submissions())
        for case, judgment in judge(cases, (trial.plan, trial.visible), trial.task.files, held(), JOBS):
            if case.student != REFERENCE:
                _note(trial, case, judgment)
                progress.update()
    with ThreadPoolExecutor(JOBS) as pool:
        first = [(trial, case) for trial in trials for case in FIRST]
        for (trial, case), findings in zip(first, pool.map(lambda one: _validated(course, *one), first), strict=True):
            trial.got[case].findings = [one for one in findings if one.status != "held"]
            progress.update()


def held() -> Protection:
    """The best protection that works here; none is needed for code of our own."""
    try:
        return find()
    except WrongUse:
        return find(unsafe=True)


def _note(trial: Trial, case: Case, judgment: Judgment) -> None:
    got = trial.got[case.student]
    if judgment.status in ("refused", "unreadable"):
        got.problem = judgment.reason
    elif case.plan.digest == trial.plan.digest:
        got.earned = sum(judgment.points.values())
    else:
        got.findings = _findings(case.plan, judgment)


def _findings(plan: Plan, judgment: Judgment) -> list[Finding]:
    """The visible checks that do not hold, in words."""
    cells = {cell.id: cell for cell in nbformat.reads(judgment.notebook, as_version=4).cells}
    found = []
    for cell in plan.cells:
        earned = judgment.points.get(cell.id, 0.0)
        if cell.kind == "test" and cell.is_code and earned < cell.points:
            errors = [output for output in cells[cell.id].outputs if output.output_type == "error"]
            said = message(errors[0]) if errors else f"{earned:g} of {cell.points:g} points"
            found.append(Finding(cell.id, "failed" if errors else "partly", said))
    return found


def _validated(course: Course, trial: Trial, case: str) -> list[Finding]:
    folder = course.root / "visible" / case / trial.one.name
    shutil.copytree(trial.released.parent, folder)
    nbformat.write(trial.notebook(case), folder / trial.one.notebook.name)
    return validate_file(folder / trial.one.notebook.name, course.config())
