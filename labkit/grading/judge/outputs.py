"""Outputs as they are kept: checked, and without anything that could carry a script."""

import json
import re

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from labkit.grading.judge.pictures import PICTURES, picture
from labkit.grading.judge.shell import MOST_TEXT
from labkit.grading.judge.submission import Piece

MOST_OUTPUTS = 100  # of a cell
MOST_PICTURE = 5_000_000  # characters
MOST_KEPT = 20_000_000  # characters of a notebook's outputs, all together
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what nbformat takes; nbgrader takes any name


def notebook_cell(piece: Piece, outputs: list, count: int, place: int, room: int = MOST_KEPT) -> NotebookNode:
    """A cell of the graded notebook, with the marks that the instructor gave it. `room`: characters for outputs."""
    own = {"id": piece.cell.id if ID.fullmatch(piece.cell.id) else f"own-{place}"}
    if piece.cell.is_code:
        cell = new_code_cell(piece.source, outputs=_kept(outputs, count, room), execution_count=count, **own)
    else:
        cell = new_markdown_cell(piece.source, **own)
        if piece.attachments:
            cell.attachments = NotebookNode(piece.attachments)
    if piece.cell.id:
        cell.metadata["nbgrader"] = NotebookNode(piece.cell.marks)
    return cell


def size_of(cell: NotebookNode) -> int:
    """How much room a cell's outputs take."""
    return sum(map(_size, cell.get("outputs", [])))


def _kept(outputs: object, count: int, room: int) -> list[NotebookNode]:
    kept = []
    for one in map(checked, outputs[:MOST_OUTPUTS] if isinstance(outputs, list) else []):
        if one is None or (size := _size(one)) > room:
            continue
        room -= size
        if one.output_type == "execute_result":
            one.execution_count = count
        kept.append(one)
    return kept


def _size(output: NotebookNode) -> int:
    return len(json.dumps(output))


def said(name: str, text: str) -> dict:
    """An error of ours, instead of an output."""
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": [f"{name}: {text}"]}


def checked(output: object) -> NotebookNode | None:
    """One output, rebuilt of what may stay of it; None for what is none."""
    kind = output.get("output_type") if isinstance(output, dict) else None
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return new_output("stream", name=name, text=_text(output.get("text")))
    if kind == "error":
        lines = output.get("traceback")
        return new_output(
            "error",
            ename=_text(output.get("ename"))[:200],
            evalue=_text(output.get("evalue")),
            traceback=[_text(line) for line in lines[:50]] if isinstance(lines, list) else [],
        )
    if kind in ("display_data", "execute_result"):
        return new_output(kind, data=_data(output.get("data")))
    return None


def _data(data: object) -> dict:
    kept = {"text/plain": ""}
    for form, content in data.items() if isinstance(data, dict) else ():
        if form == "text/plain":
            kept[form] = _text(content)
        elif form in PICTURES and isinstance(content, str) and len(content) <= MOST_PICTURE:
            kept |= {form: shown} if (shown := picture(form, content)) else {}
    return kept


def _text(content: object) -> str:
    return content[:MOST_TEXT].encode("utf-8", "replace").decode() if isinstance(content, str) else ""
