"""The problem sets themselves, in the short form of `labkit course check`: unsolved earns 0, the reference everything.

The wrong solutions take minutes, and are the command's.
"""

import pytest
from tqdm import tqdm

from labkit.course.room import Course, empty_home, surroundings
from labkit.course.shelf import shelf, stale
from labkit.course.trial import prepared, run
from labkit.home import course as clone
from tests.needs import needs_sandbox

NAMES = [one.name for one in shelf([])]


def test_their_notebooks_are_what_their_texts_say():
    assert NAMES
    assert not stale([])


@pytest.mark.parametrize("name", NAMES)
def test_unsolved_nothing_and_the_reference_everything(name, tmp_path):
    needs_sandbox()
    [one] = shelf([name])
    with surroundings():
        course = Course(clone() / "assignments", tmp_path / "desk")
        trial = prepared(course, one)
        assert trial.wrong
        trial.wrong.clear()
        with empty_home(), tqdm(disable=True) as progress:
            run(course, [trial], progress)
    unsolved, reference = trial.got["unsolved"], trial.got["reference"]
    assert (unsolved.earned, unsolved.problem) == (0, "")
    assert unsolved.findings
    assert (reference.earned, reference.problem) == (trial.plan.points, "")
    assert not reference.findings
