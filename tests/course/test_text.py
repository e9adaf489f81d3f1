"""The text form: what it builds, and what it refuses, with the line."""

import json

import pytest

from labkit.course import shelf
from labkit.course.text import build, written
from labkit.errors import WrongUse


@pytest.fixture
def text(tmp_path, tiny):
    path = tmp_path / "ps00.py"
    path.write_text(tiny.TEXT)
    return path


def test_the_metadata_are_nbgraders_and_nothing_else(text):
    cells = {cell.id: cell for cell in build(text).cells}
    test = {"grade": True, "grade_id": "half-many", "locked": True, "schema_version": 3, "solution": False}
    assert cells["half-many"].metadata == {"nbgrader": {**test, "task": False, "points": 2}}
    assert cells["double"].metadata.nbgrader.solution
    assert not cells["double"].metadata.nbgrader.locked
    assert cells["imports"].metadata.nbgrader.locked
    assert cells["why"].metadata.nbgrader.task
    assert cells["why"].metadata.nbgrader.points == 3
    assert [cell.metadata for cell in build(text).cells if len(cell.id) == 12] == [{}, {}]


def test_ids_stay_when_other_cells_change(text, tiny):
    before = [cell.id for cell in build(text).cells]
    assert written(text) == written(text)
    text.write_text(tiny.TEXT.replace("return 2 * x", "return x + x"))
    assert [cell.id for cell in build(text).cells] == before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('test="double-one" points=1', 'test="double-one"', r"line 14: a test cell says what it is worth"),
        ('test="double-one" points=1', 'test="double-one" points=-1', r"line 14: points is a number"),
        ('test="double-one" points=1', 'test="double-one" points=1 seconds="x"', r"line 14: seconds is a number"),
        ("points=3", "points=3 seconds=2", r"line 42: seconds means nothing here"),
        ('solution="half"', 'solution="double"', r'line 29: the name "double" is taken by the cell in line 7'),
        ('locked="imports"', 'locked="imports" colour="red"', r"line 4: colour means nothing here"),
        ('locked="imports"', 'lokced="imports"', r"line 4: lokced means nothing here"),
        (
            "    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION",
            "    return 2 * x",
            "line 7: .*BEGIN SOLUTION",
        ),
        ("score -= abs(half(5) - 2.5) > 1e-9\n### END HIDDEN TESTS", "score", "line 35: .* do not pair"),
        ('[markdown] task="why"', 'task="why"', "line 42: a task cell is a markdown cell"),
        ('locked="imports"', 'locked="my imports"', "line 4: locked wants a name"),
        ("import math", "### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS", "line 4: .* belongs into a test cell"),
        ('solution="half"', 'solution="half" locked="half"', "line 29: a cell is one thing"),
    ],
)
def test_a_mistake_is_told_with_its_line(text, tiny, old, new, says):
    assert old in tiny.TEXT
    text.write_text(tiny.TEXT.replace(old, new))
    with pytest.raises(WrongUse, match=says):
        build(text)


def test_build_writes_only_what_changed_and_check_finds_what_is_stale(small_course):
    assert shelf.build([]) == []
    notebook = small_course / "assignments" / "source" / "ps00" / "ps00.ipynb"
    stored = json.loads(notebook.read_text())
    stored["cells"][0]["source"] = "something else"
    notebook.write_text(json.dumps(stored))
    assert shelf.stale([]) == ["ps00"]
    assert shelf.build(["ps00"]) == [notebook]
    assert shelf.stale([]) == []
    with pytest.raises(WrongUse, match="There is no assignment ps77"):
        shelf.build(["ps77"])


def test_the_courses_own_notebooks_are_what_their_text_says():
    assert shelf.stale([]) == [], "labkit course build"
