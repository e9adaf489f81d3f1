"""What students hand in, laid onto the instructor's plan: only their answers and their own cells count."""

import base64
import json
import warnings

import nbformat
import pytest

from labkit.grading.judge import notebook_file
from labkit.grading.judge.outputs import notebook_cell
from labkit.grading.judge.plan import Cell, Plan
from labkit.grading.judge.submission import Refused, Unreadable, lay_out

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff" + bytes(20)).decode()
PLAN = Plan(
    "ps00",
    (
        Cell("", "plain", "code", "import math"),
        Cell("setup", "locked", "code", "data = [1, 2]"),
        Cell("mean", "solution", "code", "def mean(x):\n    raise NotImplementedError"),
        Cell("test-mean", "test", "code", "assert mean(data) == 1.5", 2.0),
        Cell("why", "solution", "markdown", "Why?", 3.0, manual=True),
        Cell("notes", "solution", "markdown", "Your notes"),
    ),
    ("def mean(x):\n    return sum(x) / len(x)",),
)


def cell(name="", source="", kind="code", **more):
    """A cell as it stands in a file."""
    marks = {"nbgrader": {"grade_id": name, "points": 99, "locked": False}} if name else {}
    return {"cell_type": kind, "metadata": marks, "source": source, **more}


def laid(*cells, **more):
    content = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells), **more})
    return lay_out(content.encode(), PLAN)


def shown(pieces):
    return [(piece.number, piece.cell.id, piece.source) for piece in pieces]


WHOLE = [cell("setup", "data = [1, 2]"), cell("mean", "mean = max"), cell("test-mean", "assert mean(data) == 1.5")]
WHOLE += [cell("why", "So.", "markdown"), cell("notes", "None.", "markdown")]
LAID = [
    (1, "setup", "data = [1, 2]"),
    (2, "mean", "mean = max"),
    (3, "test-mean", "assert mean(data) == 1.5"),
    (4, "why", "So."),
    (5, "notes", "None."),
]


def test_answers_are_the_students_and_everything_else_the_instructors():
    tampered = [cell("setup", "data = [9]"), *WHOLE[1:2], cell("test-mean", "pass"), *WHOLE[3:]]
    assert shown(laid(*WHOLE)) == shown(laid(*tampered)) == LAID
    assert laid(*tampered)[2].cell is PLAN.cells[3]


def test_the_order_is_the_plans_and_what_is_gone_is_back():
    assert shown(laid(*reversed(WHOLE))) == LAID
    assert shown(laid(WHOLE[1])) == [*LAID[:3], (4, "why", "Why?"), (5, "notes", "Your notes")]


def test_a_question_keeps_its_mark_scheme_and_what_was_written_into_it_stands_behind():
    scheme = "Why?\n### BEGIN MARK SCHEME\nBecause: 3 points.\n### END MARK SCHEME"
    plan = Plan("ps00", (Cell("why", "task", "markdown", scheme, 3.0),), ())

    def told(*cells):
        content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}
        return shown(lay_out(json.dumps(content).encode(), plan))

    own = cell("", "Behind it.", "markdown")
    assert told(cell("why", "Why?\n", "markdown"), own) == [(0, "why", scheme), (None, "", "Behind it.")]
    written = told(cell("why", "Why? So.", "markdown"), own)
    assert written == [(0, "why", scheme), (None, "", "Why? So."), (None, "", "Behind it.")]


def test_a_solution_that_is_gone_is_empty_and_no_stub():
    assert shown(laid(WHOLE[0]))[1] == (2, "mean", "")


def test_own_cells_stay_behind_the_marked_cell_that_they_followed():
    own = [cell("", f"own = {n}") for n in range(4)]
    pieces = shown(laid(own[0], WHOLE[2], own[1], WHOLE[1], own[2], own[3], cell("unknown", "x", "markdown")))
    assert [(number, source) for number, _, source in pieces] == [
        (None, "own = 0"),
        (1, "data = [1, 2]"),
        (2, "mean = max"),
        (None, "own = 2"),
        (None, "own = 3"),
        (None, "x"),
        (3, "assert mean(data) == 1.5"),
        (None, "own = 1"),
        (4, "Why?"),
        (5, "Your notes"),
    ]


def test_a_copied_cell_is_an_own_one():
    pieces = laid(*WHOLE, cell("mean", "mean = min"), cell("test-mean", "raise SystemExit"))
    assert shown(pieces)[:5] == LAID
    assert [(piece.number, piece.cell.kind, piece.source) for piece in pieces[5:]] == [
        (None, "plain", "mean = min"),
        (None, "plain", "raise SystemExit"),
    ]


def test_the_kind_of_a_cell_is_the_plans():
    piece = laid(cell("mean", "mean = max", "markdown"))[1]
    assert piece.cell.is_code
    raw = laid(*WHOLE, cell("", "<b>", "raw"))[-1]
    assert raw.cell.type == "markdown"


@pytest.mark.parametrize("source", [["mean = ", "max"], ["mean = ", 3, None, "max"]])
def test_a_text_may_be_a_list_of_lines(source):
    assert laid(cell("mean", source))[1].source == "mean = max"


@pytest.mark.parametrize(
    "metadata",
    [None, 3, "x", [], {"nbgrader": None}, {"nbgrader": []}, {"nbgrader": {"grade_id": ["mean"]}}, {"nbgrader": {}}],
)
def test_marks_of_a_wrong_kind_are_none(metadata):
    pieces = laid(WHOLE[0], {**cell(source="x = 1"), "metadata": metadata})
    assert shown(pieces)[1] == (None, "", "x = 1")


def test_entries_that_are_no_cells_are_passed_over():
    assert shown(laid(None, 3, "cell", [], *WHOLE)) == LAID


def test_older_formats_can_be_read():
    code = {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": "mean"}}, "input": ["mean = max"], "outputs": []}
    for sheets in ([{"cells": [code]}], [None, {"cells": 3}, {}, {"cells": [code]}, {"cells": []}]):
        content = json.dumps({"nbformat": 3, "nbformat_minor": 0, "worksheets": sheets}).encode()
        assert lay_out(content, PLAN)[1].source == "mean = max"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n\0"[:2], "is empty"),
        (b"\xff\xfe{\0}\0", "UnicodeDecodeError"),
        (b'{"cells": [', "line 1"),
        (b'{\n"cells": [}', "line 2"),
        (b"<!DOCTYPE html>", "line 1"),
        (b"[]", "is no notebook"),
        (b"null", "is no notebook"),
        (b"{}", "is no notebook"),
        (b'{"cells": {}}', "is no notebook"),
        (b'{"worksheets": 3}', "is no notebook"),
        (b'{"cells": [{"source": 3}]}', "whose text is none"),
        (b'{"cells": [{"source": null}]}', "whose text is none"),
    ],
)
def test_what_is_no_notebook_is_unreadable(content, says):
    with pytest.raises(Unreadable, match=says):
        lay_out(content, PLAN)


def test_a_byte_order_mark_is_no_matter():
    assert shown(lay_out(b"\xef\xbb\xbf" + json.dumps({"cells": WHOLE}).encode(), PLAN)) == LAID


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{" + b" " * notebook_file.MOST_BYTES, "MB: clear its outputs"),
        (b'{"cells":[],"metadata":{"a":[' + b"{}," * 6_500_000 + b"1]}}", "clear its outputs"),  # 3 GB of memory
        (b'{"cells":' + b"[" * 400 + b"]" * 400 + b"}", "clear its outputs"),
        (b'{"cells":' + b"[" * 10**6, "clear its outputs"),
        (b'{"cells":[' + b"1," * 2001 + b"1]}", "more than 2000 cells"),
        (json.dumps({"cells": [cell("mean", "x" * 1_000_001)]}).encode(), "more than 1,000,000 characters"),
        (b'{"cells": []}', "another notebook"),
        (json.dumps({"cells": [cell("other", "x")]}).encode(), "another notebook"),
    ],
    ids=range(8),
)
def test_what_cannot_be_graded_is_refused(content, says):
    with pytest.raises(Refused, match=says):
        lay_out(content, PLAN)


@pytest.mark.parametrize("number", ["9" * 100_000, "0." + "9" * 100_000, "1e999", "NaN", "-Infinity"])
def test_a_number_of_any_length_is_no_matter(number):
    content = json.dumps({"cells": WHOLE, "metadata": "HERE"}).replace('"HERE"', number)
    assert shown(lay_out(content.encode(), PLAN)) == LAID


def test_damaged_outputs_are_no_matter():
    for outputs in (3, [3], [{"output_type": 5}], [{"output_type": "stream"}], {"a": 1}):
        assert shown(laid(*WHOLE[:1], {**WHOLE[1], "outputs": outputs, "execution_count": "x"}, *WHOLE[2:])) == LAID


def attached(attachments):
    return laid(cell("why", "![](attachment:a.png)", "markdown", attachments=attachments))[3].attachments


def test_pictures_of_an_answer_are_kept():
    both = {"a.png": {"image/png": PNG}, "b.jpg": {"image/jpeg": JPEG}}
    assert attached(both) == both
    assert attached({"a.png": {"image/png": [PNG[:8] + "\n", PNG[8:]]}}) == {"a.png": {"image/png": PNG}}
    loose = PNG.replace("AA==", "AB==")  # bits that belong to no byte
    assert loose != PNG
    assert attached({"a.png": {"image/png": loose}}) == {"a.png": {"image/png": PNG}}


@pytest.mark.parametrize(
    "attachments",
    [
        None,
        3,
        [PNG],
        {"a": PNG},
        {"a": {"image/svg+xml": "<svg onload=alert(1)>"}},
        {"a": {"text/html": "<script>"}},
        {"a": {"image/png": JPEG}},
        {"a": {"image/png": 3}},
        {"a": {"image/png": ""}},
        {"a": {"image/png": PNG + '"><script>alert(1)</script>'}},
        {"a": {"image/png": "\ud800" + PNG}},
        {"a": {"image/png": PNG[:-1]}},
        {"a" * 300: {"image/png": PNG}},
        {"a": {"image/png": base64.b64encode(b"<svg onload=alert(1)>").decode()}},
    ],
    ids=range(14),
)
def test_nothing_else_is(attachments):
    assert attached(attachments) == {}


def test_pictures_have_a_size_all_together():
    large = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(1_500_000)).decode()
    assert list(attached({name: {"image/png": large} for name in "abcde"})) == ["a", "b"]


def test_all_of_it_can_be_written_and_is_a_notebook():
    hostile = [
        cell("why", "\ud800 \0", "markdown", attachments={"\ud800": {"image/png": PNG}}),
        cell("\ud800", "\udfff", "markdown", attachments={"a": {"image/png": PNG, "image/jpeg": JPEG}}),
        cell("", "print(1)", "code", attachments={"a": {"image/png": PNG}}),
        cell("", "x", "raw", attachments={"a": {"image/png": PNG}}),
    ]
    pieces = laid(*WHOLE[:3], *hostile)
    assert [piece.source for piece in pieces][3:] == ["? \0", "?", "print(1)", "x", "Your notes"]
    cells = [notebook_cell(piece, [], place, place) for place, piece in enumerate(pieces)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        notebook = nbformat.v4.new_notebook(cells=cells)
        nbformat.validate(notebook)
    assert nbformat.writes(notebook).encode()
