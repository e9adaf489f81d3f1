"""Reads what a student handed in, from a folder or a zip, as bytes in memory. Nothing is followed out of it.

A student can write anything there: links, loops, pipes, files that are huge or forbidden, paths that climb. What is
no plain file of a sensible size is left out with a remark, and the rest counts.
"""

import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

MOST_BYTES = 50_000_000  # of one submission
MOST_FILES = 500
MOST_DEPTH = 8
REMARKS = "remarks.txt"  # what was left out, as `collect` keeps it
OURS = {"timestamp.txt", "submission_secret.txt", REMARKS}  # words about a submission, and no part of it


@dataclass
class Handed:
    """What lay in one folder (or was one file): contents by relative path, newest time, what was left out and why."""

    label: str
    files: dict[str, bytes] = field(default_factory=dict)
    time: datetime | None = None
    remarks: list[str] = field(default_factory=list)

    def add(self, name: str, content: bytes, time: datetime) -> None:
        """Keep a file."""
        self.files[name] = content
        self.time = max(self.time, time) if self.time else time

    def leave_out(self, name: str, why: str) -> None:
        """Say that a file was not taken; a flood of such files is told as the first few."""
        if len(self.remarks) < 5:
            self.remarks.append(f"{printable(name)} left out: {why}")

    def room(self) -> int:
        """How many bytes more may come."""
        return MOST_BYTES - sum(map(len, self.files.values())) if len(self.files) < MOST_FILES else 0


def printable(name: str) -> str:
    """A name from outside, as it may be shown: one line, no control characters, not endless."""
    text = name.encode("utf-8", "replace").decode()
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:120]


def read_folder(folder: Path, label: str) -> Handed:
    """What lies in a folder."""
    handed = Handed(label)

    def cannot(error: OSError) -> None:
        handed.leave_out(Path(os.fsdecode(error.filename or "?")).name, error.strerror or "unreadable")

    try:
        for place, folders, names, descriptor in os.fwalk(folder, onerror=cannot, follow_symlinks=False):
            inside = PurePosixPath(os.path.relpath(place, folder))
            _prune(handed, inside, folders, descriptor)
            for name in sorted(names):
                _take(handed, str(inside / name), name, descriptor)
    except OSError as error:  # the folder itself
        cannot(error)
    return handed


def read_file(path: Path, label: str, ours: bool = False) -> Handed:
    """One file that is a whole submission, or (`ours`) nbgrader's word about one."""
    handed = Handed(label)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        _take(handed, path.name, path.name, descriptor, ours)
    finally:
        os.close(descriptor)
    return handed


def read_zip(path: Path) -> Iterator[tuple[str, Handed]]:
    """Each folder or single file at the top of a zip, by its name. Raises zipfile.BadZipFile."""
    tops: dict[str, Handed] = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            parts = PurePosixPath(entry.filename).parts
            if entry.is_dir() or not parts:
                continue
            climbs = ".." in parts or parts[0] == "/" or "\\" in entry.filename or "\0" in entry.filename
            top = entry.filename if climbs else parts[0]
            handed = tops.setdefault(top, Handed(top))
            inside = "/".join(parts[1:]) or parts[0]
            if climbs:
                handed.leave_out(entry.filename, "its path leads out of the zip")
            elif len(parts) > MOST_DEPTH:
                handed.leave_out(inside, f"folders deeper than {MOST_DEPTH}")
            else:
                _take_from_zip(handed, inside, entry, archive)
    yield from tops.items()


def _prune(handed: Handed, inside: PurePosixPath, folders: list[str], descriptor: int) -> None:
    """Say which folders are not gone into: links, and what is nested too deep."""
    for name in folders:
        if stat.S_ISLNK(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
            handed.leave_out(str(inside / name), "a link is not followed")
    if len(inside.parts) >= MOST_DEPTH and folders:
        handed.leave_out(str(inside), f"folders deeper than {MOST_DEPTH}")
        folders.clear()


def _take(handed: Handed, inside: str, name: str, folder: int, ours: bool = False) -> None:
    """Read one file below an open folder, unless it is anything but a plain file."""
    if not ours and inside in OURS:
        return None
    if problem := _odd_name(inside):
        return handed.leave_out(inside, problem)
    try:
        before = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(before.st_mode):
            return handed.leave_out(inside, _what(before.st_mode))
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        with open(opened, "rb") as file:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                return handed.leave_out(inside, "no plain file")
            room = handed.room()
            content = file.read(room + 1) if before.st_size <= room else None
    except OSError as error:
        return handed.leave_out(inside, error.strerror or "unreadable")
    if content is None or len(content) > room:
        return handed.leave_out(inside, _too_much())
    return handed.add(inside, content, datetime.fromtimestamp(before.st_mtime, UTC))


def _take_from_zip(handed: Handed, inside: str, entry: zipfile.ZipInfo, archive: zipfile.ZipFile) -> None:
    mode = entry.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return handed.leave_out(inside, _what(mode))
    if inside in OURS:
        return None
    if problem := _odd_name(inside):
        return handed.leave_out(inside, problem)
    room = handed.room()
    try:
        with archive.open(entry) as file:
            content = file.read(room + 1) if entry.file_size <= room else None
    except Exception as error:  # a damaged zip fails in many ways: BadZipFile, zlib.error, RuntimeError (password), ...
        return handed.leave_out(inside, f"damaged in the zip ({error})")
    if content is None or len(content) > room:
        return handed.leave_out(inside, _too_much())
    try:
        time = datetime(*entry.date_time).astimezone(UTC)  # a zip keeps local time
    except ValueError:
        time = datetime.fromtimestamp(0, UTC)
    return handed.add(inside, content, time)


def _odd_name(inside: str) -> str:
    if any(not letter.isprintable() for letter in inside):
        return "its name has characters that cannot be shown"
    return "hidden files are not taken" if any(part.startswith(".") for part in inside.split("/")) else ""


def _what(mode: int) -> str:
    return "a link is not followed" if stat.S_ISLNK(mode) else "no plain file"


def _too_much() -> str:
    return f"more than {MOST_BYTES // 1_000_000} MB or {MOST_FILES} files in one submission"
