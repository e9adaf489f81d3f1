"""What the judge recorded of a submission: `judged/PS/STUDENT.json`, beside the gradebook. It makes grading resumable
(the same submission under the same plan is not judged again) and every grade replayable.

A regrade that changes points waits in `judged/PS/regrade/STUDENT.json` until it is accepted.
"""

import contextlib
import json
import os
import platform
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path

STATUSES = ("graded", "partial", "timeout", "refused", "unreadable")
PACKAGES = ("labkit", "nbgrader", "ipython", "numpy", "torch", "numba", "matplotlib")
UNSAFE = "graded without a sandbox (--unsafe)"


@dataclass
class Record:
    """One submission, judged. No status where nothing is recorded. `notebooks` stands only in a regrade that waits."""

    status: str = ""
    reason: str = ""
    judge: str = ""
    protection: str = ""
    time: str = ""  # when it was handed in
    submission: str = ""  # digest
    plan: str = ""  # digest
    seed: int = 0
    seconds: float = 0.0
    points: dict[str, dict[str, float]] = field(default_factory=dict)  # by notebook and test cell
    environment: dict[str, str] = field(default_factory=dict)
    notebooks: dict[str, str] = field(default_factory=dict)

    @property
    def sealed(self) -> bool:
        """Whether the judge kept each cell's outputs from the cells that ran later. nbgrader does not."""
        return self.judge not in ("", "nbgrader")

    def changes(self, other: "Record") -> list[str]:
        """Which cells get other points in another record, as `cell: 1 -> 2`."""
        found = []
        for name in sorted({*self.points, *other.points}):
            ours, theirs = self.points.get(name, {}), other.points.get(name, {})
            for cell in dict.fromkeys([*ours, *theirs]):
                before, after = ours.get(cell, 0.0), theirs.get(cell, 0.0)
                if abs(before - after) > 1e-9:
                    found.append(f"{cell}: {before:g} -> {after:g}")
        return found


@dataclass(frozen=True)
class Records:
    """The records of one assignment."""

    root: Path
    assignment: str

    def read(self, student: str, waiting: bool = False) -> Record:
        """A student's record; an empty one where there is none, or none that can be read."""
        try:
            said = json.loads(self._path(student, waiting).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Record()
        if not isinstance(said, dict):
            return Record()
        record = Record()
        for one in fields(Record):
            if type(said.get(one.name)) is type(getattr(record, one.name)):
                setattr(record, one.name, said[one.name])
        record.status = record.status if record.status in STATUSES else ""
        return record

    def write(self, student: str, record: Record, waiting: bool = False) -> None:
        """Keep a record, whole or not at all. A regrade that waited is settled by it."""
        path = self._path(student, waiting)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
        os.replace(beside, path)
        if not waiting:
            self.forget_waiting(student)

    def forget_waiting(self, student: str) -> None:
        """No regrade of this student's waits any more."""
        with contextlib.suppress(FileNotFoundError):
            self._path(student, True).unlink()

    def _path(self, student: str, waiting: bool) -> Path:
        folder = self.root / "judged" / self.assignment
        return (folder / "regrade" if waiting else folder) / f"{student}.json"


@cache
def environment() -> dict[str, str]:
    """The versions with which submissions are graded."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
