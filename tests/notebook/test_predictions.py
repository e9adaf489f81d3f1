"""Predict, then measure."""

import math

import numpy as np
import pytest

from labkit.notebook import NotQuite, PredictFirst, measured, predict
from labkit.notebook.records import everything


def test_an_open_prediction_says_what_to_do_and_records_nothing(capsys):
    predict("size", "MB", low=1, best=..., high=3)
    assert "Your turn: size (in MB)?" in capsys.readouterr().out
    assert everything().records == []


def test_nothing_of_a_measurement_shows_before_the_prediction(capsys, in_a_notebook):
    predict("size", "MB")
    with pytest.raises(PredictFirst) as stop:
        measured("size", 1.69)
    assert "1.69" not in capsys.readouterr().out + str(stop.value)
    assert stop.value._render_traceback_() == [str(stop.value)]
    assert everything().records == []


def test_outside_a_notebook_the_sentence_is_printed(capsys):
    predict("size", "MB")
    measured("size", 1.69)
    assert "Predict first" in capsys.readouterr().out


def test_a_measurement_beside_its_prediction(capsys):
    predict("size", "MB", low=1, best=2, high=4)
    measured("size", np.float32(1.6), unit="MB")
    said = capsys.readouterr().out
    assert "size: 1.6 MB. You predicted 2 MB, between 1 and 4 MB: the interval holds it" in said
    assert "1.2 times too high" in said
    assert everything().of("measurement")[0]["value"] == pytest.approx(1.6)


@pytest.mark.parametrize(
    ("value", "words"), [(9, "too low, and the best guess is 4.5 times too low"), (0.5, "too high")]
)
def test_an_interval_that_misses(capsys, value, words):
    predict("size", "MB", low=1, best=2, high=4)
    measured("size", value)
    assert words in capsys.readouterr().out


def test_the_first_answer_stands(capsys):
    predict("size", "MB", low=1, best=2, high=4)
    predict("size", "MB", low=1, best=3, high=4)
    assert (
        "You predicted 2 MB, between 1 and 4 MB. That was the first answer, and it stands." in capsys.readouterr().out
    )
    assert [record["best"] for record in everything().of("prediction")] == [2]


def test_giving_up_opens_the_measurement(capsys):
    predict("size", "MB", low=None, best=None, high=None)
    measured("size", 5)
    assert "size: 5 MB. You made no prediction." in capsys.readouterr().out


@pytest.mark.parametrize(
    "numbers",
    [(3, 2, 1), ("1", 2, 3), (1, None, 3), (1, math.nan, 3), (1, 2, math.inf), (True, 2, 3), (1, 2, [3])],
)
def test_numbers_that_are_no_prediction(numbers):
    low, best, high = numbers
    with pytest.raises(NotQuite, match="size"):
        predict("size", "MB", low=low, best=best, high=high)
    assert everything().records == []


def test_a_unit_cannot_change():
    predict("size", "MB", low=1, best=2, high=4)
    with pytest.raises(ValueError, match="cannot change to GB"):
        predict("size", "GB", low=1, best=2, high=4)
    with pytest.raises(ValueError, match="Convert it first"):
        measured("size", 1, unit="GB")


@pytest.mark.parametrize("value", [math.nan, math.inf, "3", None, ..., True])
def test_a_measurement_is_a_finite_number(value):
    predict("size", "MB", low=1, best=2, high=4)
    with pytest.raises(ValueError, match="finite number"):
        measured("size", value)


def test_a_name_that_nothing_predicts_lists_those_there_are(in_a_notebook):
    predict("size", "MB", low=1, best=2, high=4)
    with pytest.raises(NotQuite, match="There are: size"):
        measured("sise", 1)


def test_a_fresh_copy_of_the_cell_shows_the_answer_that_stands(capsys):
    predict("size", "MB", low=1, best=2, high=4)
    predict("size", "MB", low=..., best=..., high=...)
    assert "Your turn" not in capsys.readouterr().out
