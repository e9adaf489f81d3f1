"""Everybody who handed in gets a page: also those whose submission could not be graded, and who are told why."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from labkit.course import collect, exchange, feedback, grade
from labkit.course.record import Record, Records
from labkit.course.room import surroundings


@pytest.fixture
def desk(tmp_path):
    return tmp_path / "home" / "notebooks" / "grading"


def words(path: Path) -> str:
    """What a page says."""
    text = re.sub(r"<style>.*</style>", "", path.read_text(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def record(desk: Path, student: str, **said) -> None:
    path = desk / "judged" / "ps00" / f"{student}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"student": student, "score": 0, "max_score": 7, "judge": "labkit", **said}))


def hand_in(course, tmp_path, **notebooks: str) -> None:
    for student, content in notebooks.items():
        folder = tmp_path / "given" / student
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ps00.ipynb").write_text(content)
    collect.collect(course, "ps00", tmp_path / "given")


def test_a_damaged_submissions_page_goes_through_the_exchange(one_person, tmp_path, desk):
    exchange.fetch(one_person, "ps00")
    own = tmp_path / "home" / "notebooks" / "ps00" / "ps00.ipynb"
    whole = own.read_text()
    own.write_text(whole[: len(whole) // 2])
    exchange.submit(one_person, "ps00")
    [row] = collect.collect(one_person, "ps00")
    [got] = grade.grade(one_person, "ps00")["submissions"]
    assert got["status"] == "unreadable"
    record(desk, row.student, status="unreadable", reason=got["reason"], time=got["time"])

    [row] = feedback.feedback(one_person, "ps00")
    assert row.status == "released"
    assert "unreadable" in row.reason
    [path] = [Path(row.reason) for row in exchange.fetch(one_person, "ps00") if row.status == "feedback"]
    said = words(path)
    assert "0 of 7 points" in said
    assert "could not be read" in said
    assert "breaks off or is damaged" in said
    assert "labkit course submit ps00" in said
    assert "half-many 0 of 2" in said

    record(desk, row.student, status="unreadable", reason=got["reason"], time="2026-01-01T00:00:00Z")
    own.write_text(whole)
    exchange.submit(one_person, "ps00")
    collect.collect(one_person, "ps00")
    feedback.feedback(one_person, "ps00")
    paths = [Path(row.reason) for row in exchange.fetch(one_person, "ps00") if row.status == "feedback"]
    [path] = [one for one in paths if "breaks off" not in one.read_text()]
    assert "has not been graded" in words(path), "the record is of the earlier submission"


def test_a_notebook_by_another_name_gets_an_answer_too(one_person, tmp_path, desk):
    """nbgrader's own `submit` lets it through, and `fetch` then asks for a page of that name."""
    exchange.fetch(one_person, "ps00")
    folder = tmp_path / "home" / "notebooks" / "ps00"
    (folder / "ps00.ipynb").rename(folder / "my <b>try.ipynb")
    with surroundings():
        api = one_person.api()
        api.coursedir.assignment_id = "ps00"
        api.exchange.Submit(coursedir=api.coursedir, authenticator=api.authenticator, parent=api).start()
    [inbound] = (tmp_path / "home" / "course" / "exchange" / "ml-systems" / "inbound").iterdir()
    student = inbound.name.split("+")[0]
    shutil.copytree(inbound, desk / "submitted" / student / "ps00")
    record(desk, student, status="unreadable", reason="there is no ps00.ipynb in the submission")
    feedback.feedback(one_person, "ps00")
    [path] = [Path(row.reason) for row in exchange.fetch(one_person, "ps00") if row.status == "feedback"]
    assert path.name == "my <b>try.html"
    assert "there is no ps00.ipynb in the submission" in words(path)
    assert "<b>" not in path.read_text()


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        ("refused", "<img src=x onerror=alert(1)>.ipynb is no plain file", "was not graded"),
        ("unreadable", "ps00.ipynb is empty", "could not be read"),
        ("timeout", "a cell ran too long and could not be interrupted", "ran too long"),
        ("partial", "it used more than 2048 MB of memory", "Only a part"),
        ("", "", "has not been graded"),
        ("made up", "ps00.ipynb is a riddle", "has not been graded"),
    ],
)
def test_the_reason_is_told(one_person, tmp_path, desk, status, reason, expected):
    hand_in(one_person, tmp_path, ann="")
    if status:
        record(desk, "ann", status=status, reason=reason)
    [row] = feedback.feedback(one_person, "ps00")
    assert row.status == "made"
    made = desk / "feedback" / "ann" / "ps00" / "ps00.html"
    assert expected in words(made)
    assert reason.replace("<", "&lt;").replace(">", "&gt;") in made.read_text()
    assert "of 7 points" in words(made)
    assert "onerror" not in made.read_text().replace("onerror=alert(1)&gt;", "")


def test_a_graded_page_says_what_the_judge_said(one_person, released, tiny, tmp_path, desk):
    right = tiny.solved(released, tiny.RIGHT)
    hand_in(one_person, tmp_path, ann=right, bob=right, cat=right)
    grade.grade(one_person, "ps00")
    record(desk, "ann", status="timeout", reason="the cell slow was stopped: it ran too long; the others count")
    record(desk, "bob", status="graded", reason="3 points wait for a person")
    record(desk, "cat", status="refused", reason="the cell double is there twice")
    feedback.feedback(one_person, "ps00")
    ann, bob, cat = (words(desk / "feedback" / student / "ps00" / "ps00.html") for student in ("ann", "bob", "cat"))
    assert "A part of this submission ran too long. the cell slow was stopped" in ann
    assert "x + x" in ann.replace("  ", " ")
    assert "3 points wait for a person" in bob
    assert "double-one 1 of 1" in bob
    assert "why 0 of 3 waits for a person to grade it" in bob
    assert "Your notebook, as it was graded" not in cat, "what is left of an earlier grading is not this submission"
    assert os.stat(desk / "feedback" / "ann" / "ps00" / "ps00.html").st_mode & 0o777 == 0o644


def test_what_was_graded_before_a_new_submission_is_not_shown_as_the_new_one(
    one_person, released, tiny, tmp_path, desk
):
    hand_in(one_person, tmp_path, ann=tiny.solved(released, tiny.RIGHT))
    grade.grade(one_person, "ps00")
    hand_in(one_person, tmp_path, ann=tiny.solved(released, {"half": "def half(x):\n    return 'the new one'"}))
    feedback.feedback(one_person, "ps00")
    said = words(desk / "feedback" / "ann" / "ps00" / "ps00.html")
    assert "has not been graded" in said
    assert "x + x" not in said


def test_one_page_that_cannot_be_made_stops_no_other(one_person, released, tmp_path, desk):
    hand_in(one_person, tmp_path, ann=released.read_text(), bob=released.read_text())
    folder = desk / "autograded" / "ann" / "ps00"
    folder.mkdir(parents=True)
    (folder / "ps00.ipynb").write_text('{"cells": 7}')
    (desk / "feedback").mkdir()
    (desk / "feedback" / "bob").write_text("a file where a folder should be")
    rows = {row.student: row.status for row in feedback.feedback(one_person, "ps00")}
    assert rows == {"ann": "made", "bob": "failed"}
    assert "has not been graded" in words(desk / "feedback" / "ann" / "ps00" / "ps00.html")


def test_a_record_that_is_none(tmp_path):
    folder = tmp_path / "judged" / "ps00"
    folder.mkdir(parents=True)
    records = Records(tmp_path, "ps00")
    for content in ("", "[]", "{", '{"status": ["graded"]}', '{"status": null, "reason": null}', "\udcff"):
        (folder / "ann.json").write_text(content, errors="surrogateescape")
        assert records.read("ann") == Record()
    (folder / "ann.json").write_text('{"status": "graded", "judge": "nbgrader", "more": 1}')
    assert records.read("ann") == Record("graded", judge="nbgrader")
    assert not records.read("ann").sealed
    assert Record("graded", judge="labkit").sealed
