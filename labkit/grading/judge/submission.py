"""What a student handed in, laid onto the instructor's plan: the marked cells are those of the plan, in its order; from
the student come the answers, and every other cell, each behind the marked cell that it followed.

Nothing else of the file counts: no metadata, no output, no changed or added mark. So a copied, moved, deleted or
tampered cell changes nothing but what the work itself lost by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from labkit.grading.judge.notebook_file import MOST_BYTES, Given, Refused, Unreadable, cells_of
from labkit.grading.judge.plan import CODE, SCHEME, TEXT, Cell, Plan, without

__all__ = ["MOST_BYTES", "Piece", "Refused", "Unreadable", "lay_out"]


@dataclass(frozen=True)
class Piece:
    """One cell of the notebook that is graded: the number of an instructor's cell in the plan; the source."""

    number: int | None
    cell: Cell
    source: str
    attachments: dict = field(default_factory=dict)


def lay_out(content: bytes, plan: Plan) -> list[Piece]:
    """The cells to grade, in order. Raises Unreadable and Refused, with a sentence."""
    answers, extras = _sorted_out(cells_of(content, plan.notebook), plan)
    pieces = list(extras.get("", []))
    for number, cell in enumerate(plan.cells):
        if not cell.id:
            continue  # the student's own version of an unmarked cell is among the extras
        if cell.id in answers:
            answer = answers[cell.id]
            pieces.append(Piece(number, cell, answer.source, answer.attachments))
        elif cell.kind != "plain":
            gone = cell.kind == "solution" and cell.is_code  # its stub could undo the same work in another cell
            pieces.append(Piece(number, cell, "" if gone else cell.source))
        pieces += extras.get(cell.id, [])
    return pieces


def _sorted_out(cells: Iterable[Given], plan: Plan) -> tuple[dict[str, Given], dict[str, list[Piece]]]:
    """The student's answers by name, and the other cells by the name of the marked cell before them."""
    answers: dict[str, Given] = {}
    extras: dict[str, list[Piece]] = {}
    seen: set[str] = set()
    last = ""
    for given in cells:
        marked = plan.known.get(given.name)
        if marked and marked.kind != "plain" and given.name not in seen:
            seen.add(given.name)
            last = given.name
            if marked.kind == "solution":
                answers[given.name] = given
            elif marked.kind == "task" and _is_changed(given, marked):
                extras[last] = [_extra(given)]  # who grades it finds the question, and then what was written into it
        else:
            extras.setdefault(last, []).append(_extra(given))
    if plan.known and not seen:
        raise Refused(f"this is another notebook: none of its cells is one of {plan.notebook}'s")
    return answers, extras


def _is_changed(given: Given, task: Cell) -> bool:
    """Whether somebody wrote into a question, which was released without its mark scheme."""
    return given.source.split() != without(task.source, SCHEME).split() or bool(given.attachments)


def _extra(given: Given) -> Piece:
    return Piece(None, Cell("", "plain", CODE if given.is_code else TEXT, ""), given.source, given.attachments)
