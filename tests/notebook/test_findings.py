"""Findings: sentences whose numbers come from the run."""

import math
from types import SimpleNamespace

import pytest

from labkit.notebook import finding


def test_a_finding_is_the_sentence(capsys):
    assert finding("It costs {cost.total:.1f} times more, $2.", cost=SimpleNamespace(total=2.04)) is None
    assert capsys.readouterr().out == "It costs 2.0 times more, $2.\n"


@pytest.mark.parametrize(
    ("template", "numbers", "words"),
    [
        ("{ratio}", {}, "a number for {ratio}"),
        ("{}", {}, "pass it by name"),
        ("{ratio:.1f}", {"ratio": "x"}, "cannot be written"),
        ("{ratio:.1f}", {"ratio": math.nan}, "is nan"),
        ("{ratio", {"ratio": 1}, "cannot be written"),
    ],
)
def test_what_cannot_be_said(template, numbers, words):
    with pytest.raises(ValueError, match=words):
        finding(template, **numbers)
