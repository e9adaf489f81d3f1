"""The outside's end of one inmate."""

import contextlib
import json
import os
import select
import signal
import socket
import time

from labkit.grading.sandbox import watch
from labkit.grading.sandbox.cgroups import Groups
from labkit.grading.sandbox.limits import Limits
from labkit.grading.sandbox.request import Refused

BEGIN_S, END_S = 120.0, 20.0  # how long we wait for its start and for its end; both take milliseconds
GONE = "its sandbox was ended from outside"


class Inmate:
    """One admitted submission: `socket` leads to the student's side."""

    def __init__(self, data: socket.socket, control: socket.socket, groups: Groups, limits: Limits, way: str) -> None:
        self.socket = data
        self._control = control
        self._groups = groups
        self._limits = limits
        self._way = way
        self._heard = b""
        self._over = False  # whether the other end of the control socket is closed
        self._watch = 0
        self._why = ""
        self._closed = False

    def begin(self, within: float = BEGIN_S) -> None:
        """Wait until it is isolated and the student's side begins; Refused where that fails."""
        until = time.monotonic() + within
        while not self._watch and not self._over and self._listen(until):
            pass
        if not self._watch:
            why = self._why or "the room does not answer"
            self.close()
            raise Refused(f"The sandbox did not admit a submission: {why}.")

    def interrupt(self) -> None:
        """KeyboardInterrupt in the student's main thread."""
        self._tell(watch.INTERRUPT)

    def kill(self) -> None:
        """End everything of it, at once."""
        self._tell(watch.STOP)

    def ending(self, within: float = 1.0) -> str:
        """Why it ended, as a sentence without its first capital and its full stop; "" while it lives."""
        until = time.monotonic() + within
        while not self._why and not self._over and self._listen(until):
            pass
        return self._why or (GONE if self._over else "")

    def close(self) -> None:
        """Kill it, and wait until nothing of it is left."""
        if self._closed:
            return
        self._closed = True
        self.kill()
        until = time.monotonic() + END_S
        while not self._over and self._listen(until):
            pass
        if not self._over:
            self._end_watch()
        self._remember_memory()
        self._groups.remove()
        for one in (self.socket, self._control):
            with contextlib.suppress(OSError):  # a fork may hold a copy: shutting down reaches all of them
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def __enter__(self) -> "Inmate":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _tell(self, wish: bytes) -> None:
        with contextlib.suppress(OSError):
            self._control.send(wish)

    def _listen(self, until: float) -> bool:
        """Take the next piece of what the watch says; False where none comes in time."""
        if self._closed and self._control.fileno() < 0:
            return False
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
            return False
        try:
            piece = self._control.recv(4096)
        except OSError:
            piece = b""
        self._over = not piece
        *lines, self._heard = (self._heard + piece).split(b"\n")
        for line in lines:
            self._hear(json.loads(line))
        return True

    def _hear(self, said: dict) -> None:
        self._watch = said.get("ready", self._watch)
        self._why = self._why or said.get("refused") or said.get("ended", "")
        self._remember_memory()

    def _remember_memory(self) -> None:
        """Where the kernel killed it for its memory, the watch saw only the signal."""
        if self._why.endswith("by signal 9") and self._groups.ran_out():
            self._why = f"it used more than {self._limits.memory_mb} MB of memory"

    def _end_watch(self) -> None:
        """Where there are no namespaces, a student may have stopped the watch: its parent ends what it leaves."""
        if self._way in ("landlock", "plain") and self._watch:
            with contextlib.suppress(OSError):
                os.kill(self._watch, signal.SIGKILL)
