"""Collects submissions, from the exchange or from a learning platform's download. No file that a student can write
stops it: what cannot be taken becomes a row with a reason, and the rest goes on."""

import os
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from nbgrader.apps.api import NbGraderAPI
from nbgrader.utils import find_owner, parse_utc
from tqdm import tqdm

from labkit.course.handed import Handed, printable, read_file, read_folder, read_zip
from labkit.course.kept import Shelf, seconds_late, time_of
from labkit.course.people import STUDENT, label_of, person, read_roster, student_of
from labkit.course.room import Course, surroundings
from labkit.course.rows import Row, stamp
from labkit.course.trouble import at_a_glance, notebooks_of
from labkit.errors import WrongUse


def collect(course: Course, assignment: str, source: Path | None = None, roster: Path | None = None) -> list[Row]:
    """Bring submissions into the course. Returns a row a student, and one for what could not be taken."""
    with surroundings():
        api = course.api()
        names = notebooks_of(api, assignment)
        shelf = Shelf(api, assignment)
        if source is None:
            rows = list(_from_exchange(api, shelf))
        else:
            people = read_roster(roster) if roster else None
            rows = list(_from_download(shelf, _entries(source, names), names, people))
        with api.gradebook as gradebook:
            for row in rows:
                if row.status != "refused":
                    _add_what_is_kept(row, shelf, gradebook)
    return _last_of_each(rows)


def _from_exchange(api: NbGraderAPI, shelf: Shelf) -> Iterator[Row]:
    """Each submission in the exchange, the oldest first, so that the newest ends in `submitted/`."""
    inbound = Path(api.exchange_root) / api.course_id / "inbound"
    if not inbound.is_dir():
        raise WrongUse(f"There is no exchange in {inbound}. Release the assignment, or collect --from a download.")
    found = []
    for entry in os.scandir(inbound):
        parts = entry.name.rsplit("+", 3) if entry.name.count("+") > 2 else entry.name.split("+")
        if len(parts) < 3 or parts[1] != shelf.assignment:
            continue
        try:
            found.append((parse_utc(parts[2]).replace(tzinfo=UTC), parts[0], entry))
        except (ValueError, OverflowError):
            yield Row(printable(parts[0]), "refused", f'its folder says no time: "{printable(parts[2])}"')
    for time, student, entry in tqdm(sorted(found, key=lambda one: one[:2]), "collecting", leave=False, disable=None):
        if not STUDENT.fullmatch(student):
            yield Row(printable(student), "refused", "that is no student id")
        elif not entry.is_dir(follow_symlinks=False):
            yield Row(student, "refused", "what was submitted is no folder")
        elif shelf.has(student, time):
            yield Row(student, "unchanged")
        else:
            yield _keep_submitted(shelf, student, time, Path(entry.path))


def _keep_submitted(shelf: Shelf, student: str, time: datetime, folder: Path) -> Row:
    handed = read_folder(folder, student)
    handed.time = time
    secret = read_file(folder / "submission_secret.txt", student, ours=True).files.get("submission_secret.txt", b"")
    row = _keep(shelf, student, handed, notebooks_of(shelf.api, shelf.assignment), True, secret)
    if (owner := _owner(folder)) not in (student, ""):
        row.reason = "; ".join(filter(None, [row.reason, f"the folder belongs to {owner}"]))
    return row


def _from_download(
    shelf: Shelf, entries: Iterator[Handed], names: list[str], roster: dict[str, str] | None
) -> Iterator[Row]:
    """Each folder or file of a learning platform's download."""
    found = [(handed, who := person(handed.label), student_of(who, roster)) for handed in entries]
    numbers: dict[str, set[str]] = defaultdict(set)
    for _, who, student in found:
        numbers[student].add(who.number)
    found.sort(key=lambda one: one[0].time or datetime.now(UTC))
    for handed, who, student in tqdm(found, "collecting", leave=False, disable=None):
        shown = printable(who.name or handed.label)
        if not student:
            where = "the roster has no such name" if roster is not None else "no student id can be made of that name"
            yield Row(shown, "refused", f"{where}: a roster with the line {who.number or shown},ID would tell")
        elif len(numbers[student]) > 1:
            yield Row(shown, "refused", f"several people would be {student}: a roster by number tells them apart")
        else:
            yield _keep(shelf, student, _renamed(handed, names), names, roster is not None)


def _keep(shelf: Shelf, student: str, handed: Handed, names: list[str], is_known: bool, secret: bytes = b"") -> Row:
    """Keep one submission. What is wrong with its notebooks is for `grade` to judge.

    One without any is kept only where nothing better is, and where it is surely a student's (`is_known`): it gets a
    row in the grades and a page that says what was wrong.
    """
    missing = [name for name in names if f"{name}.ipynb" not in handed.files]
    if len(missing) == len(names) and (not is_known or shelf.newest(student).is_dir()):
        return Row(student, "refused", "; ".join([f"there is no {names[0]}.ipynb in it", *handed.remarks]))
    try:
        status = shelf.keep(student, handed, secret)
    except OSError as error:
        return Row(student, "refused", f"it could not be kept: {error.strerror}")
    looks = [at_a_glance(handed.files[f"{name}.ipynb"], name) for name in names if name not in missing]
    absent = [f"there is no {name}.ipynb in it" for name in missing]
    status = "refused" if len(missing) == len(names) else status
    return Row(student, status, "; ".join(filter(None, [*looks, *absent, *handed.remarks])))


def _entries(source: Path, names: list[str]) -> Iterator[Handed]:
    """What lies at the top of a download. A file's label is what stands before the notebook's name."""
    if source.is_dir():
        tops = ((entry.name, _read(entry)) for entry in sorted(os.scandir(source), key=lambda one: one.name))
    elif zipfile.is_zipfile(source):
        tops = read_zip(source)
    else:
        raise WrongUse(f"{source} is neither a folder nor a zip: --from wants what the platform lets you download.")
    for top, handed in tops:
        if set(handed.files) == {top} or not handed.files:
            handed.label = next(filter(None, (label_of(top, name) for name in names)), top.removesuffix(".ipynb"))
        if handed.files and set(handed.files) == {top} and not top.endswith(".ipynb"):
            continue  # a list of grades or the like beside the submissions
        yield handed


def _read(entry: os.DirEntry) -> Handed:
    read = read_folder if entry.is_dir(follow_symlinks=False) else read_file
    return read(Path(entry.path), entry.name)


def _renamed(handed: Handed, names: list[str]) -> Handed:
    """Platforms rename files (`ann_ps00-1.ipynb`): the notebook gets its own name back where that is clear."""
    notebooks = [name for name in handed.files if PurePosixPath(name).suffix == ".ipynb"]
    if len(names) == 1 and len(notebooks) == 1 and notebooks[0] != f"{names[0]}.ipynb":
        handed.files[f"{names[0]}.ipynb"] = handed.files.pop(notebooks[0])
        if names[0] not in notebooks[0]:
            handed.remarks.append(f"its notebook was called {printable(notebooks[0])}")
    return handed


def _add_what_is_kept(row: Row, shelf: Shelf, gradebook: object) -> None:
    time = time_of(shelf.newest(row.student))
    row.time, row.earlier = stamp(time), shelf.count_earlier(row.student)
    row.late_s = seconds_late(gradebook, shelf.assignment, row.student, time)


def _last_of_each(rows: list[Row]) -> list[Row]:
    """One row a student: what happened last, but never hide a refusal."""
    last: dict[tuple[str, bool], Row] = {}
    for row in rows:
        key = (row.student, row.status == "refused")
        if row.status == "unchanged" and key in last:
            continue
        last[key] = row
    return sorted(last.values(), key=lambda row: row.student)


def _owner(folder: Path) -> str:
    try:
        return find_owner(str(folder))
    except (KeyError, OSError):
        return ""
