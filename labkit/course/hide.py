"""Feedback without hidden tests: neither their text, nor the traceback that quotes it, nor what they print."""

import re

from nbformat import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests

HIDDEN = re.compile(r"^[^\n]*BEGIN HIDDEN TESTS[\s\S]*?END HIDDEN TESTS[^\n]*$", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[\d;]*m")
LINE = re.compile(r"(?:Cell In\[\d+\], line |<ipython-input-[^>]*> in |^-+> )(\d+)", re.MULTILINE)


class HideTests(ClearHiddenTests):
    """nbgrader's ClearHiddenTests, and the same for a cell's outputs."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:
        """Hide one cell's hidden tests."""
        hidden = hidden_lines(cell.source)
        if hidden and cell.cell_type == "code":
            cell.outputs = [_told(output, hidden) for output in cell.outputs if output.output_type != "stream"]
        return super().preprocess_cell(cell, resources, index)


def visible(source: str) -> str:
    """A test cell as students have it."""
    return HIDDEN.sub("", source)


def hidden_lines(source: str) -> set[int]:
    """The numbers of the lines that students do not have, counted from 1."""
    found = set()
    for match in HIDDEN.finditer(source):
        first = source.count("\n", 0, match.start()) + 1
        found |= set(range(first, first + match[0].count("\n") + 1))
    return found


def _told(output: NotebookNode, hidden: set[int]) -> NotebookNode:
    """An error without its traceback; from a hidden line, only what the test's author wrote to be read."""
    if output.output_type != "error":
        return output
    failed = LINE.search(COLOUR.sub("", "\n".join(output.traceback)))
    message = output.evalue
    if failed is None or int(failed[1]) in hidden:
        own_words = output.ename == "AssertionError" and "\n" not in message
        message = f"a hidden check does not hold. {message if own_words else ''}".strip()
    output.evalue, output.traceback = message, [f"{output.ename}: {message}"]
    return output
