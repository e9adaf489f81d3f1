"""Decision records."""

import pytest

from labkit.notebook import AnswerFirst, NotQuite, decision, measured, predict
from labkit.notebook.records import everything, folder

BOX = {
    "title": "Which box: 512 MB?",
    "context": "One small box.",
    "options": {"small": "5 EUR", "large": 20},
    "decision": "small",
    "evidence": ["size"],
    "would_change_if": "the model grows",
}


@pytest.fixture(autouse=True)
def evidence(capsys):
    predict("size", "MB", low=1, best=2, high=4)
    measured("size", 1.69)
    capsys.readouterr()


def written() -> list[str]:
    return sorted(path.name for path in (folder() / "decisions").glob("*.md"))


def test_a_decision_is_kept_as_markdown(capsys):
    decision(**BOX)
    text = (folder() / "decisions" / "0001-which-box-512-mb.md").read_text(encoding="utf-8")
    assert "| small | 5 EUR |\n| large | 20 |" in text
    assert "- size: 1.69 MB (lab 00_questions)" in text
    assert "you decided for small, at a cost of 5 EUR, and not for large (20)" in capsys.readouterr().out


def test_an_identical_run_changes_nothing_and_another_text_is_a_revision():
    decision(**BOX)
    decision(**BOX)
    assert len(written()) == 1
    decision(**BOX | {"decision": "large"})
    assert written() == ["0001-which-box-512-mb.md", "0002-which-box-512-mb.md"]
    assert "revises 0001" in (folder() / "decisions" / written()[1]).read_text()


def test_who_has_decided_nothing_supersedes_nothing():
    decision(**BOX | {"supersedes": "What another lab asks"})
    assert "supersedes" not in (folder() / "decisions" / "0001-which-box-512-mb.md").read_text()


def test_a_decision_may_supersede_another():
    decision(**BOX)
    decision(**BOX | {"title": "Later", "supersedes": BOX["title"]})
    assert "supersedes 0001-which-box-512-mb.md" in (folder() / "decisions" / "0002-later.md").read_text()
    with pytest.raises(NotQuite, match="There are: Later; Which box"):
        decision(**BOX | {"title": "Third", "supersedes": "No such"})


@pytest.mark.parametrize(
    "part", [{"context": ...}, {"options": {"a": ..., "b": 1}}, {"evidence": [...]}, {"title": ...}, {"decision": ...}]
)
def test_anything_open_stops_kindly(part, in_a_notebook):
    with pytest.raises(AnswerFirst, match=f"fill in the ... of {next(iter(part))}"):
        decision(**BOX | part)
    assert everything().of("decision") == []


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"options": {"small": "5 EUR"}}, "at least two|two options"),
        ({"options": {"small": "", "large": 1}}, 'option "small" cost'),
        ({"decision": "medium"}, "none of the options: small, large"),
        ({"evidence": ["speed"]}, "You have measured: size"),
        ({"evidence": "size"}, "Evidence is a list"),
        ({"evidence": []}, "Evidence is a list"),
        ({"would_change_if": " "}, "would_change_if"),
    ],
)
def test_what_is_no_decision_yet(part, words):
    with pytest.raises(NotQuite, match=words):
        decision(**BOX | part)
    assert everything().of("decision") == []
