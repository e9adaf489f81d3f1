"""What is run to grade a notebook: the instructor's cells, from the course's source and gradebook only.

The source gives the order, the unmarked cells, the reference solution and time limits; the gradebook gives the marked
cells as they were released, hidden tests and generated AUTOTESTs included.
"""

import ast
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

import nbformat
from nbformat import NotebookNode

from labkit.grading.judge.names import bound, imported, loaded, needed, parsed

CODE, TEXT = "code", "markdown"
HIDDEN = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
SCHEME = ("BEGIN MARK SCHEME", "END MARK SCHEME")
CELLS_AT_THEIR_LIMIT = 5  # what a whole notebook may take, counted in cells that use up their time


@dataclass(frozen=True)
class Cell:
    """One of the instructor's cells. Kind: test, locked, solution, task or plain (unmarked)."""

    id: str
    kind: str
    type: str
    source: str
    points: float = 0.0
    manual: bool = False  # a person gives the points
    seconds: float | None = None
    marks: dict = field(default_factory=dict)  # nbgrader's metadata, as released

    @property
    def is_code(self) -> bool:
        return self.type == CODE


@dataclass(frozen=True)
class Plan:
    """One notebook of an assignment. `seconds`: the time limit of a cell that says nothing of its own."""

    notebook: str
    cells: tuple[Cell, ...]
    reference: tuple[str, ...]  # the sources of the reference's solution cells
    seconds: float = 60.0
    hidden: tuple[str, str] = HIDDEN  # what begins and ends the hidden part of a test
    solved: bytes = b""  # the reference, as if it were handed in
    scored: frozenset[str] = frozenset()  # the tests whose last line is a number of points, as the reference found out

    @cached_property
    def taken(self) -> frozenset[str]:
        """The names that are taken from the student: what the reference binds, modules aside."""
        statements = [one for source in self.reference for one in parsed(source)]
        return frozenset(bound(statements) - bound(imported(statements)))

    @cached_property
    def opening(self) -> str:
        """The reference's own imports: its tests may use them, and a module cannot cross."""
        statements = [one for source in self.reference for one in imported(parsed(source))]
        return "\n".join(dict.fromkeys(ast.unparse(one) for one in statements))

    @cached_property
    def digest(self) -> str:
        """Two plans with the same digest grade alike."""
        said = [self.notebook, [asdict(cell) for cell in self.cells], self.reference, self.seconds, self.hidden]
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()

    @cached_property
    def known(self) -> dict[str, Cell]:
        """The marked cells by name."""
        return {cell.id: cell for cell in self.cells if cell.id}

    @property
    def points(self) -> float:
        """What the tests can give."""
        return sum(cell.points for cell in self.cells if cell.kind == "test")

    @property
    def wall_s(self) -> float:
        """The time limit of a whole notebook: a few cells at their limit, and whatever cells ask for themselves."""
        return CELLS_AT_THEIR_LIMIT * self.seconds + sum(cell.seconds or 0.0 for cell in self.cells)

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """What the instructor's cells import: imported once for all submissions."""
        sources = [*self.reference, *(cell.source for cell in self.cells if cell.kind in ("locked", "plain", "test"))]
        statements = [one for source in sources for one in imported(parsed(source))]
        names = [
            name
            for one in statements
            for name in ([one.module] if isinstance(one, ast.ImportFrom) else [alias.name for alias in one.names])
            if name and not getattr(one, "level", 0)
        ]
        return tuple(dict.fromkeys(names))

    def visible(self, cell: Cell) -> Cell:
        """A test as students have it."""
        return replace(cell, source=without(cell.source, self.hidden))

    @cached_property
    def court(self) -> dict[int, str]:
        """What runs outside the sandbox, by the number of the cell: tests, locked cells, and what these need of the
        unmarked ones (an import, mostly)."""
        statements = {number: parsed(cell.source) for number, cell in enumerate(self.cells) if cell.is_code}
        ours = {number for number in statements if self.cells[number].kind in ("test", "locked")}
        plain = {number for number in statements if self.cells[number].kind == "plain"}
        wanted, kept = self._wanted(statements, ours), {number: set() for number in plain}
        while wanted:
            found = set()
            for number in plain:
                for place, statement in enumerate(statements[number]):
                    if place not in kept[number] and bound([statement]) & wanted:
                        kept[number].add(place)
                        found |= needed([statement])
            wanted = found - self.taken
        sources = {number: self.cells[number].source for number in ours}
        for number, places in kept.items():
            if places:
                sources[number] = "\n".join(ast.unparse(statements[number][place]) for place in sorted(places))
        return sources

    def _wanted(self, statements: dict[int, tuple], ours: set[int]) -> set[str]:
        """What the instructor's own cells need that none of them has bound before."""
        have, wanted = set(bound(parsed(self.opening))), set()
        for number in sorted(ours):
            wanted |= needed(statements[number]) - have
            have |= bound(statements[number])
        return wanted - self.taken


def inside(source: str, ends: Sequence[str]) -> set[int]:
    """The numbers of the lines, from 1, between two marks and with them; a region without an end reaches to the end."""
    found, within = set(), False
    for number, line in enumerate(source.split("\n"), 1):
        within = within or ends[0] in line
        if within:
            found.add(number)
        within = within and ends[1] not in line
    return found


def without(source: str, ends: Sequence[str]) -> str:
    """A cell's text less those lines."""
    left_out = inside(source, ends)
    return "\n".join(line for number, line in enumerate(source.split("\n"), 1) if number not in left_out)


def used(sources: list[str]) -> set[str]:
    """Every name that these cells mention."""
    return {name for source in sources for name in loaded(parsed(source)) | bound(parsed(source))}


def plan_of(
    name: str, source: NotebookNode, marked: dict[str, Cell], seconds: float, hidden: tuple[str, str] = HIDDEN
) -> Plan:
    """The plan of one notebook. source: the instructor's notebook; marked: the gradebook's cells, by name."""
    cells, reference, seen = [], [], set()
    for cell in source.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if grade_id in marked and grade_id not in seen:
            seen.add(grade_id)
            cells.append(replace(marked[grade_id], seconds=cell.metadata.get("labkit", {}).get("seconds")))
            if marked[grade_id].kind == "solution" and cell.cell_type == CODE:
                reference.append(cell.source)
        elif not grade_id:
            cells.append(Cell("", "plain", cell.cell_type, cell.source))
    cells += [cell for one, cell in marked.items() if one not in seen]  # released, and since then gone from the source
    solved = nbformat.writes(source, version=4).encode()
    return Plan(name, tuple(cells), tuple(reference), seconds, hidden, solved)
