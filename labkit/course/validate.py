"""`labkit course validate`: one's own notebook, run top to bottom, and in words what its visible checks found.

It runs one's own code, so it needs no sandbox. The file itself is not changed.
"""

import re
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearOutput, Execute, IgnorePattern
from nbgrader.preprocessors.execute import UnresponsiveKernelError
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_locked, is_solution
from traitlets.config import Config

from labkit.course.failed import COLOUR
from labkit.course.room import Course, surroundings
from labkit.course.trouble import at_a_glance
from labkit.errors import WrongUse


@dataclass
class Finding:
    """What was found about one cell: held, failed, partly, unsolved, changed or error."""

    cell: str
    status: str
    message: str = ""


def validate(course: Course, assignment: str) -> list[Finding]:
    """Run the student's notebooks of an assignment. Nothing in them is kept."""
    folder = course.notebooks() / assignment
    paths = sorted(folder.glob("*.ipynb"))
    if not paths:
        raise WrongUse(f"There is no notebook in {folder}: labkit course fetch {assignment} puts it there.")
    with surroundings():
        config = course.config()
        return [finding for path in paths for finding in validate_file(path, config)]


def validate_file(path: Path, config: Config) -> list[Finding]:
    """Run one notebook in its own folder."""
    if said := at_a_glance(path.read_bytes(), path.stem):
        return [Finding(path.name, "error", said)]
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    try:
        for preprocessor in (ClearOutput, Execute, IgnorePattern):
            notebook, resources = preprocessor(config=config)(notebook, resources)
    except (DeadKernelError, UnresponsiveKernelError):
        return [Finding(path.name, "error", "its kernel died or hangs: a cell needs too much memory or never ends")]
    return [finding for cell in notebook.cells if (finding := judged(cell))]


def is_well(findings: list[Finding]) -> bool:
    """Whether every visible check holds."""
    return bool(findings) and all(finding.status == "held" for finding in findings)


def as_dict(assignment: str, findings: list[Finding]) -> dict:
    """The findings as JSON says them."""
    return {"assignment": assignment, "ok": is_well(findings), "cells": [asdict(finding) for finding in findings]}


def as_text(findings: list[Finding]) -> str:
    """The findings as people read them."""
    width = max((len(finding.cell) for finding in findings), default=0)
    lines = [f"{finding.status:9} {finding.cell:{width}}  {finding.message}".rstrip() for finding in findings]
    checks = [finding for finding in findings if finding.status in ("held", "failed", "partly")]
    held = sum(finding.status == "held" for finding in checks)
    end = "Hidden checks on other cases follow at grading." if is_well(findings) else "Nothing was submitted."
    return "\n".join([*lines, f"{held} of {len(checks)} visible checks hold. {end}"])


def message(output: NotebookNode) -> str:
    """An error in words: what its author wrote, or else the line that failed."""
    said = [line.rstrip() for line in COLOUR.sub("", output.evalue).splitlines() if line.strip()]
    if output.ename == "AssertionError":
        if said:
            return " ".join(said[:3])
        arrow = re.search(r"^-+> \d+ (.*)", COLOUR.sub("", "\n".join(output.traceback)), re.MULTILINE)
        return f"this does not hold: {arrow[1].strip()}" if arrow else "an assertion does not hold"
    return f"{output.ename}: {said[-1]}" if said else output.ename


def judged(cell: NotebookNode) -> Finding | None:
    """What there is to say about one cell after the run."""
    name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
    errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
    changed = compute_checksum(cell) != cell.metadata["nbgrader"].get("checksum") if name else False
    if name and is_grade(cell) and cell.cell_type == "code" and not is_solution(cell):
        if changed and "checksum" in cell.metadata["nbgrader"]:
            return Finding(name, "changed", "you changed this check; it is graded as it was handed out")
        if errors:
            return Finding(name, "failed", message(errors[0]))
        score, most = determine_grade(cell)
        return Finding(name, "held") if score == most else Finding(name, "partly", f"{score:g} of {most:g} points")
    if name and is_solution(cell) and not changed:
        return Finding(name, "unsolved", "nothing of your own is in this cell yet")
    if name and is_locked(cell) and changed and "checksum" in cell.metadata["nbgrader"]:
        return Finding(name, "changed", "this cell is not yours to change; grading puts it back")
    if errors and not name:
        return Finding(cell.source.strip().split("\n")[0][:40], "error", message(errors[0]))
    return None
