"""Grades one notebook: the cells of both sides, in the notebook's order."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from labkit.grading import crossing
from labkit.grading.judge import submission, test_cell
from labkit.grading.judge.court import Court, Gone, OutOfTime
from labkit.grading.judge.names import bound, loaded, parsed
from labkit.grading.judge.outputs import MOST_KEPT, notebook_cell, said, size_of
from labkit.grading.judge.plan import Plan
from labkit.grading.judge.submission import Piece
from labkit.grading.sandbox import Inmate

KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


@dataclass
class Judgment:
    """What one notebook earned. Status: graded, partial, timeout, refused or unreadable."""

    status: str
    reason: str = ""
    points: dict[str, float] = field(default_factory=dict)
    notebook: str = ""  # as nbgrader keeps it in autograded/
    seconds: float = 0.0
    scored: list[str] = field(default_factory=list)  # the tests whose last line was a number
    memory_mb: float = 0.0  # the most that the court took, outside the sandbox


class Hearing:
    """One notebook before the court."""

    def __init__(self, plan: Plan, pieces: list[Piece], court: Court) -> None:
        self.plan, self.pieces, self.court = plan, pieces, court
        self.points: dict[str, float] = {}
        self.late: list[str] = []
        self.scored: list[str] = []
        self.cells: list[NotebookNode] = []
        self.count = 0
        self.room = MOST_KEPT
        self.unmarked = {one: source for one, source in plan.court.items() if plan.cells[one].kind == "plain"}

    def run(self) -> Judgment:
        """Run every cell."""
        ahead = self._ahead()
        if self.plan.opening:
            self._instructors(self.plan.opening, 0.0, self.plan.seconds)
        for place, piece in enumerate(self.pieces):
            self._catch_up(piece.number)
            outputs = self._outputs(piece, ahead[place]) if piece.cell.is_code else []
            self.cells.append(notebook_cell(piece, outputs, self.count, len(self.cells), self.room))
            self.room -= size_of(self.cells[-1])
        status, reason = self._status()
        return Judgment(status, reason, self.points, self._notebook(), scored=self.scored)

    def _outputs(self, piece: Piece, ahead: set[str]) -> list[dict]:
        """Run a code cell, on the side or sides where it belongs."""
        self.count += 1
        cell = piece.cell
        seconds = cell.seconds or self.plan.seconds
        if cell.kind == "test":
            verdict = self._instructors(piece.source, cell.points, seconds, cell.id in self.plan.scored)
            self.scored += [cell.id] if verdict.scored else []
            self.points[cell.id] = verdict.points
            if verdict.late:
                self.late.append(cell.id)
            if bound(parsed(cell.source)) & ahead:  # in one kernel, later cells would have what a test binds
                self._students(self.plan.visible(cell).source, seconds, "", silent=True)
            return verdict.outputs
        if cell.kind == "locked":
            self._instructors(piece.source, 0.0, seconds)
            self.court.share(piece.source)
        return self._students(piece.source, seconds, cell.id or piece.source.strip().split("\n")[0][:60])

    def _catch_up(self, number: int | None) -> None:
        """What the instructor's cells need of unmarked ones (an import, mostly), in its place."""
        for place in [one for one in self.unmarked if number is not None and one < number]:
            self._instructors(self.unmarked.pop(place), 0.0, self.plan.seconds)

    def _instructors(self, source: str, points: float, seconds: float, scored: bool = False) -> test_cell.Verdict:
        return test_cell.run(self.court, source, points, seconds, self.count, scored)

    def _students(self, source: str, seconds: float, name: str, silent: bool = False) -> list[dict]:
        try:
            self.court.mirror()
            return self.court.run_cell(source, seconds, silent).get("outputs", [])
        except OutOfTime as late:
            self.late.append(name)
            return [said("TimeoutError", f"the cell {name} was stopped: {late}")]
        except Gone as gone:
            return [said("NotRun", f"your code's process had ended: {gone}")]
        except BaseException as error:  # whatever the student's side says that it was
            return [said(type(error).__name__, str(error)[:2000])]

    def _ahead(self) -> list[set[str]]:
        """For each piece, the names that later cells of the student's side mention."""
        found, names = [], set()
        for piece in reversed(self.pieces):
            found.append(set(names))
            if piece.cell.is_code and piece.cell.kind != "test":
                names |= loaded(parsed(piece.source))
        return found[::-1]

    def _status(self) -> tuple[str, str]:
        if self.late:
            names = ", ".join(dict.fromkeys(name for name in self.late if name))
            return "timeout", f"stopped, because it ran too long: {names}; the other cells count"
        if self.court.gone:
            return "partial", f"{self.court.gone}; what was earned before counts"
        return "graded", ""

    def _notebook(self) -> str:
        notebook = new_notebook(cells=self.cells, metadata=NotebookNode(KERNEL))
        return nbformat.writes(notebook, version=4) + "\n"


def hear(plan: Plan, content: bytes, admit: Callable[[], Inmate]) -> Judgment:
    """Grade a notebook as it was handed in. `admit` makes the student's process."""
    began = time.perf_counter()
    try:
        pieces = submission.lay_out(content, plan)
        with admit() as inmate:
            court = Court(plan, inmate)
            crossing.sit(court)
            judgment = Hearing(plan, pieces, court).run()
    except submission.Unreadable as problem:
        judgment = Judgment("unreadable", str(problem))
    except submission.Refused as problem:
        judgment = Judgment("refused", str(problem))
    judgment.seconds = time.perf_counter() - began
    return judgment
