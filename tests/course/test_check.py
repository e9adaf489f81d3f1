"""`labkit course check` finds what is wrong with graders."""

import json
import subprocess
import sys

import pytest

from labkit.course import check, shelf
from labkit.errors import WrongUse


def test_a_course_whose_graders_are_right(small_course):
    reports = check.check([])
    assert check.is_well(reports), check.as_text(reports)
    assert check.as_dict(reports)["assignments"] == [
        {
            "name": "ps00",
            "points": 4,
            "unsolved": 0,
            "reference": 4,
            "wrong": [
                {"name": "two_of_everything", "expected": 2, "got": 2},
                {"name": "small_numbers_only", "expected": 2, "got": 2},
                {"name": "whole_halves", "expected": 3, "got": 3},
            ],
            "problems": [],
        }
    ]


def test_planted_breaches_are_found(small_course, tiny):
    assignments = small_course / "assignments"
    text = tiny.TEXT.replace("assert double(0) == 0\n", "").replace("return x / 2", "return x / 2 + (x == 5)")
    text = text.replace('assert double("secret-word") == "secret-word" * 2', "pass")
    (assignments / "text" / "ps00.py").write_text(text)
    shelf.build([])
    wrong = tiny.WRONG.replace("loses=2 visible=true", "loses=2 visible=false").replace('"whole_halves"', '"a_third"')
    wrong = wrong.replace("return x // 2", "return x / 3")
    (assignments / "wrong_solutions" / "ps00.py").write_text(wrong)
    (small_course / "assignments" / "source" / "ps00" / "ps00.ipynb").write_text("{}")
    [report] = check.check(["ps00"])
    said = "\n".join(report.problems)
    for breach in (
        "the notebook is not what its text says",
        "with nothing solved it earns 1 points, not 0",
        "the reference earns 3 of 4 points",
        "a_third does not pass every visible check: half-many (1 of 2 points)",
        "no wrong solution of double passes every visible check",
    ):
        assert breach in said, said


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("loses=1 visible=true", "loses=1", "visible is missing"),
        ('cell="half"', 'cell="third"', 'there is no solution cell "third"'),
        ('wrong="whole_halves"', 'wrong="two_of_everything"', "is taken"),
        ("loses=1", "loses=0", "loses says how many points"),
    ],
)
def test_a_wrong_solution_that_says_too_little_is_refused(small_course, tiny, old, new, says):
    (small_course / "assignments" / "wrong_solutions" / "ps00.py").write_text(tiny.WRONG.replace(old, new))
    with pytest.raises(WrongUse, match=says):
        check.check([])


def test_the_command_prints_one_object_and_exits_with_1_on_a_breach(small_course, tiny):
    wrong = tiny.WRONG.replace("loses=1", "loses=2")
    (small_course / "assignments" / "wrong_solutions" / "ps00.py").write_text(wrong)
    command = [sys.executable, "-m", "labkit.cli", "course", "check", "ps00", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    [one] = json.loads(done.stdout)["assignments"]
    assert one["problems"] == ["whole_halves loses 1 points, not the 2 written beside it"]


def test_the_graders_of_this_course():
    reports = check.check([])
    assert check.is_well(reports), check.as_text(reports)
