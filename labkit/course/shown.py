"""A cell's outputs as a page shows them: text, and pictures made of points. HTML, SVG and programs are left out."""

from dataclasses import dataclass

from markupsafe import Markup, escape
from nbformat import NotebookNode

from labkit.course import markup, picture
from labkit.course.hide import REMARK

MOST_OUTPUTS = 50  # of a cell


@dataclass
class Shown:
    """One output. Kind: output, error or remark."""

    kind: str
    body: Markup


def outputs(found: list[NotebookNode]) -> list[Shown]:
    """The outputs of a cell."""
    drawn = [_one(output) for output in found[:MOST_OUTPUTS]]
    if len(found) > MOST_OUTPUTS:
        drawn.append(_remark(f"({len(found) - MOST_OUTPUTS} more outputs are not shown)"))
    return drawn


def message(cell: NotebookNode) -> str:
    """In words: the error in a cell's outputs."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            said = markup.plain(str(output.evalue))[:1000]
            return said if output.ename == "AssertionError" and said else f"{output.ename}: {said}".removesuffix(": ")
    return ""


def _one(output: NotebookNode) -> Shown:
    if output.output_type == "stream":
        text = _text(output.text)
        return _remark(text) if output.name == REMARK else Shown("output", markup.preformatted(text))
    if output.output_type == "error":
        lines = _text("\n".join(map(str, output.traceback))) or f"{output.ename}: {output.evalue}"
        return Shown("error", markup.preformatted(lines))
    data = output.get("data", {})
    if tag := picture.first_of(data):
        return Shown("output", Markup(tag))
    if "text/plain" in data:
        return Shown("output", markup.preformatted(_text(data["text/plain"])))
    return _remark(f"(an output of the kind {', '.join(sorted(map(str, data)))[:100] or 'nothing'} is not shown)")


def _remark(text: str) -> Shown:
    return Shown("remark", escape(markup.plain(text)))


def _text(content: object) -> str:
    return "".join(map(str, content)) if isinstance(content, list) else str(content)
