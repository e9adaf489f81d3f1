"""Small notebooks before the court: what each rule of the judge is worth, in points. All are graded at once."""

import re
from dataclasses import replace

import nbformat
import pytest
from nbgrader.utils import compute_checksum, is_solution

from labkit.course.text import build
from labkit.grading.cohort import REFERENCE, Case, judge
from labkit.grading.judge.plan import Cell, Plan, plan_of
from labkit.grading.sandbox import find
from tests.grading.judge.hearings import TRIED
from tests.grading.judge.ranked_hearings import RANKED
from tests.needs import needs_sandbox

ALL = TRIED | RANKED


def plan(text: str, path) -> Plan:
    """The plan of a text form, as if it were released."""
    path.write_text(text)
    source = build(path)
    marked = {}
    for cell in source.cells:
        if marks := cell.metadata.get("nbgrader"):
            kind = "test" if marks.grade else "solution" if marks.solution else "task" if marks.task else "locked"
            marks = {**marks, "cell_type": cell.cell_type, "checksum": compute_checksum(cell)}
            marked[marks["grade_id"]] = Cell(
                marks["grade_id"], kind, cell.cell_type, cell.source, marks.get("points", 0.0), marks=marks
            )
    return plan_of("nb", source, marked, 20.0)


def handed_in(asked: Plan, answers: dict[str, str]) -> bytes:
    notebook = nbformat.reads(asked.solved.decode(), as_version=4)
    for cell in notebook.cells:
        if is_solution(cell):
            cell.source = answers.get(cell.metadata.nbgrader.grade_id, cell.source)
    return nbformat.writes(notebook, version=4).encode()


@pytest.fixture(scope="module")
def judgments(tmp_path_factory):
    needs_sandbox()
    path = tmp_path_factory.mktemp("texts") / "nb.py"
    plans = {name: replace(plan(tried.text, path), notebook=re.sub(r"\W", "_", name)) for name, tried in ALL.items()}
    cases = [
        Case(name, plans[name], handed_in(plans[name], tried.answers), given=tried.given) for name, tried in ALL.items()
    ]
    given = {"n.txt": b"7"}
    heard = judge(cases, tuple(plans.values()), given, find(), 2)
    return {case.student: judgment for case, judgment in heard if case.student != REFERENCE}


@pytest.mark.parametrize("name", ALL)
def test_it_is_worth(judgments, name):
    tried, judgment = ALL[name], judgments[name]
    notebook = nbformat.reads(judgment.notebook, as_version=4)
    errors = [one for cell in notebook.cells for one in cell.get("outputs", []) if one.output_type == "error"]
    said = "; ".join(f"{one.ename}: {one.evalue}" for one in errors)
    assert judgment.points == tried.points, said or judgment.reason
    assert judgment.status == tried.status, judgment.reason
    assert re.search(tried.says, said)
    assert tried.shown in judgment.notebook
    assert "<script>" not in judgment.notebook.replace("HTML('<script>", "")
