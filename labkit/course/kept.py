"""Keeps submissions: the newest of a student in `submitted/`, every earlier one in `earlier/`, each with its time."""

import contextlib
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps.api import NbGraderAPI
from nbgrader.utils import parse_utc

from labkit.course.handed import OURS, REMARKS, Handed

STAMP = "%Y-%m-%dT%H-%M-%S.%fZ"  # a time as the name of a folder


class Shelf:
    """All submissions of one assignment."""

    def __init__(self, api: NbGraderAPI, assignment: str) -> None:
        self.api, self.assignment = api, assignment

    def newest(self, student: str) -> Path:
        """Where nbgrader looks for a student's submission."""
        step = self.api.coursedir.submitted_directory
        return Path(self.api.coursedir.format_path(step, student, self.assignment))

    def earlier(self, student: str) -> Path:
        """Where a student's earlier submissions lie."""
        return Path(self.api.coursedir.root) / "earlier" / student / self.assignment

    def count_earlier(self, student: str) -> int:
        """How often a student submitted before."""
        return len(list(self.earlier(student).glob("*"))) if self.earlier(student).is_dir() else 0

    def has(self, student: str, time: datetime) -> bool:
        """Whether the submission of that moment is kept already."""
        return time_of(self.newest(student)) == time or (self.earlier(student) / time.strftime(STAMP)).exists()

    def keep(self, student: str, handed: Handed, secret: bytes = b"") -> str:
        """Keep what was handed in: `collected`, `resubmitted`, `unchanged`, or `earlier` where a newer one is kept."""
        time = handed.time or datetime.now(UTC)
        current = self.newest(student)
        known_ones = [*([current] if current.is_dir() else []), *self.earlier(student).glob("*")]
        if not secret and any(_content(folder) == handed.files for folder in known_ones):
            return "unchanged"  # the same download, collected again
        if current.is_dir() and (known := time_of(current)) and known > time:
            _write(_free(self.earlier(student), time), handed, time, secret)
            return "earlier"
        status = "collected"
        if current.is_dir():
            status = "resubmitted"
            place = _free(self.earlier(student), time_of(current) or _modified(current))
            place.parent.mkdir(parents=True, exist_ok=True)
            os.rename(current, place)
        _write(current, handed, time, secret)
        return status


def time_of(submission: Path) -> datetime | None:
    """When a submission was handed in, as its timestamp.txt says; None where that says nothing."""
    try:
        return parse_utc((submission / "timestamp.txt").read_text().strip()).replace(tzinfo=UTC)
    except (OSError, ValueError, OverflowError):
        return None


def remarks_of(submission: Path) -> list[str]:
    """What `collect` left out of it, and why."""
    try:
        return (submission / REMARKS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []


def seconds_late(gradebook: Gradebook, assignment: str, student: str, time: datetime | None) -> float:
    """How long after the due date (with the student's extension) that was; 0 where there is none."""
    try:
        due = gradebook.find_assignment(assignment).duedate
    except MissingEntry:
        return 0.0
    if due is None or time is None:
        return 0.0
    with contextlib.suppress(MissingEntry):
        due += gradebook.find_submission(assignment, student).extension or timedelta()
    return max(0.0, (time.replace(tzinfo=None) - due).total_seconds())


def _content(folder: Path) -> dict[str, bytes]:
    """What is kept of a submission; only ever written by us or nbgrader, so no links to fear."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name not in OURS)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _write(folder: Path, handed: Handed, time: datetime, secret: bytes) -> None:
    """Write a submission whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    for name, content in handed.files.items():
        path = beside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (beside / "timestamp.txt").write_text(time.strftime("%Y-%m-%d %H:%M:%S.%f UTC"))
    if handed.remarks:
        (beside / REMARKS).write_text("\n".join(handed.remarks), encoding="utf-8", errors="replace")
    if secret:  # with which nbgrader gives the feedback to this student only
        (beside / "submission_secret.txt").write_bytes(secret)
    os.rename(beside, folder)


def _free(folder: Path, time: datetime) -> Path:
    name = time.strftime(STAMP)
    number, path = 1, folder / name
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}"
    return path


def _modified(folder: Path) -> datetime:
    return datetime.fromtimestamp(folder.stat().st_mtime, UTC)
