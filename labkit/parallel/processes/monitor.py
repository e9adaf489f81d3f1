"""A thread in each rank that answers where the rank is, notices when it is stuck, and ends it with its supervisor.

Stuck is: every thread in a call of torch's or in one that waits, with no byte moved, no line passed and no processor
time used for as long as the supervisor asked. One stuck rank is nothing; the supervisor calls it a deadlock when no
other rank is different.
"""

import os
import selectors
import signal
import sys
import threading
import time
from types import FrameType

from labkit.parallel.processes import moved, source
from labkit.parallel.processes.channel import CHECK, RELEASE, Outbox

TICK = 0.2  # seconds between two looks
IDLE = 0.02  # a rank that uses less of a processor than this does not compute; gloo's own thread wakes now and then
TORCH = f"{os.sep}torch{os.sep}"
WAITING = ("wait", "acquire", "get", "join")  # for a message, a lock, a queue, a thread


class Monitor(threading.Thread):
    """Watches the thread that makes it. `released` is set when the rank may end."""

    def __init__(self, outbox: Outbox, patience: float):
        super().__init__(daemon=True, name="labkit-monitor")
        self.outbox, self.patience = outbox, patience
        self.released = threading.Event()
        self._ear = selectors.DefaultSelector()  # `select` knows no descriptor above 1023, and a notebook may have many
        self._ear.register(outbox.line, selectors.EVENT_READ)
        self._inherited = frozenset(moved.sockets().values())
        self._watched, self._parent = threading.get_ident(), os.getppid()
        self._mark, self._processor, self._since, self._told = None, 0.0, time.monotonic(), False

    def run(self) -> None:
        try:
            while not self.released.is_set():
                self._listen()
                self._look()
        except OSError:  # nobody listens
            end_group()

    def _listen(self) -> None:
        """Sleep for a tick, unless the supervisor says something."""
        word = self.outbox.line.recv(1) if self._ear.select(TICK) else None
        if word == b"" or os.getppid() != self._parent:
            end_group()
        elif word == RELEASE:
            self.released.set()
        elif word == CHECK:
            self._look()
            self.outbox.say("checked", self._told)
        elif word:
            self.outbox.say("at", source.place(self._frame(), "is"))

    def _look(self) -> None:
        frame, now = self._frame(), time.monotonic()
        still = self._computes_nothing() and self._all_wait()
        mark = (moved.bytes_moved(self._inherited), source.place(frame, "waits")) if still else None
        if mark is None or mark != self._mark:
            self._mark, self._since = mark, now
            if self._told:
                self.outbox.say("moves")
            self._told = False
        elif now - self._since >= self.patience and not self._told:
            self._told = True
            self.outbox.say("stuck", mark[1])

    def _computes_nothing(self) -> bool:
        """Since the last look: processor time of all threads but this one, which reads /proc now and then."""
        before, self._processor = self._processor, time.process_time() - time.thread_time()
        return self._processor - before < IDLE * TICK

    def _all_wait(self) -> bool:
        """Whether no thread but this one does anything else: a rank may wait for a thread of its own."""
        me = threading.get_ident()
        return all(waits(frame) for thread, frame in sys._current_frames().items() if thread != me)

    def _frame(self) -> FrameType | None:
        return sys._current_frames().get(self._watched)


def waits(frame: FrameType | None) -> bool:
    """Whether the innermost call may be one that waits for another rank, or for a thread."""
    if frame is None:
        return False
    return TORCH in frame.f_code.co_filename or source.called(frame) in WAITING


def end_group() -> None:
    """End this rank and all that it started, at once."""
    os.killpg(0, signal.SIGKILL)
