"""Outputs as they are kept: checked, and without anything that could carry a script."""

import base64
import binascii

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from labkit.grading.judge.shell import MOST_TEXT
from labkit.grading.judge.submission import Piece

MOST_OUTPUTS = 100  # of a cell
MOST_PICTURE = 5_000_000  # characters
MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


def notebook_cell(piece: Piece, outputs: list, count: int, place: int) -> NotebookNode:
    """A cell of the graded notebook, with the marks that the instructor gave it."""
    own = {"id": piece.cell.id or f"own-{place}"}
    if piece.cell.is_code:
        kept = [one for one in map(checked, outputs[:MOST_OUTPUTS] if isinstance(outputs, list) else []) if one]
        for one in kept:
            if one.output_type == "execute_result":
                one.execution_count = count
        cell = new_code_cell(piece.source, outputs=kept, execution_count=count, **own)
    else:
        cell = new_markdown_cell(piece.source, **own)
        if piece.attachments:
            cell.attachments = NotebookNode(piece.attachments)
    if piece.cell.id:
        cell.metadata["nbgrader"] = NotebookNode(piece.cell.marks)
    return cell


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
        elif form in MAGIC and _is_picture(form, content):
            kept[form] = content
    return kept


def _is_picture(form: str, content: object) -> bool:
    if not isinstance(content, str) or len(content) > MOST_PICTURE:
        return False
    try:
        return base64.b64decode(content.strip().replace("\n", ""), validate=True).startswith(MAGIC[form])
    except (binascii.Error, ValueError):
        return False


def _text(content: object) -> str:
    return content[:MOST_TEXT].encode("utf-8", "replace").decode() if isinstance(content, str) else ""
