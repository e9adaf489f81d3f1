"""One person goes down the whole road, playing both sides."""

import json
import re
from pathlib import Path

import pytest

from labkit.course import collect, exchange, feedback, grade, validate
from labkit.course.room import find
from labkit.errors import WrongUse


def test_from_release_to_feedback(one_person, tiny, tmp_path):
    with pytest.raises(WrongUse, match=r"There is no notebook in .*fetch"):
        exchange.submit(one_person, "ps00")
    assert [row.status for row in exchange.fetch(one_person, "ps00")] == ["fetched"]
    own = tmp_path / "home" / "notebooks" / "ps00" / "ps00.ipynb"
    handed_out = own.read_text()
    for secret in ("return 2 * x", "secret-word", "3 points"):
        assert secret not in handed_out
    assert 'raise NotImplementedError(\\"Your turn' in handed_out

    unsolved = validate.validate(one_person, "ps00")
    assert not validate.is_well(unsolved)
    assert {one.cell for one in unsolved if one.status == "unsolved"} == {"double", "half"}
    assert own.read_text() == handed_out, "validate must not write into the student's notebook"
    exchange.submit(one_person, "ps00")

    answers = {**tiny.RIGHT, "double": "def double(x):\n    return {0: 0, 1: 2}[x]"}
    own.write_text(tiny.solved(own, answers))
    assert validate.is_well(validate.validate(one_person, "ps00")), "stderr in a check must not count"
    again = exchange.submit(one_person, "ps00")[0]
    assert again.earlier == 1
    fetched_again = exchange.fetch(one_person, "ps00")
    assert [row.status for row in fetched_again] == ["already there"]
    assert own.read_text() == tiny.solved(own, answers), "fetch must not overwrite the student's work"

    collected = collect.collect(one_person, "ps00")
    assert [(row.status, row.earlier) for row in collected] == [("resubmitted", 1)]
    assert [row.status for row in collect.collect(one_person, "ps00")] == ["unchanged"]
    result = grade.grade(one_person, "ps00")
    assert re.match(r"labkit [\d.]+, sandboxed: bubblewrap", result["judge"])
    assert "sandboxed: bubblewrap" in grade.as_text(result)
    [got] = result["submissions"]
    assert (got["score"], got["max_score"], got["status"]) == (2, 7, "graded")
    assert "3 points wait for a person" in got["reason"]

    assert [row.status for row in feedback.feedback(one_person, "ps00")] == ["released"]
    page = next(row.reason for row in exchange.fetch(one_person, "ps00") if row.status == "feedback")
    html = re.sub(r"<[^>]*>", "", Path(page).read_text())
    assert "a hidden check does not hold" in html
    assert "HIDDEN" not in html
    assert "secret-word" not in html
    assert "hidden print" not in html
    path, rows = feedback.export(one_person, "ps00")
    assert path.parent == tmp_path / "home" / "notebooks" / "grading"
    assert [(row["assignment"], float(row["score"])) for row in rows] == [("ps00", 2.0)]


def test_a_due_date_is_kept_in_the_gradebook(small_course):
    course = find(None)
    with pytest.raises(WrongUse, match="is no time"):
        exchange.release(course, "ps00", "soon")
    exchange.release(course, "ps00", "2026-12-01 23:59+01:00")
    with course.api().gradebook as gradebook:
        assert str(gradebook.find_assignment("ps00").duedate) == "2026-12-01 22:59:00"


def test_nothing_is_written_into_the_clone(one_person, small_course):
    kept = {path.name for path in (small_course / "assignments").iterdir()}
    assert kept <= {"nbgrader_config.py", "source", "text", "wrong_solutions", "__pycache__"}


def test_a_check_that_was_changed_or_fails_is_told_in_words(one_person, tiny, tmp_path):
    exchange.fetch(one_person, "ps00")
    own = tmp_path / "home" / "notebooks" / "ps00" / "ps00.ipynb"
    wrong = {"double": "def double(x):\n    return 3", "half": "def half(x):\n    return 1", "double-text": "pass"}
    own.write_text(tiny.solved(own, wrong))
    found = {one.cell: (one.status, one.message) for one in validate.validate(one_person, "ps00")}
    assert found["double-one"] == ("failed", "double(1) is 2")
    assert found["double-text"][0] == "changed"
    assert found["half-many"] == ("partly", "1 of 2 points")


def test_what_is_not_released_or_not_built_is_refused_with_what_to_do(small_course):
    course = find(None)
    with pytest.raises(WrongUse, match="labkit course release ps00"):
        exchange.fetch(course, "ps00")
    with pytest.raises(WrongUse, match="labkit course release ps00"):
        collect.collect(course, "ps00")
    with pytest.raises(WrongUse, match="There is no assignment ps09"):
        exchange.release(course, "ps09")
    text = small_course / "assignments" / "text" / "ps00.py"
    text.write_text(text.read_text() + "\n# %%\nprint()\n")
    with pytest.raises(WrongUse, match="labkit course build ps00"):
        exchange.release(course, "ps00")
    with pytest.raises(WrongUse, match="--course wants the folder"):
        find(small_course)


def test_a_foreign_course_is_used_as_it_is(small_course, tmp_path, tiny):
    other = tmp_path / "other"
    (other / "source" / "hw").mkdir(parents=True)
    source = small_course / "assignments" / "source" / "ps00" / "ps00.ipynb"
    (other / "source" / "hw" / "sums.ipynb").write_text(source.read_text())
    exchange_place = tmp_path / "shared"
    (other / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.course_id = 'x'\nc.Exchange.root = {str(exchange_place)!r}\n"
    )
    course = find(other)
    assert [row.status for row in exchange.release(course, "hw")] == ["released"]
    given = tmp_path / "given" / "ann"
    given.mkdir(parents=True)
    (given / "sums.ipynb").write_text(tiny.solved(other / "release" / "hw" / "sums.ipynb", tiny.RIGHT))
    collect.collect(course, "hw", given.parent)
    [got] = grade.grade(course, "hw")["submissions"]
    assert (got["student"], got["score"]) == ("ann", 4), "a warning on stderr costs nothing"
    assert (other / "gradebook.db").exists()
    assert json.loads((other / "autograded" / "ann" / "hw" / "sums.ipynb").read_text())
