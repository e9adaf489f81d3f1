"""`labkit course check`: graders are graded.

For every assignment, through nbgrader's own grading: the release with nothing solved earns nothing and fails
validation; the reference earns all and passes; every named wrong solution loses exactly what is written beside it; and
for each exercise at least one passes every visible check, so that the hidden ones are known to be worth having.
"""

import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_grade, is_solution
from tqdm import tqdm

from labkit.course.exchange import generate
from labkit.course.grade import spread
from labkit.course.room import Course, empty_home, surroundings
from labkit.course.run import why
from labkit.course.shelf import Assignment, shelf, stale
from labkit.course.text import build
from labkit.course.validate import Finding, judged, validate_file
from labkit.course.warm import WarmExecute, warm_kernel
from labkit.course.wrong import Wrong, read
from labkit.home import course as clone

JOBS = 2
FIRST = ("unsolved", "reference")  # what a student could hand in: each is the first that its kernel sees
VISIBLE = "visible-"


@dataclass
class Got:
    """What one case earned in autograded points (None: it could not be graded), and what validation found."""

    case: str
    earned: float | None
    problem: str = ""
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Report:
    """What was found about one assignment."""

    name: str
    points: float = 0.0
    unsolved: float | None = None
    reference: float | None = None
    wrong: list[dict] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class Trial:
    """An assignment on trial: the reference's answers by cell, the wrong solutions, and what the cases got."""

    report: Report
    answers: dict[str, str]
    wrong: list[Wrong]
    got: dict[str, Got] = field(default_factory=dict)

    def cases(self) -> dict[str, dict[str, str]]:
        """What stands in the solution cells of each case."""
        wrong = {one.name: {**self.answers, one.cell: one.source} for one in self.wrong}
        return {"unsolved": {}, "reference": self.answers, **wrong}

    def batches(self) -> list[list[str]]:
        """Cases that one process grades in turn."""
        names = [one.name for one in self.wrong]
        return [[FIRST[0], *names[::2]], [FIRST[1], *names[1::2]]]


def check(names: list[str]) -> list[Report]:
    """Check assignments of the clone by name (all if none)."""
    assignments = shelf(names)
    with surroundings(), tempfile.TemporaryDirectory(prefix="labkit-", ignore_cleanup_errors=True) as folder:
        course = Course(clone() / "assignments", Path(folder).resolve() / "desk")
        trials = [_prepared(course, one) for one in assignments]
        batches = [(trial.report.name, cases) for trial in trials for cases in trial.batches()]
        batches.sort(key=lambda batch: len(batch[1]), reverse=True)  # the longest first: both workers end together
        total = sum(len(cases) for _, cases in batches)
        with tqdm(total=total, desc="grading cases", leave=False, disable=None) as progress:
            for name, graded in spread(partial(_graded, course), batches, JOBS):
                next(trial for trial in trials if trial.report.name == name).got |= {one.case: one for one in graded}
                progress.update(len(graded))
    return [_judged(trial) for trial in trials]


def is_well(reports: list[Report]) -> bool:
    """Whether everything that must hold of the graders holds."""
    return all(not report.problems for report in reports)


def as_dict(reports: list[Report]) -> dict:
    """The answer of `labkit course check --json`."""
    return {"ok": is_well(reports), "assignments": [asdict(report) for report in reports]}


def as_text(reports: list[Report]) -> str:
    """The reports as people read them."""
    lines = []
    for one in reports:
        head = f"{'well  ' if not one.problems else 'FAILED'} {one.name}: {one.points:g} points; "
        lines.append(f"{head}unsolved {_said(one.unsolved)}, reference {_said(one.reference)}")
        lines += [f"         {case['name']}: {_said(case['got'])} of {_said(case['expected'])}" for case in one.wrong]
        lines += [f"       - {problem}" for problem in one.problems]
    return "\n".join(lines)


def _prepared(course: Course, one: Assignment) -> Trial:
    """Release into the temporary course, and lay every case into `submitted/`."""
    report, api = Report(one.name), course.api()
    if stale([one.name]):
        report.problems.append(f"the notebook is not what its text says (labkit course build {one.name} rewrites it)")
    source = course.root / "source" / one.name
    solved = build(one.text)
    answers = {cell.metadata.nbgrader.grade_id: cell.source for cell in solved.cells if is_solution(cell)}
    trial = Trial(report, answers, read(one.wrong, set(answers)))
    source = course.root / "source" / one.name
    if one.notebook.parent.is_dir():
        shutil.copytree(one.notebook.parent, source)  # with the files that an assignment may bring
    source.mkdir(parents=True, exist_ok=True)
    nbformat.write(solved, source / one.notebook.name)
    generate(api, one.name)
    with api.gradebook as gradebook:
        report.points = sum(cell.max_score for cell in gradebook.find_notebook(one.name, one.name).grade_cells)
        for case in trial.cases():  # nbgrader stumbles when two processes make the same student
            gradebook.update_or_create_student(case)
    released = course.root / "release" / one.name / one.notebook.name
    for case, replaced in trial.cases().items():
        notebook = _with(nbformat.read(released, as_version=4), replaced)
        for step in ("submitted", "visible") if case in FIRST else ("submitted",):
            shutil.copytree(released.parent, course.root / step / case / one.name)
            if case not in FIRST:
                notebook = _with_visible_checks(notebook)
            nbformat.write(notebook, course.root / step / case / one.name / one.notebook.name)
    return trial


def _with(notebook: NotebookNode, answers: dict[str, str]) -> NotebookNode:
    """A notebook with these answers in its solution cells."""
    for cell in notebook.cells:
        if is_solution(cell):
            cell.source = answers.get(cell.metadata.nbgrader.grade_id, cell.source)
    return notebook


def _with_visible_checks(notebook: NotebookNode) -> NotebookNode:
    """Each check twice, as students have it and then as it is graded: both found out in one run.

    What stands behind the last check cannot change a point, and is left out: mostly the student's own measurement.
    """
    cells, last = [], 0
    for cell in notebook.cells:
        if is_grade(cell):
            cells.append(new_code_cell(cell.source, id=VISIBLE + cell.metadata.nbgrader.grade_id[:50]))
            last = len(cells) + 1
        cells.append(cell)
    notebook.cells = cells[:last]
    return notebook


def _graded(course: Course, batch: tuple[str, list[str]]) -> tuple[str, list[Got]]:
    """Grade the cases of a batch, in one kernel; the first one finds it as a student's notebook would."""
    name, cases = batch
    api = course.api()
    api.config.Autograde.autograde_preprocessors = [
        WarmExecute if step is Execute else step for step in Autograde.autograde_preprocessors.default()
    ]
    with empty_home(), warm_kernel():
        return name, [_case(api, course, name, case) for case in cases]


def _case(api: NbGraderAPI, course: Course, name: str, case: str) -> Got:
    problem = why(api.autograde(name, case))
    if problem:
        return Got(case, None, problem)
    with api.gradebook as gradebook:
        grades = gradebook.find_submission_notebook(name, name, case).grades
        earned = sum(grade.auto_score or 0 for grade in grades if grade.cell.type == "GradeCell")
    if case in FIRST:
        path = course.root / "visible" / case / name / f"{name}.ipynb"
        findings = validate_file(path, api.config, WarmExecute)
    else:
        findings = _visible_findings(course, name, case)
    return Got(case, earned, findings=[one for one in findings if one.status != "held"])


def _visible_findings(course: Course, name: str, case: str) -> list[Finding]:
    """What validation would say about the checks as students have them, from a graded notebook."""
    released = nbformat.read(course.root / "release" / name / f"{name}.ipynb", as_version=4)
    graded = nbformat.read(course.root / "autograded" / case / name / f"{name}.ipynb", as_version=4)
    outputs = {cell.id: cell.outputs for cell in graded.cells if cell.cell_type == "code"}
    checks = [cell for cell in released.cells if is_grade(cell)]
    for cell in checks:
        cell.outputs = outputs[VISIBLE + cell.metadata.nbgrader.grade_id[:50]]
    return [finding for cell in checks if (finding := judged(cell))]


def _judged(trial: Trial) -> Report:
    """Say every breach in a sentence."""
    report, got = trial.report, trial.got
    report.unsolved, report.reference = (got[case].earned for case in FIRST)
    report.problems += [f"{one.case} could not be graded: {one.problem}" for one in got.values() if one.problem]
    if report.unsolved:
        report.problems.append(f"with nothing solved it earns {report.unsolved:g} points, not 0")
    if not got["unsolved"].findings:
        report.problems.append("with nothing solved it passes validation")
    if report.reference is not None and report.reference != report.points:
        report.problems.append(f"the reference earns {report.reference:g} of {report.points:g} points")
    report.problems += [f"the reference fails a visible check, {_first(one)}" for one in got["reference"].findings[:1]]
    for wrong in trial.wrong:
        expected, earned = report.points - wrong.loses, got[wrong.name].earned
        report.wrong.append({"name": wrong.name, "expected": expected, "got": earned})
        if earned is not None and abs(earned - expected) > 1e-9:
            report.problems.append(
                f"{wrong.name} loses {report.points - earned:g} points, not the {wrong.loses:g} written beside it"
            )
        if wrong.visible and (findings := got[wrong.name].findings):
            report.problems.append(f"{wrong.name} does not pass every visible check: {_first(findings[0])}")
    caught = {wrong.cell for wrong in trial.wrong if wrong.visible}
    for cell in sorted(set(trial.answers) - caught):
        report.problems.append(f"no wrong solution of {cell} passes every visible check (visible=true)")
    return report


def _first(finding: Finding) -> str:
    return f"{finding.cell} ({finding.message})"


def _said(points: float | None) -> str:
    return "nothing" if points is None else f"{points:g}"
