"""Explain in your own words, then ours opens."""

import pytest

from labkit.notebook import AnswerFirst, NotQuite, explain
from labkit.notebook.records import everything

SENTENCE = "The imports cost $5 and <more>."


def test_an_open_explanation_stops_without_showing_ours(capsys, ours, in_a_notebook):
    with pytest.raises(AnswerFirst, match="Explain first"):
        explain("who carries what", ...)
    assert "imports" not in capsys.readouterr().out


def test_ours_opens_after_the_sentence(capsys, ours):
    explain("who carries what", SENTENCE)
    assert f"You wrote: {SENTENCE}\n\nOurs: The *imports*." in capsys.readouterr().out
    explain("who carries what", ...)
    assert f"You wrote: {SENTENCE}" in capsys.readouterr().out
    assert [record["sentence"] for record in everything().of("explanation")] == [SENTENCE]


def test_ours_may_be_given(capsys):
    explain("anything", SENTENCE, ours="Markdown of ours.")
    assert "Ours: Markdown of ours." in capsys.readouterr().out


@pytest.mark.parametrize("sentence", ["dunno", "          ", "Who carries  what?", 3, None])
def test_what_is_no_sentence_is_refused_kindly(sentence, ours):
    with pytest.raises(NotQuite):
        explain("who carries what", sentence)
    assert everything().records == []


def test_a_section_that_is_not_there_names_those_that_are(ours):
    with pytest.raises(NotQuite, match='no section "## nothing", but who carries what, other'):
        explain("nothing", SENTENCE)
