"""The process beside the student's: wall time, memory, number of processes, interrupts, and the end of everything.

In a pid namespace of its own it is the first process: the kernel lets no other one there signal it, and ends all when
it ends. It speaks to the outside over the control socket: single bytes come in (INTERRUPT, STOP), JSON lines go out
({"ready": its number}, {"refused": why}, {"ended": why}). When the outside is gone, everything ends.
"""

import contextlib
import json
import os
import select
import signal
import socket
import time

from labkit.grading.sandbox import processes
from labkit.grading.sandbox.limits import Limits

INTERRUPT, STOP = b"i", b"k"
TICK = 0.12  # seconds between two looks at memory and processes
STOPPED = "it was stopped"
READY = b"ok"


def say(control: socket.socket, **what: object) -> None:
    """Tell the outside, if there is one."""
    with contextlib.suppress(OSError):
        control.sendall(json.dumps(what).encode() + b"\n")


def ending_of(status: int, limits: Limits) -> str:
    """How a process ended, from its wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return f"it used more than {limits.cpu_s} s of processor time"
        return f"its process was killed by signal {number}"
    return f"it ended its process (exit status {os.waitstatus_to_exitcode(status)})"


class Watch:
    """Watches one student's process and all that it starts, until one of them has to end."""

    def __init__(self, control: socket.socket, child: int, started: socket.socket, limits: Limits, alone: bool) -> None:
        self.control = control
        self.child = child
        self.started = started  # on which the child says that it is ready, or why not
        self.limits = limits
        self.alone = alone  # whether all other processes in sight are the student's
        self.until = time.monotonic() + limits.wall_s
        self.announced = False
        self.status: int | None = None

    def run(self) -> None:
        """Watch to the end, end everything, and say why."""
        why = self.watch()
        self.end_all()
        if not self.announced:  # it may have ended before it began
            self.hear_child()
        say(self.control, ended=why)

    def watch(self) -> str:
        """Wait for something that ends this, and say what it was."""
        poll = select.poll()
        for number in (self.control, self.started, *self.handle()):
            poll.register(number, select.POLLIN)
        next_look = time.monotonic()
        while True:
            events = dict(poll.poll(max(0.0, next_look - time.monotonic()) * 1000))
            if self.started.fileno() in events:
                poll.unregister(self.started)
                self.hear_child()
            why = self.hear_outside() if self.control.fileno() in events else ""
            if not why and time.monotonic() >= next_look:
                why = self.excess()
                next_look = time.monotonic() + TICK
            if why := why or self.child_ended():
                return why

    def handle(self) -> list[int]:
        """A file that becomes readable when the child ends, where the system has such files."""
        try:
            return [os.pidfd_open(self.child)]
        except (AttributeError, OSError):
            return []

    def hear_child(self) -> None:
        """Pass on what the child says of its start, and hang up: it waits for that, so the student's code is not first.

        An open end would also stay in sight of the student, as a socket of the namespace.
        """
        said = self.started.recv(4096)
        self.announced = True
        if said == READY:
            say(self.control, ready=os.getpid())
        else:
            say(self.control, refused=said.decode(errors="replace") or "its process ended before it began")
        self.started.close()

    def hear_outside(self) -> str:
        """Do what the outside wants; not "" where it wants the end, or is gone."""
        try:
            wish = self.control.recv(1)
        except OSError:
            return STOPPED
        if wish == INTERRUPT:
            with contextlib.suppress(OSError):
                os.kill(self.child, signal.SIGINT)
            return ""
        return STOPPED

    def everyone(self) -> list[int]:
        """All processes of the student."""
        return processes.everyone() if self.alone else processes.descendants()

    def excess(self) -> str:
        """Which limit is passed, as a sentence; "" for none."""
        limits = self.limits
        if time.monotonic() > self.until:
            return f"it ran longer than {limits.wall_s:g} s"
        everyone = self.everyone()
        if len(everyone) > limits.processes:
            return f"it started more than {limits.processes} processes"
        if processes.memory_mb(everyone, limits.memory_mb) > limits.memory_mb:
            return f"it used more than {limits.memory_mb} MB of memory"
        return ""

    def child_ended(self) -> str:
        """Take leave of every child that has ended; how the student's main process did, or ""."""
        with contextlib.suppress(ChildProcessError):
            while self.status is None:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return ""
                if pid == self.child:
                    self.status = status
        return "" if self.status is None else ending_of(self.status, self.limits)

    def end_all(self) -> None:
        """Kill whatever the student started, and wait until nothing of it is left."""
        if self.alone:
            end_namespace()
        else:
            end_descendants()


def end_namespace() -> None:
    """Kill all processes but this, the first of its pid namespace. The kernel does it at once: none can fork away."""
    while has_children():
        with contextlib.suppress(OSError):
            os.kill(-1, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def end_descendants() -> None:
    """Kill all processes below this one, as well as that can be done without a namespace."""
    while everyone := processes.descendants():
        for number in (signal.SIGSTOP, signal.SIGKILL):  # who stands still cannot fork
            for pid in everyone:
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.005)


def has_children() -> bool:
    """Whether this process has a child, dead or alive."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
