"""The reader of handed-in notebooks as a target: a file is refused, or makes the instructor's notebook with answers."""

import base64
import copy
import json
from collections.abc import Iterator

import nbformat

from labkit.grading.judge.outputs import notebook_cell
from labkit.grading.judge.pictures import PICTURES
from labkit.grading.judge.plan import Cell, Plan
from labkit.grading.judge.submission import Piece, Refused, Unreadable, lay_out

PNG, JPEG = (base64.b64encode(magic + b"picture").decode() for magic in PICTURES.values())
PLAN = Plan(
    "nb",
    (
        Cell("", "plain", "code", "import math"),
        Cell("setup", "locked", "code", "data = [1, 2]"),
        Cell("mean", "solution", "code", "raise NotImplementedError"),
        Cell("test", "test", "code", "assert mean(data) == 1.5", 2.0, marks={"grade_id": "test"}),
        Cell("why", "task", "markdown", "Why?", 3.0, manual=True, marks={"grade_id": "why"}),
        Cell("notes", "solution", "markdown", "Notes"),
    ),
    ("def mean(x):\n    return sum(x) / len(x)",),
)
WORDS = (
    *(
        "cells",
        "worksheets",
        "cell_type",
        "metadata",
        "nbgrader",
        "grade_id",
        "source",
        "input",
        "attachments",
        "outputs",
    ),
    *("code", "markdown", "raw", "heading", "setup", "mean", "test", "why", "notes", "a.png", *PICTURES, PNG, JPEG),
)
OUTPUT = {"output_type": "stream", "name": "stdout", "text": "said"}


def check(data: bytes) -> None:
    """A file as it was handed in."""
    try:
        pieces = lay_out(data, PLAN)
    except (Unreadable, Refused) as problem:
        if not str(problem).isprintable():
            raise AssertionError("a sentence that nobody can read") from problem
        return
    assert_laid(pieces)
    cells = [notebook_cell(piece, [OUTPUT], 1, place) for place, piece in enumerate(pieces)]
    graded = nbformat.v4.new_notebook(cells=cells)
    nbformat.validate(graded)
    nbformat.writes(graded).encode()


def assert_laid(pieces: list[Piece]) -> None:
    """All marked cells are the plan's own, in its order, and nothing but text and pictures is the student's."""
    marked = [piece.number for piece in pieces if piece.number is not None]
    assert marked == [number for number, cell in enumerate(PLAN.cells) if cell.id]
    for piece in pieces:
        if piece.number is None:
            assert piece.cell in (Cell("", "plain", "code", ""), Cell("", "plain", "markdown", ""))
        else:
            assert piece.cell is PLAN.cells[piece.number]
            assert piece.cell.kind in ("solution", "task") or piece.source == piece.cell.source
        assert type(piece.source) is str
        assert piece.source.encode().decode() == piece.source
        assert_pictures(piece.attachments)


def assert_pictures(attachments: dict) -> None:
    """Pictures, under names that can be written, and nothing beside their base64 in them."""
    for name, forms in attachments.items():
        assert name.encode().decode() == name
        for form, data in forms.items():
            assert base64.b64encode(base64.b64decode(data, validate=True)).decode() == data
            assert base64.b64decode(data).startswith(PICTURES[form])


def unpack(data: bytes) -> tuple[object, bytes]:
    """The JSON, and nothing beside it."""
    return json.loads(data), b""


def pack(tree: object, rest: bytes) -> bytes:
    """The same as bytes."""
    return json.dumps(tree, separators=(",", ":")).encode()


def cell(kind: str, name: str, source: object, **more: object) -> dict:
    """A marked cell as it stands in a file."""
    return {"cell_type": kind, "metadata": {"nbgrader": {"grade_id": name}}, "source": source, **more}


def notebook(*cells: object, **more: object) -> dict:
    """A file with these cells."""
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells), **more}


def seeds() -> Iterator[bytes]:
    """Released and solved notebooks, and such as were tampered with, damaged, or made long ago."""
    released = [cell(one.type, one.id, one.source) for one in PLAN.cells if one.id]
    solved = copy.deepcopy(released)
    solved[1]["source"] = ["def mean(x):\n", "    return 1.5"]
    solved[3] |= {"source": "Because. ![](attachment:a.png)", "attachments": {"a.png": {"image/png": PNG}}}
    solved[4]["attachments"] = {"b": {"image/jpeg": [JPEG[:4], JPEG[4:]], "text/html": "<b>"}}
    own = {"cell_type": "raw", "metadata": {}, "source": "x"}
    outputs = {"outputs": [{"output_type": "stream", "text": 3}], "execution_count": "1"}
    for cells in (
        released,
        solved,
        [*released, *solved, own],
        [own, *reversed(solved), own],
        released[1:2],
        [{**one, "metadata": wrong} for one, wrong in zip(solved, (None, [], 3, {"nbgrader": []}, {}), strict=True)],
        [None, 1, [], {}, own, cell("code", "mean", "\ud800", **outputs)],
        [cell("code", ["mean"], None), cell("code", "mean", {"a": 1})],
    ):
        yield pack(notebook(*cells), b"")
    old = {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": "mean"}}, "input": ["x"], "language": "python"}
    heading = {"cell_type": "heading", "level": 2, "source": "Part 1"}
    yield pack({"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": [heading, old]}, {}, 3]}, b"")
    yield pack(
        notebook(*solved, metadata={"deep": [[[[{}]]]], "large": 10**80, "odd": [1e300, float("nan"), -0.0]}), b""
    )
    yield b"\xef\xbb\xbf" + pack(notebook(cell("code", "mean", "ä")), b"")
    yield b'{"cells":' + b"[" * 300
    yield b'{"cells":' + b"[" * 100 + b"]" * 100 + b"}"
    yield b'{"cells":[{"metadata":{"nbgrader":{"grade_id":"mean"}},"a":' + b"9" * 1000 + b',"b":1e999,"b":NaN}]}'
    yield b"\xff\xfe{\0}\0"
