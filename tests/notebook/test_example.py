"""The example student, who answers where a cell says `...`."""

import pytest

from labkit.notebook import decision, explain, measured, predict
from labkit.notebook.records import everything

ANSWERS = """
[00_questions.predictions]
"size" = [1, 2, 4]
"cost" = "given up"
[00_questions.explanations]
"why" = "Because of the imports."
[00_questions.decisions."Box?"]
decision = "small"
options = { small = "5 EUR", large = "20 EUR" }
"""


@pytest.fixture(autouse=True)
def example(tmp_path, monkeypatch):
    path = tmp_path / "example.toml"
    path.write_text(ANSWERS)
    monkeypatch.setenv("LABKIT_EXAMPLE_STUDENT", str(path))


def test_the_example_student_answers_what_is_open_and_says_so(capsys):
    predict("size", "MB", low=..., best=..., high=...)
    measured("size", 3)
    predict("cost", "EUR")
    explain("why", ..., ours="Ours.")
    decision(title="Box?", context="c", options=..., decision=..., evidence=["size"], would_change_if="x")
    said = capsys.readouterr().out
    assert "size: The example student predicted 2 MB, between 1 and 4 MB." in said
    assert "cost: The example student gave up on this one." in said
    assert "The example student wrote: Because of the imports." in said
    assert "Box?: the example student decided for small" in said
    assert {record.get("by") for record in everything().of("prediction")} == {"the example student"}


def test_an_answer_in_the_cell_comes_first(capsys):
    predict("size", "MB", low=5, best=6, high=7)
    assert "You predicted 6 MB" in capsys.readouterr().out


def test_a_missing_answer_is_named():
    with pytest.raises(ValueError, match=r'add "speed" to \[00_questions.predictions\]'):
        predict("speed", "1/s")
