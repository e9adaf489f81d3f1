"""The journal of what a student predicted, measured, explained and decided: `$LABKIT_HOME/records/journal.jsonl`.

One record a line, appended and never changed, under a lock: two kernels at once lose nothing, and "the first answer
stands" has one meaning. A journal with unreadable lines is kept beside as it was found, and the readable lines go on.
"""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from labkit.errors import WrongUse
from labkit.home import home
from labkit.notebook.show import show

FIELDS = {
    "prediction": {"lab", "name", "unit", "low", "best", "high", "by"},
    "measurement": {"lab", "name", "unit", "value"},
    "explanation": {"lab", "name", "sentence", "by"},
    "decision": {"lab", "title", "context", "options", "decision", "evidence", "would_change_if", "supersedes", "file"},
}


class Journal:
    """The records so far, in the order they were made, and the one way to add another."""

    def __init__(self, path: Path, records: list[dict]):
        self.path, self.records = path, records

    def of(self, kind: str, **wanted) -> list[dict]:
        """The records of a kind whose fields have these values."""
        return [r for r in self.records if r["kind"] == kind and all(r.get(k) == v for k, v in wanted.items())]

    def append(self, kind: str, **fields) -> dict:
        """Add a record, whole or not at all. Raises WrongUse where it cannot be written."""
        record = {"kind": kind, "at": datetime.now(UTC).isoformat(timespec="seconds"), **fields}
        line = (json.dumps(record, allow_nan=False) + "\n").encode()
        with _explained(self.path), self.path.open("ab", buffering=0) as file:
            start = file.seek(0, os.SEEK_END)
            try:
                if file.write(line) < len(line):
                    raise OSError("the disk took only a part of it")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(start)
                raise
        self.records.append(record)
        return record


@contextlib.contextmanager
def journal() -> Iterator[Journal]:
    """The journal, locked until the block ends. Do not open it twice at once in one thread: that would wait forever."""
    path = folder() / "journal.jsonl"
    with _explained(path), (folder() / "lock").open("a") as lock:
        with contextlib.suppress(OSError):  # a file system without locks: appending is still one write
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield Journal(path, _read(path))


def everything() -> Journal:
    """The journal as it is now, to read."""
    with journal() as now:
        return now


def folder() -> Path:
    """The folder of the records, made if missing."""
    path = home() / "records"
    with _explained(path):
        path.mkdir(exist_ok=True)
    return path


def _read(path: Path) -> list[dict]:
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    records = [_parse(line) for line in lines if line]
    readable = [record for record in records if record is not None]
    if len(readable) < len(records) or (lines and lines[-1]):
        _set_aside(path, readable, len(records) - len(readable))
    return readable


def _parse(line: bytes) -> dict | None:
    try:
        record = json.loads(line)
        return record if FIELDS[record["kind"]] <= record.keys() else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _set_aside(path: Path, readable: list[dict], damaged: int) -> None:
    """Keep the journal as it was found under another name, and go on with the lines that can be read."""
    number = 1
    while (kept := path.with_name(f"journal.damaged-{number}.jsonl")).exists():
        number += 1
    fresh = path.with_name("journal.new")
    fresh.write_text("".join(json.dumps(record) + "\n" for record in readable))
    shutil.copyfile(path, kept)
    os.replace(fresh, path)
    if damaged:
        lines = "line" if damaged == 1 else "lines"
        show(f"The journal of your answers had {damaged} unreadable {lines}. It is kept as `{kept}`; the rest goes on.")


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WrongUse(f"Your answers cannot be kept in {path}: {error.strerror or error}.") from error
