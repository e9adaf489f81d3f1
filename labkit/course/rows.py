"""What a command did, one row a student: as JSON says it, and as a table for people."""

import io
from dataclasses import asdict, dataclass
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table


@dataclass
class Row:
    """What happened to one student's work. `reason` is empty where there is nothing to say."""

    student: str
    status: str
    reason: str = ""
    time: str = ""
    late_s: float = 0.0
    earlier: int = 0


def stamp(time: datetime | None) -> str:
    """A time as JSON says it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else ""


def as_dict(did: str, assignment: str, rows: list[Row]) -> dict:
    """One command's answer."""
    return {"assignment": assignment, "did": did, "rows": [asdict(row) for row in rows]}


def late(seconds: float) -> str:
    """How late something is, in words."""
    if seconds <= 0:
        return ""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def as_text(rows: list[Row]) -> str:
    """The rows as a table."""
    cells = [(row.student, row.status, row.time, late(row.late_s), str(row.earlier or ""), row.reason) for row in rows]
    return table(("student", "status", "handed in (UTC)", "late by", "earlier", "remark"), cells)


def table(head: tuple[str, ...], cells: list[tuple[str, ...]], right: tuple[str, ...] = ()) -> str:
    """A table without the columns in which nothing stands."""
    used = [number for number in range(len(head)) if any(row[number] for row in cells)]
    drawn = Table(show_edge=False, pad_edge=False)
    for number in used:
        drawn.add_column(head[number], justify="right" if head[number] in right else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*(escape(row[number]) for number in used))
    paper = io.StringIO()
    Console(file=paper, width=None if Console().is_terminal else 140, color_system=None).print(drawn)
    return "\n".join(line.rstrip() for line in paper.getvalue().splitlines())
