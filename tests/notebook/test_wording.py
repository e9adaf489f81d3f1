"""How numbers and comparisons are said."""

import pytest

from labkit.notebook.wording import amount, off_by


@pytest.mark.parametrize(
    ("value", "text"),
    [(421642, "421,642"), (1.6923, "1.69"), (0.000123, "0.000123"), (1234.5, "1,234"), (-3, "-3"), (1e20, "1e+20")],
)
def test_amounts(value, text):
    assert amount(value) == text


@pytest.mark.parametrize(
    ("best", "value", "words"),
    [
        (2, 2, "exact"),
        (2, 1.98, "within 5 %"),
        (10, 2, "5.0 times too high"),
        (-1, -4, "4.0 times too high"),
        (0, 3, "off by 3 s"),
        (1, 1e6, "1,000,000 times too low"),
    ],
)
def test_how_far_a_guess_is(best, value, words):
    assert off_by(best, value, "s") == words
