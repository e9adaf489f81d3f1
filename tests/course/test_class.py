"""A class hands in through a learning platform: five submissions, and what a student can do to stop the others."""

import io
import json
import os
import stat
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from labkit.course import collect, grade, handed
from labkit.course.people import Person, label_of, person, read_roster
from labkit.errors import WrongUse

ROSTER = "name,student\nAnn Lee,ann\nBob Ray,bob\n303,cyd\nDee Fox,dee\nEve Kim,eve\n"
MOODLE = "{}_{}_assignsubmission_file_/ps00.ipynb"


@pytest.fixture
def course(one_person):
    """The tiny course, due yesterday."""
    with one_person.api().gradebook as gradebook:
        gradebook.update_or_create_assignment("ps00", duedate=datetime.now(UTC) - timedelta(days=1))
    return one_person


def packed(path, files: dict, days_ago: float = 3) -> object:
    """A zip; a file's time may stand beside its content."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            content, days = content if isinstance(content, tuple) else (content, days_ago)
            time = (datetime.now() - timedelta(days=days)).timetuple()[:6]
            archive.writestr(zipfile.ZipInfo(name, time), content)
    return path


def submitted(tmp_path, student: str):
    return tmp_path / "home" / "notebooks" / "grading" / "submitted" / student / "ps00"


def test_a_class_of_five(course, released, tmp_path, tiny):
    wrong = {**tiny.RIGHT, "double": "def double(x):\n    return 2"}
    right = tiny.solved(released, tiny.RIGHT)
    download = {
        MOODLE.format("Ann Lee", 301): right,
        MOODLE.format("Bob Ray", 302): released.read_text(),
        MOODLE.format("C. Odd", 303): tiny.solved(released, wrong),
        MOODLE.format("Dee Fox", 304): right[: len(right) // 2],
        MOODLE.format("Eve Kim", 305): (right, 0),
    }
    roster = tmp_path / "roster.csv"
    roster.write_text(ROSTER)
    rows = collect.collect(course, "ps00", packed(tmp_path / "all.zip", download), roster)
    assert [(row.student, row.status) for row in rows] == [
        (s, "collected") for s in ("ann", "bob", "cyd", "dee", "eve")
    ]
    assert "breaks off or is damaged" in rows[3].reason
    assert [row.student for row in rows if row.late_s] == ["eve"]

    result = grade.grade(course, "ps00", jobs=2)
    got = {one["student"]: (one["score"], one["max_score"], one["status"]) for one in result["submissions"]}
    assert got == {
        "ann": (4, 7, "graded"),
        "bob": (0, 7, "graded"),
        "cyd": (2, 7, "graded"),
        "dee": (0, 7, "unreadable"),
        "eve": (4, 7, "graded"),
    }
    table = grade.as_text(result).splitlines()
    assert [line.split()[0] for line in table if line[:3] in got] == sorted(got)
    assert "24 h" in next(line for line in table if line.startswith("eve"))
    assert "breaks off or is damaged" in next(line for line in table if line.startswith("dee"))
    json.dumps(result, allow_nan=False)

    # What dee hands in again counts, and the first try is kept; who hands in nothing new keeps what was graded.
    download[MOODLE.format("Dee Fox", 304)] = (right, 2)
    rows = collect.collect(course, "ps00", packed(tmp_path / "again.zip", download), roster)
    assert {row.student: (row.status, row.earlier) for row in rows} == {
        **{student: ("unchanged", 0) for student in ("ann", "bob", "cyd", "eve")},
        "dee": ("resubmitted", 1),
    }
    [first] = (tmp_path / "home" / "notebooks" / "grading" / "earlier" / "dee" / "ps00").iterdir()
    assert (first / "ps00.ipynb").read_text() == right[: len(right) // 2]
    scores = {one["student"]: one["score"] for one in grade.grade(course, "ps00")["submissions"]}
    assert scores == {"ann": 4, "bob": 0, "cyd": 2, "dee": 4, "eve": 4}


def test_an_older_download_does_not_replace_what_is_newer(course, released, tmp_path, tiny):
    new = packed(tmp_path / "new.zip", {"ann_ps00.ipynb": tiny.solved(released, tiny.RIGHT)}, days_ago=2)
    old = packed(tmp_path / "old.zip", {"ann_ps00.ipynb": released.read_text()}, days_ago=5)
    collect.collect(course, "ps00", new)
    assert [row.status for row in collect.collect(course, "ps00", old)] == ["earlier"]
    assert "x + x" in (submitted(tmp_path, "ann") / "ps00.ipynb").read_text()


def test_one_bad_notebook_stops_nobody(course, released, tmp_path, tiny):
    right = json.loads(tiny.solved(released, tiny.RIGHT))
    twice = {**right, "cells": [*right["cells"], {**right["cells"][3], "id": "copy"}]}
    killer = tiny.solved(released, {**tiny.RIGHT, "half": "import os\nos._exit(1)"})
    other = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    download = {
        "ann_ps00.ipynb": json.dumps(right),
        "bad_ps00.ipynb": json.dumps(twice),
        "cat_ps00.ipynb": killer,
        "dog_ps00.ipynb": json.dumps(other),
        "elk_ps00.ipynb": "",
        "fox_ps00.ipynb": json.dumps(right),
    }
    collect.collect(course, "ps00", packed(tmp_path / "all.zip", download))
    got = {one["student"]: one for one in grade.grade(course, "ps00", jobs=1)["submissions"]}
    assert {student: (one["score"], one["status"]) for student, one in got.items()} == {
        "ann": (4, "graded"),
        "bad": (4, "graded"),  # a copied cell costs nothing
        "cat": (2, "partial"),  # nor does what was earned before the end
        "dog": (0, "refused"),
        "elk": (0, "unreadable"),
        "fox": (4, "graded"),
    }
    assert "it ended its process (exit status 1); what was earned before counts" in got["cat"]["reason"]
    assert "another notebook" in got["dog"]["reason"]
    assert "empty" in got["elk"]["reason"]


def test_a_hostile_zip(course, released, tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(handed, "MOST_BYTES", 200_000)
    right = tiny.solved(released, tiny.RIGHT)
    path = packed(
        tmp_path / "bad.zip",
        {
            "../../climbs/ps00.ipynb": right,
            "/etc/ps00.ipynb": right,
            "ann_1_assignsubmission_file_/ps00.ipynb": right,
            "ann_1_assignsubmission_file_/../../../bob/ps00.ipynb": "x",
            "huge_ps00.ipynb": b"0" * 300_000,
            "grades.csv": "not a submission",
            "two/notes.txt": "no notebook",
        },
    )
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link/ps00.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    rows = {row.student: row for row in collect.collect(course, "ps00", path)}
    assert rows["ann"].status == "collected"
    assert {student for student, row in rows.items() if row.status == "refused"} >= {"huge", "two", "link"}
    assert "a link is not followed" in rows["link"].reason
    assert "MB" in rows["huge"].reason
    assert sum("leads out of the zip" in row.reason for row in rows.values()) == 3
    assert [folder.name for folder in submitted(tmp_path, "ann").parent.parent.iterdir()] == ["ann"]
    assert not list(tmp_path.glob("**/climbs"))
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(WrongUse, match="neither a folder nor a zip"):
        collect.collect(course, "ps00", damaged)


def test_a_hostile_folder_and_a_hostile_exchange(course, released, tmp_path, tiny):
    secret = tmp_path / "secret.txt"
    secret.write_text("the instructor's")
    right = tiny.solved(released, tiny.RIGHT)
    inbound = tmp_path / "home" / "course" / "exchange" / "ml-systems" / "inbound"
    for place, names in (
        (tmp_path / "all", [f"{letter}an" for letter in "abcdef"]),
        (inbound, [f"{letter}an+ps00+2026-11-23 10:00:00.5 UTC+x" for letter in "ghijkl"]),
    ):
        linked, loop, pipe, deep, link, plain = (place / name for name in names)
        for folder in (linked, loop, pipe, deep, plain):
            folder.mkdir(parents=True)
            (folder / "ps00.ipynb").write_text(right)
        (linked / "notes.txt").symlink_to(secret)
        (loop / "again").symlink_to(loop)
        os.mkfifo(pipe / "pipe")
        (deep / "/".join("abcdefghijkl")).mkdir(parents=True)
        (plain / "ps00.ipynb").unlink()
        (plain / "ps00.ipynb").symlink_to(secret)
        link.symlink_to(loop)
    (inbound / "someone+ps00+notatime+zz").mkdir()
    rows = {
        row.student: row
        for row in [*collect.collect(course, "ps00", tmp_path / "all"), *collect.collect(course, "ps00")]
    }
    assert {student for student, row in rows.items() if row.status == "collected"} == {
        *("aan", "ban", "can", "dan"),
        *("gan", "han", "ian", "jan"),
    }
    assert {student for student, row in rows.items() if row.status == "refused"} >= {
        "ean",
        "fan",
        "kan",
        "lan",
        "someone",
    }
    assert "a link is not followed" in rows["aan"].reason

    # Who surely handed in something gets a grade and a reason, though there is nothing to grade.
    got = {one["student"]: one for one in grade.grade(course, "ps00")["submissions"]}
    assert (got["lan"]["score"], got["lan"]["status"]) == (0, "refused")
    assert "ps00.ipynb left out: a link is not followed" in got["lan"]["reason"]
    assert not {"ean", "fan", "kan", "someone"} & set(got)
    assert {got[student]["score"] for student in ("aan", "gan", "han", "ian", "jan")} == {4}
    kept = submitted(tmp_path, "aan").parent.parent
    assert not [path for path in kept.rglob("*") if path.is_symlink()]
    assert "the instructor's" not in "".join(path.read_text() for path in kept.rglob("*") if path.is_file())


def test_who_is_meant_by_a_name():
    assert person("Ann Lee_12345_assignsubmission_file_") == Person("Ann Lee", "12345")
    assert person(label_of("Ann Lee_12345_assignsubmission_file_ps00.ipynb", "ps00")) == Person("Ann Lee", "12345")
    assert person(label_of("leeann_LATE_123_456_ps00-1.ipynb", "ps00")) == Person("leeann", "123")
    assert person(label_of("ann_ps00 (2).ipynb", "ps00")) == Person("ann")


def test_two_people_of_one_name_are_not_mixed_up(course, released, tmp_path):
    text = released.read_text()
    download = {MOODLE.format("Ann Lee", 1): text, MOODLE.format("Ann Lee", 2): text}
    path = packed(tmp_path / "all.zip", download)
    rows = collect.collect(course, "ps00", path)
    assert {row.status for row in rows} == {"refused"}
    assert "a roster by number tells them apart" in rows[0].reason
    roster = tmp_path / "roster.csv"
    roster.write_text("name,student\n1,ann1\n2,ann2\n")
    assert [row.student for row in collect.collect(course, "ps00", path, roster)] == ["ann1", "ann2"]


def test_a_roster_says_what_is_wrong_with_it(tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text("student;name\n")
    with pytest.raises(WrongUse, match="names its columns"):
        read_roster(roster)
    roster.write_text("name,student\nAnn,../ann\n")
    with pytest.raises(WrongUse, match="line 2"):
        read_roster(roster)


def test_a_flood_in_a_zip_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr(handed, "MOST_FILES", 10)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(50):
            archive.writestr(f"ann/{number}.txt", "x")
    (tmp_path / "flood.zip").write_bytes(buffer.getvalue())
    [(_, one)] = handed.read_zip(tmp_path / "flood.zip")
    assert len(one.files) == 10
    assert len(one.remarks) == 5
