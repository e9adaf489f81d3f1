"""One student's feedback page: a file that needs nothing but itself, and in which no program can run.

Every text goes through a template that escapes what it is not told to be HTML, and only `markup` makes HTML. The page's
content security policy is a second lock: it forbids scripts, and loading anything from anywhere.
"""

import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup
from nbformat import NotebookNode

from labkit.course import markup, shown
from labkit.course.marks import Mark, Marks
from labkit.course.record import Record

SECONDS = 10.0  # for a page's colours and formulas; a notebook made to be slow gets the rest as plain text


@dataclass
class Sheet:
    """What stands in a page. `content` is the graded notebook without what is hidden; None where there is none."""

    student: str
    assignment: str
    notebook: str
    marks: Marks
    judged: Record
    content: NotebookNode | None = None
    handed: str = ""
    late: str = ""


@dataclass
class Line:
    """One line of the table of what was graded."""

    name: str
    points: str
    state: str  # full, some, none or waits
    said: str
    anchor: str = ""


@dataclass
class Cell:
    """One cell of the notebook, drawn."""

    anchor: str
    body: Markup
    outputs: list[shown.Shown] = field(default_factory=list)
    row: Line | None = None
    comment: Markup | None = None


@dataclass(frozen=True)
class Notice:
    """What became of the submission, and what the student can do."""

    title: str = ""
    reason: str = ""
    advice: Markup = Markup()  # noqa: RUF009 (it cannot be changed)


AGAIN = Markup(
    "Repair what is named here: open your notebook in JupyterLab, run it from the top (Kernel, Restart Kernel and Run"
    " All Cells), save it, and hand it in again: <code>labkit course submit {0}</code>. If your copy is damaged, move"
    " it away, and <code>labkit course fetch {0}</code> gives you a fresh one. Ask your instructor whether a new"
    " submission still counts."
)
SOONER = Markup(
    "Let that cell do less or end sooner. <code>labkit course validate {0}</code> runs your notebook with its visible"
    " checks, as grading does."
)
TITLES = {
    "graded": ("", Markup()),
    "partial": ("Only a part of this submission could be graded.", SOONER),
    "timeout": ("A part of this submission ran too long.", SOONER),
    "refused": ("This submission was not graded.", AGAIN),
    "unreadable": ("This submission could not be read, so that it was not graded.", AGAIN),
    "": ("This submission has not been graded.", Markup("Ask your instructor when it will be.")),
}


def draw(sheet: Sheet) -> str:
    """The page."""
    cells = _cells(sheet) if sheet.content else []
    rows = [cell.row for cell in cells if cell.row]
    there = {row.name for row in rows}
    rows += [_line(name, mark, "") for name, mark in sheet.marks.cells.items() if name not in there]
    return _template().render(
        sheet=sheet,
        notice=_notice(sheet),
        rows=rows,
        cells=cells,
        elided=any("\N{HORIZONTAL ELLIPSIS}" in row.said for row in rows),
        points=points,
        colours=Markup(markup.PAPER.get_style_defs(".code")),
    )


def points(number: float) -> str:
    """Points as people write them."""
    return f"{round(number, 2):g}"


def _notice(sheet: Sheet) -> Notice:
    judged = sheet.judged
    if sheet.content is not None and judged.status in ("", "graded"):
        return Notice(reason=markup.plain(judged.reason))
    title, advice = TITLES[judged.status if judged.status != "graded" else ""]
    return Notice(title, markup.plain(judged.reason), advice.format(sheet.assignment))


def _cells(sheet: Sheet) -> list[Cell]:
    until = time.monotonic() + SECONDS
    return [_cell(sheet, cell, f"cell-{number}", until) for number, cell in enumerate(sheet.content.cells, 1)]


def _cell(sheet: Sheet, cell: NotebookNode, anchor: str, until: float) -> Cell:
    name = str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
    drawn = Cell(anchor, _source(cell, plain=time.monotonic() > until))
    if cell.cell_type == "code":
        drawn.outputs = shown.outputs(cell.outputs)
    if name in sheet.marks.cells:
        drawn.row = _line(name, sheet.marks.cells[name], shown.message(cell))
        drawn.row.anchor = anchor
    if name in sheet.marks.comments:
        drawn.comment = markup.markdown(sheet.marks.comments[name])
    return drawn


def _source(cell: NotebookNode, plain: bool) -> Markup:
    if plain or cell.cell_type == "raw":
        return markup.preformatted(cell.source)
    if cell.cell_type == "code":
        return markup.code(cell.source) if cell.source.strip() else Markup("")
    return markup.markdown(cell.source, cell.get("attachments"))


def _line(name: str, mark: Mark, message: str) -> Line:
    extra = f" + {points(mark.extra)}" if mark.extra else ""
    number = f"{points(mark.score - mark.extra)}{extra} of {points(mark.most)}"
    if mark.waits:
        return Line(name, number, "waits", "waits for a person to grade it")
    got_all = mark.score >= mark.most
    return Line(name, number, "full" if got_all else "some" if mark.score > 0 else "none", message)


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((Path(__file__).parent / "page.html.j2").read_text(encoding="utf-8"))
