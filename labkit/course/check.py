"""`labkit course check`: graders are graded.

For every assignment: the release with nothing solved earns nothing and fails validation; the reference earns all and
passes; every named wrong solution loses exactly what is written beside it; and for each exercise at least one passes
every visible check, so that the hidden ones are known to be worth having.
"""

import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tqdm import tqdm

from labkit.course.room import Course, empty_home, surroundings
from labkit.course.shelf import shelf, stale
from labkit.course.trial import FIRST, Trial, prepared, run
from labkit.course.validate import Finding
from labkit.home import course as clone


@dataclass
class Report:
    """What was found about one assignment."""

    name: str
    points: float = 0.0
    unsolved: float | None = None
    reference: float | None = None
    wrong: list[dict] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def check(names: list[str]) -> list[Report]:
    """Check assignments of the clone by name (all if none)."""
    assignments = shelf(names)
    with surroundings(), tempfile.TemporaryDirectory(prefix="labkit-", ignore_cleanup_errors=True) as folder:
        course = Course(clone() / "assignments", Path(folder).resolve() / "desk")
        trials = [prepared(course, one) for one in assignments]
        total = sum(2 * len(trial.cases()) + len(FIRST) for trial in trials)
        with empty_home(), tqdm(total=total, desc="grading cases", leave=False, disable=None) as progress:
            run(course, trials, progress)
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
        lines.append(f"{head}unsolved {one.unsolved:g}, reference {one.reference:g}")
        lines += [f"         {case['name']}: {case['got']:g} of {case['expected']:g}" for case in one.wrong]
        lines += [f"       - {problem}" for problem in one.problems]
    return "\n".join(lines)


def _judged(trial: Trial) -> Report:
    """Say every breach in a sentence."""
    name, got = trial.one.name, trial.got
    report = Report(name, trial.plan.points, *(got[case].earned for case in FIRST))
    if stale([name]):
        report.problems.append(f"the notebook is not what its text says (labkit course build {name} rewrites it)")
    report.problems += [f"{case} could not be graded: {one.problem}" for case, one in got.items() if one.problem]
    if report.unsolved:
        report.problems.append(f"with nothing solved it earns {report.unsolved:g} points, not 0")
    if not got["unsolved"].findings:
        report.problems.append("with nothing solved it passes validation")
    if report.reference != report.points:
        report.problems.append(f"the reference earns {report.reference:g} of {report.points:g} points")
    report.problems += [f"the reference fails a visible check, {_first(one)}" for one in got["reference"].findings[:1]]
    for wrong in trial.wrong:
        expected, earned = report.points - wrong.loses, got[wrong.name].earned
        report.wrong.append({"name": wrong.name, "expected": expected, "got": earned})
        if abs(earned - expected) > 1e-9:
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
