"""What an inmate cannot use up, and what cannot outlive it."""

import dataclasses
import time

import pytest

from tests.grading.sandbox.conftest import GENEROUS, SLOW
from tests.grading.sandbox.inside import line, run, script, told


def limits(**changes):
    return dataclasses.replace(GENEROUS, **changes)


def test_a_memory_bomb_is_ended(any_room):
    bomb = """
        pages = []
        while True:
            try:
                pages.append(bytearray(b"x" * (20 << 20)))
            except MemoryError:
                os.fork()  # what the kernel refuses to one process, two would get
    """
    assert run(any_room, bomb, limits(memory_mb=200)).why in (
        "it used more than 200 MB of memory",
        "it started more than 64 processes",
    )


def test_a_memory_bomb_spread_over_processes_is_ended(any_room):
    bomb = """
        for _ in range(9):
            if not os.fork():
                page = bytearray(b"x" * (40 << 20))
                time.sleep(600)
        time.sleep(600)
    """
    assert run(any_room, bomb, limits(memory_mb=200)).why == "it used more than 200 MB of memory"


def test_memory_that_processes_share_is_not_counted_for_each(walled):
    honest = """
        page = bytearray(b"x" * (60 << 20))
        children = [os.fork() for _ in range(3)]
        time.sleep(0.5)
        say("still here") if all(children) else time.sleep(600)
    """
    assert run(walled, honest, limits(memory_mb=200)).said == ["still here"]


def test_memory_that_belongs_to_no_process_is_refused(walled):
    assert run(walled, "say(fails(os.memfd_create, 'hidden'))").said == ["1"]


def test_a_fork_bomb_is_ended_and_others_do_not_notice(any_room):
    bomb = """
        while True:
            try:
                os.fork()
            except OSError:
                pass
    """
    quiet = "say('ready')\nsay(sock.recv(5).decode())"
    with any_room.admit(GENEROUS, script(quiet)) as other:
        assert line(other) == "ready"
        assert run(any_room, bomb, limits(processes=20)).why == "it started more than 20 processes"
        other.socket.send(b"hello")
        assert line(other) == "hello"


def test_a_loop_that_ignores_interrupts_ends_with_its_time(either_room):
    loop = "signal.signal(signal.SIGINT, signal.SIG_IGN)\nsay('deaf')\nwhile True: pass"
    with either_room.admit(limits(wall_s=1.5), script(loop)) as inmate:
        assert line(inmate) == "deaf"
        inmate.interrupt()
        assert inmate.ending(within=0.2) == ""
        assert inmate.ending(SLOW) == "it ran longer than 1.5 s"


def test_processor_time_is_limited(either_room):
    assert run(either_room, "while True: pass", limits(cpu_s=1)).why == "it used more than 1 s of processor time"


def test_an_interrupt_is_a_keyboard_interrupt(any_room):
    code = "try:\n    say('busy')\n    while True: pass\nexcept KeyboardInterrupt:\n    say('interrupted')"
    with any_room.admit(GENEROUS, script(code)) as inmate:
        assert line(inmate) == "busy"
        inmate.interrupt()
        assert line(inmate) == "interrupted"


def test_killing_everything_kills_only_its_own(walled):
    code = """
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            fails(os.kill, 1, number)
            fails(os.kill, -1, number) if number != signal.SIGINT else None
        say("still here", os.getppid())
        time.sleep(600)
    """
    with (
        walled.admit(limits(wall_s=1.5), script(code)) as inmate,
        walled.admit(GENEROUS, script("sock.recv(1)")) as other,
    ):
        assert line(inmate) == "still here 1"
        assert inmate.ending(SLOW) == "it ran longer than 1.5 s"  # so its watch was neither killed nor stopped
        assert other.ending(within=0.1) == ""


def test_who_stops_itself_is_ended_with_its_time(either_room):
    assert run(either_room, "os.kill(os.getpid(), signal.SIGSTOP)", limits(wall_s=1)).why == "it ran longer than 1 s"


def test_daemons_end_with_the_main_process(either_room):
    code = """
        if not os.fork():
            os.setsid()
            if not os.fork():
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                say("daemon")
                time.sleep(600)
            os._exit(0)
        time.sleep(0.5)
        os._exit(3)
    """
    with either_room.admit(GENEROUS, script(code)) as inmate:
        assert told(inmate) == ["daemon"]  # the end of its socket: the daemon had it too
        assert inmate.ending(SLOW) == "it ended its process (exit status 3)"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("os.kill(os.getpid(), 9)", "its process was killed by signal 9"),
        ("os.abort()", "its process was killed by signal 6"),
        ("sys.exit(5)", "it ended its process (exit status 5)"),
        ("pass", "it ended its process (exit status 0)"),
    ],
)
def test_it_says_how_a_process_ended(any_room, code, why):
    assert run(any_room, code).why == why


def test_files_are_limited_each_and_together(walled):
    code = """
        def fill(name, megabytes):
            with open(name, "wb") as target:
                for _ in range(megabytes):
                    target.write(bytes(1 << 20))
                    target.flush()
        say(fails(fill, "/work/large", 1024))
        say([fails(fill, f"/{folder}/{number}", 9) for number in range(2) for folder in ("tmp", "work", "dev/shm")])
    """
    assert run(walled, code, limits(file_mb=10, disk_mb=40)).said == ["27", "[0, 0, 0, 28, 28, 28]"]


def test_a_huge_file_is_refused_without_a_wall(any_room):
    code = "with open('large', 'wb') as target:\n    say(fails(target.truncate, 1 << 30))"
    assert run(any_room, code, limits(file_mb=10)).said == ["27"]


def test_open_files_are_limited(any_room):
    code = "kept = []\nsay(fails(lambda: [kept.append(open('/dev/null')) for _ in range(5000)]), len(kept) < 100)"
    assert run(any_room, code, limits(open_files=100)).said == ["24 True"]


def test_killing_is_at_once_and_closing_may_be_twice(any_room):
    inmate = any_room.admit(
        GENEROUS, script("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsay('here')\ntime.sleep(600)")
    )
    assert line(inmate) == "here"
    started = time.monotonic()
    inmate.kill()
    assert inmate.ending(SLOW) == "it was stopped"
    assert time.monotonic() - started < SLOW / 2
    inmate.close()
    inmate.close()
    assert inmate.ending() == "it was stopped"
