"""Grading a class: nothing is judged twice, nothing that was graded is lost, and no grade changes unseen."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from labkit.course import collect, exchange, grade, shelf
from labkit.course.record import UNSAFE, Records
from labkit.course.room import find
from labkit.errors import WrongUse
from labkit.grading import cohort

WARNS = "import warnings\nwarnings.warn('slow')\ndef half(x):\n    warnings.warn('again')\n    return x / 2"
CHECK = 'assert double(3) == 6, "larger numbers too"'


@pytest.fixture
def desk(one_person, tmp_path):
    return tmp_path / "home" / "notebooks" / "grading"


def hand_in(course, tmp_path, **notebooks: str) -> None:
    for student, content in notebooks.items():
        folder = tmp_path / "given" / student
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ps00.ipynb").write_text(content)
    collect.collect(course, "ps00", tmp_path / "given")


def scores(result: dict) -> dict[str, float]:
    return {one["student"]: one["score"] for one in result["submissions"]}


def change_check(tmp_path, old: str, new: str) -> None:
    """The instructor repairs a check after the release."""
    text = tmp_path / "my clone (1+1)" / "assignments" / "text" / "ps00.py"
    assert old in text.read_text()
    text.write_text(text.read_text().replace(old, new))
    shelf.build([])
    exchange.release(find(None), "ps00")


def test_what_is_graded_is_not_graded_again(one_person, released, tiny, tmp_path, desk, monkeypatch):
    hand_in(one_person, tmp_path, ann=tiny.solved(released, tiny.RIGHT), bob=released.read_text())
    first = grade.grade(one_person, "ps00")
    record = Records(desk, "ps00").read("ann")
    assert record.environment["torch"].startswith("2.13")
    assert record.points == {"ps00": {"double-one": 1, "double-text": 1, "half-many": 2}}
    assert record.protection == "sandboxed"

    def judged(*_: object) -> None:
        raise AssertionError("there is nothing to judge")

    with monkeypatch.context() as patch:
        patch.setattr(grade, "judge", judged)
        again = grade.grade(one_person, "ps00")
    assert again["submissions"] == first["submissions"]

    hand_in(one_person, tmp_path, bob=tiny.solved(released, tiny.RIGHT))
    seen = []
    monkeypatch.setattr(grade, "judge", lambda cases, *rest: cohort.judge(noted(cases, seen), *rest))
    assert scores(grade.grade(one_person, "ps00")) == {"ann": 4, "bob": 4}
    assert seen == ["bob"]
    assert "double" in json.loads((desk / "autograded" / "bob" / "ps00" / "ps00.ipynb").read_text())["cells"][2]["id"]


def noted(cases, seen: list[str]):
    for case in cases:
        seen.append(case.student)
        yield case


def test_a_grade_can_be_replayed(one_person, released, tiny, tmp_path, desk):
    random = {**tiny.RIGHT, "half": "import random, numpy, torch\ndef half(x):\n    return x / 2 + (r < 0.5)"}
    random["half"] += "\nr = random.random() / 3 + numpy.random.rand() / 3 + torch.rand(()).item() / 3"
    hand_in(one_person, tmp_path, **dict.fromkeys(("ann", "bob", "cyd", "dee"), tiny.solved(released, random)))
    first = grade.grade(one_person, "ps00")
    before = Records(desk, "ps00").read("ann")
    again = grade.grade(one_person, "ps00", again=True)
    after = Records(desk, "ps00").read("ann")
    assert scores(first) == scores(again)
    assert (before.submission, before.plan, before.seed) == (after.submission, after.plan, after.seed)
    assert not (desk / "judged" / "ps00" / "regrade").exists(), "nothing changed, so that nothing waits"


def test_a_regrade_that_changes_points_waits_until_it_is_accepted(one_person, released, tiny, tmp_path, desk):
    three = {**tiny.RIGHT, "double": "def double(x):\n    return 6 if x == 3 else 5 if x == 4 else x + x"}
    hand_in(one_person, tmp_path, ann=tiny.solved(released, tiny.RIGHT), bob=tiny.solved(released, three))
    assert scores(grade.grade(one_person, "ps00")) == {"ann": 4, "bob": 4}

    change_check(tmp_path, CHECK, CHECK.replace("3) == 6", "4) == 8"))
    result = grade.grade(one_person, "ps00")
    assert scores(result) == {"ann": 4, "bob": 4}, "what students were told stays until somebody decides"
    bob = result["submissions"][1]
    assert "a regrade would change double-one: 1 -> 0" in bob["reason"]
    assert "--accept" in bob["reason"]
    assert scores(grade.grade(one_person, "ps00")) == {"ann": 4, "bob": 4}

    result = grade.grade(one_person, "ps00", settle="discard")
    assert scores(result) == {"ann": 4, "bob": 4}
    assert "regrade" not in grade.as_text(result)

    grade.grade(one_person, "ps00", again=True)
    result = grade.grade(one_person, "ps00", settle="accept")
    assert scores(result) == {"ann": 4, "bob": 3}
    assert "regrade" not in grade.as_text(result)
    graded = json.loads((desk / "autograded" / "bob" / "ps00" / "ps00.ipynb").read_text())
    assert "4) == 8" in json.dumps(graded)
    assert scores(grade.grade(one_person, "ps00")) == {"ann": 4, "bob": 3}


def test_kill_9_in_the_middle_loses_no_grade(one_person, released, tiny, tmp_path, desk):
    slow = {**tiny.RIGHT, "half": tiny.RIGHT["half"] + "\nimport time; time.sleep(0.3)"}
    students = [f"s{number:02}" for number in range(12)]
    hand_in(one_person, tmp_path, **dict.fromkeys(students, tiny.solved(released, slow)))
    command = [sys.executable, "-m", "labkit.cli", "course", "grade", "ps00", "--jobs", "1"]
    environment = {**os.environ, "LABKIT_HOME": str(tmp_path / "home")}
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while len(list(desk.glob("judged/ps00/*.json"))) < 3 and time.monotonic() < until and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = {path: path.read_bytes() for path in desk.glob("judged/ps00/*.json")}
    assert 3 <= len(kept) < len(students), "it was killed in the middle"
    result = grade.grade(one_person, "ps00")
    assert scores(result) == dict.fromkeys(students, 4)
    assert {path: path.read_bytes() for path in kept} == kept, "what was graded was graded again"


def test_without_a_sandbox_it_refuses_and_unsafe_is_on_every_grade(one_person, released, tiny, tmp_path, monkeypatch):
    from labkit.grading.sandbox import probe

    hand_in(one_person, tmp_path, ann=tiny.solved(released, tiny.RIGHT))
    monkeypatch.setattr(probe, "candidates", list)
    with pytest.raises(WrongUse, match=r"no sandbox on this machine.*--unsafe"):
        grade.grade(one_person, "ps00")
    result = grade.grade(one_person, "ps00", unsafe=True)
    assert scores(result) == {"ann": 4}
    assert UNSAFE in result["submissions"][0]["reason"]
    assert "unsafe: no sandbox" in result["judge"]


def test_a_reference_that_earns_too_little_is_told(one_person, released, tiny, tmp_path):
    change_check(tmp_path, CHECK, CHECK.replace("== 6", "== 7"))
    hand_in(one_person, tmp_path, ann=tiny.solved(released, tiny.RIGHT))
    result = grade.grade(one_person, "ps00")
    assert scores(result) == {"ann": 3}
    assert "the reference of ps00 itself does not earn all points of double-one" in grade.as_text(result)


def test_an_exercise_may_have_a_time_limit_of_its_own(one_person, tiny, tmp_path):
    change_check(tmp_path, '# %% solution="half"', '# %% solution="half" seconds=1')
    change_check(tmp_path, '# %% test="half-many" points=2', '# %% test="half-many" points=2 seconds=1')
    released = tmp_path / "home" / "notebooks" / "grading" / "release" / "ps00" / "ps00.ipynb"
    sleeps = "import time\ndef half(x):\n    time.sleep(30)"
    waits = "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()"
    ann, bob = ({**tiny.RIGHT, "half": half} for half in (sleeps, waits))
    hand_in(one_person, tmp_path, ann=tiny.solved(released, ann), bob=tiny.solved(released, bob))
    ann, bob = grade.grade(one_person, "ps00")["submissions"]
    assert (ann["status"], ann["score"]) == (bob["status"], bob["score"]) == ("timeout", 2)
    assert "half-many" in ann["reason"]
    assert "it ran too long: half;" in bob["reason"]


def test_an_assignment_of_two_notebooks(one_person, released, tiny, tmp_path):
    """A notebook that is missing costs its own points only."""
    other = tmp_path / "other"
    (other / "source" / "hw").mkdir(parents=True)
    source = tmp_path / "my clone (1+1)" / "assignments" / "source" / "ps00" / "ps00.ipynb"
    for name in ("one", "two"):
        (other / "source" / "hw" / f"{name}.ipynb").write_text(source.read_text())
    (other / "source" / "hw" / "numbers.csv").write_text("1,2")
    place = str(tmp_path / "exchange")
    settings = f"c = get_config()\nc.CourseDirectory.course_id = 'x'\nc.Exchange.root = {place!r}\n"
    (other / "nbgrader_config.py").write_text(settings)
    course = find(other)
    exchange.release(course, "hw")
    reads = {**tiny.RIGHT, "half": "def half(x):\n    return x / len(open('numbers.csv').read().split(','))"}
    for student, names in (("ann", ("one", "two")), ("bob", ("two",))):
        folder = other / "submitted" / student / "hw"
        folder.mkdir(parents=True)
        (folder / "numbers.csv").write_text("the student's own version")
        for name in names:
            (folder / f"{name}.ipynb").write_text(tiny.solved(released, reads))
    ann, bob = grade.grade(course, "hw")["submissions"]
    assert (ann["score"], ann["max_score"], ann["status"]) == (8, 14, "graded")
    assert (bob["score"], bob["status"]) == (4, "unreadable")
    assert "one: there is no one.ipynb in the submission" in bob["reason"]


def test_a_class_of_300(one_person, released, tiny, tmp_path, desk):
    """Everybody gets what the work earned, whoever else is in the class."""
    right = tiny.solved(released, tiny.RIGHT)
    hangs = tiny.solved(released, {**tiny.RIGHT, "half": "while True:\n    pass"})
    kinds = {
        "right": (right, 4, "graded"),
        "other": (tiny.solved(released, {**tiny.RIGHT, "double": "double = lambda x: 2 * x"}), 4, "graded"),
        "empty": (released.read_text(), 0, "graded"),
        "wrong": (tiny.solved(released, {**tiny.RIGHT, "half": "def half(x):\n    return x // 2"}), 3, "graded"),
        "warns": (tiny.solved(released, {**tiny.RIGHT, "half": WARNS}), 4, "graded"),
        "kills": (tiny.solved(released, {**tiny.RIGHT, "half": "import os\nos.kill(os.getpid(), 9)"}), 2, "partial"),
        "cut": (right[: len(right) // 2], 0, "unreadable"),
        "other_notebook": ('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', 0, "refused"),
    }
    with (tmp_path / "my clone (1+1)" / "assignments" / "nbgrader_config.py").open("a") as settings:
        settings.write("c.ExecutePreprocessor.timeout = 5\n")
    students = {f"s{number:03}": list(kinds)[number % len(kinds)] for number in range(299)}
    handed = {student: kinds[kind][0].replace("#", f"# {student} ", 1) for student, kind in students.items()}
    hand_in(one_person, tmp_path, **handed, hangs=hangs)
    got = {one["student"]: (one["score"], one["status"]) for one in grade.grade(find(None), "ps00")["submissions"]}
    assert got.pop("hangs") == (2, "timeout")
    assert got == {student: kinds[kind][1:] for student, kind in students.items()}
    assert len(list(desk.glob("judged/ps00/*.json"))) == 300
