"""Admissions: what is handed over, several at once, failures, and what is left afterwards."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from labkit.grading.sandbox import Limits, Refused, bubblewrap, cgroups, room
from tests.grading.sandbox.conftest import GENEROUS, SCRIPT, SLOW, ways_here
from tests.grading.sandbox.inside import eventually, line, run, script

COURSE = Path(__file__).resolve().parents[3]


def test_files_and_seed_are_handed_over(any_room):
    code = "say(open('a/b.txt').read(), open('data.bin', 'rb').read(), seed, os.path.basename(os.getcwd()))"
    files = {**script(code), "a/b.txt": "ü".encode(), "data.bin": b"\0\1"}
    with any_room.admit(GENEROUS, files, seed=7) as inmate:
        assert line(inmate) == "ü b'\\x00\\x01' 7 work"


@pytest.mark.parametrize("name", ["", "/etc/x", "../x", "a/../../x", "a//b", "./x", "a\0b", "x" * 300, "a\nb", "a/"])
def test_a_name_that_leads_elsewhere_is_refused(any_room, name):
    with pytest.raises(ValueError, match="name"):
        any_room.admit(GENEROUS, {name: b""})


def test_each_inmate_begins_in_the_same_state(any_room):
    code = "say(sys.modules.get('mark'), os.environ.get('MARK'))\nsys.modules['mark'] = os.environ['MARK'] = '1'"
    assert [run(any_room, code).said for _ in range(2)] == [["None None"]] * 2


def test_threads_and_forks_admit_at_the_same_time(any_room):
    def admitted(number):
        return run(any_room, f"say({number})").said

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(admitted, range(8))) == [[str(number)] for number in range(8)]
    children = [forked(lambda number=number: admitted(number) == [str(number)]) for number in range(3)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert admitted(9) == ["9"]


def forked(action):
    """A fork of this process that ends with status 0 if the action is true."""
    child = os.fork()
    if not child:
        status = 1
        with contextlib.suppress(BaseException):
            status = 0 if action() else 1
        os._exit(status)
    return child


def test_what_a_killed_fork_has_admitted_ends(any_room):
    told, tell = os.pipe()

    def admit_and_stay():
        with any_room.admit(GENEROUS, script("say('here')\ntime.sleep(600)")) as inmate:
            os.write(tell, line(inmate).encode())
            signal.pause()

    child = forked(admit_and_stay)
    assert os.read(told, 4) == b"here"
    before = len(psutil.Process().children(recursive=True))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    eventually(lambda: len(psutil.Process().children(recursive=True)) <= before - 3)  # the fork, a watch, a student
    for end in (told, tell):
        os.close(end)


def test_an_admission_that_fails_says_why_and_the_room_goes_on(any_room):
    with pytest.raises(Refused, match="did not admit"):
        any_room.admit(GENEROUS, {"a": b"", "a/b": b""})
    assert run(any_room, "say('next')").said == ["next"]


def test_an_admission_that_crashes_is_an_ending(any_room):
    with any_room.admit(GENEROUS, {"main.py": b"this is no Python"}) as inmate:
        assert inmate.ending(SLOW) == "it ended its process (exit status 1)"


def test_a_room_that_does_not_start_says_why(rooms):
    with (
        pytest.raises(Refused, match="no_such_module"),
        room(rooms.protection(ways_here()[0]), ("no_such_module",), SCRIPT),
    ):
        pass


def test_a_dead_room_refuses(rooms):
    before = set(psutil.Process().children())
    with room(rooms.protection("plain"), (), SCRIPT) as opened:
        [warm] = set(psutil.Process().children()) - before
        warm.kill()
        with pytest.raises(Refused):
            opened.admit(GENEROUS, {})


def traces():
    """What admissions may leave: open files, processes, mounts, control groups."""
    own = os.getpid()
    return (
        len(os.listdir("/proc/self/fd")),
        len(psutil.Process(own).children(recursive=True)),
        len(Path("/proc/self/mountinfo").read_text().splitlines()),
        sum(len(list(folder.parent.glob(f"labkit-{own}-*"))) for folder in cgroups.wanted(Limits())),
    )


def test_twenty_admissions_leave_nothing(any_room):
    run(any_room, "pass")
    before = traces()
    for _ in range(20):
        run(any_room, "os.fork()\nsay('here')")
    eventually(lambda: all(now <= then for now, then in zip(traces(), before, strict=True)))


def test_a_room_leaves_nothing(rooms):
    protection = rooms.protection(ways_here()[0])
    before = traces()
    with room(protection, (), SCRIPT) as opened:
        opened.admit(GENEROUS, script("time.sleep(600)"))  # not even closed
    eventually(lambda: traces()[1:3] == before[1:3])
    for group in (one for folder in cgroups.wanted(Limits()) for one in folder.parent.glob(f"labkit-{os.getpid()}-*")):
        if not (group / "cgroup.procs").read_text():
            group.rmdir()


OUTSIDE = """
    import json, sys, time
    import psutil
    from labkit.grading.sandbox import Limits, Protection, room
    from tests.grading.sandbox.inside import script, line
    with room(Protection(*json.loads(sys.argv[1])), (), "labkit.grading.sandbox.script") as opened:
        inmate = opened.admit(Limits(), script("os.fork()\\nsay('x')\\ntime.sleep(600)"))
        line(inmate)
        print(json.dumps([child.pid for child in psutil.Process().children(recursive=True)]), flush=True)
        time.sleep(600)
"""


@pytest.mark.parametrize("way", [*ways_here(), "landlock", "plain"])
def test_a_killed_outside_leaves_no_process(rooms, way):
    protection = rooms.protection(way)
    values = json.dumps([protection.kind, protection.how, protection.way, protection.bwrap])
    command = [sys.executable, "-c", textwrap.dedent(OUTSIDE), values]
    outside = subprocess.Popen(command, cwd=COURSE, stdout=subprocess.PIPE, start_new_session=True)
    inside = [psutil.Process(number) for number in json.loads(outside.stdout.readline())]
    assert len(inside) >= 4  # the warm process, a watch, the student's process and its child
    outside.kill()
    outside.wait()
    outside.stdout.close()
    eventually(lambda: not any(process.is_running() for process in inside))
    cgroups.sweep()
    assert not [one for folder in cgroups.wanted(Limits()) for one in folder.parent.glob(f"labkit-{outside.pid}-*")]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_without_a_wall_a_watch_that_is_attacked_leaves_no_process(rooms, number, monkeypatch):
    """Behind a wall, no signal reaches the watch (test_limits.py)."""
    monkeypatch.setattr("labkit.grading.sandbox.inmate.END_S", 0.2)
    code = f"""
        watch = os.getppid()
        if not os.fork():
            say(os.getpid())
            os.kill(watch, {int(number)})
        time.sleep(600)
    """
    inmate = rooms("plain").admit(GENEROUS, script(code))
    process = psutil.Process(int(line(inmate)))
    inmate.close()
    eventually(lambda: not process.is_running())


def test_a_python_below_a_folder_that_inmates_own_stays_visible(rooms, monkeypatch):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        Path(folder, "trace").write_text("base")
        monkeypatch.setattr(bubblewrap, "bases", lambda found=bubblewrap.bases: [*found(), folder])
        with room(rooms.protection(ways_here()[0]), (), SCRIPT) as opened:
            code = (
                f"path = '{folder}/trace'\nsay(open(path).read(), fails(open, path, 'w'), open('/tmp/x', 'w').close())"
            )
            assert run(opened, code).said == ["base 30 None"]
