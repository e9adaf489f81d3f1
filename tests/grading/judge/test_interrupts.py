"""An interrupt is meant for one question: one that comes late must not hit the next."""

import os
import signal
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from labkit.grading.judge import student
from labkit.grading.judge.wire import Channel


@pytest.fixture
def desk(monkeypatch):
    monkeypatch.setattr(student, "Shell", lambda: SimpleNamespace(names={}))  # the real one is IPython's, for good
    ours, theirs = socket.socketpair()
    desk = student.Desk(Channel(theirs))
    before = signal.signal(signal.SIGINT, desk._interrupted)
    yield desk
    signal.signal(signal.SIGINT, before)
    ours.close()
    theirs.close()


def interrupt_after(seconds: float) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


def test_an_interrupt_that_comes_late_is_waited_for(desk):
    desk.busy = True  # as while a question is answered
    interrupt_after(0.2)
    assert desk._settle({"interrupts": 1}, [])[0] == {"ok": None}
    assert desk.interrupts == 1
    assert not desk.busy


def test_one_that_came_in_time_is_not_waited_for(desk):
    desk.busy = True
    interrupt_after(0.05)
    with pytest.raises(KeyboardInterrupt):
        time.sleep(5)
    began = time.monotonic()
    desk._settle({"interrupts": 1}, [])
    assert time.monotonic() - began < 0.5


def test_one_that_never_comes_does_not_hold_it_up_for_ever(desk, monkeypatch):
    monkeypatch.setattr(student, "SETTLE_S", 0.05)
    desk._settle({"interrupts": 1}, [])
    assert desk.interrupts == 0
