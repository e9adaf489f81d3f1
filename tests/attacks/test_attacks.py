"""Every attack and every unusual honest submission in one cohort, graded by the judge: each gets what it earned, and
nothing else happens.

`ATTACKS=lying,forging pytest tests/attacks` runs some classes only; `ATTACKS=lie_always` one attack.
"""

import html
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.course import grade
from labkit.course.feedback import feedback
from labkit.grading import cohort
from tests import needs
from tests.attacks.cohort import CELL_S, CLASSMATES, Cohort, environment, prepare
from tests.attacks.course import MOST, NAME, SENTINEL
from tests.attacks.ears import listening
from tests.attacks.run import Row, run
from tests.attacks.suite import chosen, everything
from tests.attacks.watching import adopting_orphans, family, left
from tests.pages import Seen

# What a court may take for itself: a test may keep all that answers become in one cell, which is 1 GB.
MOST_MB = 1400
STATUSES = {"graded", "partial", "timeout", "refused", "unreadable"}


def names() -> list[str]:
    """The attacks of this run: all, or those of `$ATTACKS`."""
    wanted = [word for word in os.environ.get("ATTACKS", "").split(",") if word]
    found = [one for one in chosen() if not wanted or one.kind in wanted or one.name in wanted]
    return sorted({one.name for one in found} | {one.after for one in found if one.after})


class Ran:
    """What a run was like."""

    def __init__(self, cohort: Cohort) -> None:
        self.cohort = cohort
        self.pages: dict[str, str] = {}
        attacks = [everything()[name] for name in names()]
        with listening() as ears, adopting_orphans():
            cohort.hand_in(attacks, ears.port)
            self.before, processes, began = cohort.kept(), family(), time.perf_counter()
            self.courts_mb: dict[str, float] = {}
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(grade, "judge", self._judge)
                self.rows: dict[str, Row] = {row.attack.name: row for row in run("judge", attacks, cohort)}
            self.seconds = time.perf_counter() - began
            self.left, self.after, self.heard = left(processes), cohort.kept(), list(ears.heard)
        self.memory_mb = max(self.courts_mb.values())
        self.files = cohort.left()
        with cohort.course.api().gradebook as gradebook:
            self.classmates = [gradebook.find_submission(NAME, name).score for name in CLASSMATES]

    def _judge(self, *asked: object) -> Iterator:
        for case, judgment in cohort.judge(*asked):
            self.courts_mb[case.student] = judgment.memory_mb
            yield case, judgment


@pytest.fixture(scope="module")
def ran():
    """One run, of everything. Its course does not lie in /tmp, which a sandbox may hide without meaning to."""
    needs.needs_sandbox()
    folder = Path(tempfile.mkdtemp(prefix="attacks-", dir="/var/tmp" if os.path.isdir("/var/tmp") else None))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**environment(folder), "SECRET_OF_THE_INSTRUCTOR": "secret-of-the-instructor"}.items():
            patch.setenv(name, value)
        try:
            found = Ran(prepare(folder))
            print(f"\n{len(found.rows)} submissions in {found.seconds:.0f} s, {found.memory_mb:.0f} MB at most")
            found.pages = pages(found.cohort)
            yield found
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def pages(cohort: Cohort) -> dict[str, str]:
    """Each student's page of feedback."""
    feedback(cohort.course, NAME)
    folder = cohort.root / "feedback"
    return {path.parts[-3]: path.read_text(errors="replace") for path in folder.glob(f"*/{NAME}/*.html")}


@pytest.mark.parametrize("name", names())
def test_it_gets_what_it_earned(ran, name):
    row = ran.rows[name]
    assert row.status in STATUSES, f"there is no grade ({row.status})"
    least = "at most " if row.attack.at_most else ""
    assert row.fair, f"{row.attack.tries}: earned {least}{row.attack.earns:g}, got {row.score:g} ({row.remark})"


def test_honest_classmates_lose_nothing(ran):
    assert ran.classmates == [MOST] * len(CLASSMATES)


def test_nothing_was_written_outside_the_sandbox(ran):
    assert not ran.files
    changed = {path for path in ran.before if ran.after.get(path) != ran.before[path]}
    assert not changed, "grading changed what was handed in, or the course"
    new = {path for path in set(ran.after) - set(ran.before) if "/submitted/" in path or "/person/" in path}
    assert not new


def test_no_process_is_left(ran):
    assert not ran.left


def test_nothing_was_sent(ran):
    assert not ran.heard


def test_memory_outside_the_sandbox_is_bounded(ran):
    most = max(ran.courts_mb, key=ran.courts_mb.get)
    least = min(ran.courts_mb.values())  # what a court shares with this process, and with all others
    assert least > 50
    assert ran.memory_mb - least < MOST_MB, most


def test_what_hangs_takes_no_longer_than_its_limit(ran):
    slowest = max(ran.rows.values(), key=lambda row: row.seconds)
    assert slowest.seconds < 6 * CELL_S, slowest.attack.name


def test_feedback_shows_no_hidden_test_and_no_script(ran):
    assert ran.pages.keys() >= set(CLASSMATES)
    for name, page in ran.pages.items():
        plain = html.unescape(re.sub(r"<[^>]*>", "", page))
        assert SENTINEL not in plain, f"{name} sees a hidden test"
        assert "secret-of-the-instructor" not in plain, name
        assert not Seen(page).programs(), f"the page of {name} has a program"
