"""A rank's process, as its supervisor sees it, and how it ends."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass

from labkit.parallel.processes.channel import RELEASE, Inbox
from labkit.parallel.processes.output import Lines

LEAVING = 5.0  # seconds from the release of a rank to its end


@dataclass
class Rank:
    """One process, seen from the supervisor. report: what it said last of all, ("done", ...) or ("failed", ...)."""

    number: int
    pid: int
    inbox: Inbox
    lines: Lines
    report: tuple | None = None
    stuck: str | None = None
    checked: bool | None = None
    at: str | None = None
    status: int | None = None  # as from os.waitpid, once it is gone

    def listen(self) -> None:
        """Take in what it printed and said."""
        self.lines.show()
        for kind, *content in self.inbox.messages():
            if kind in ("done", "failed"):
                self.report = (kind, *content)
            elif kind in ("at", "checked"):
                setattr(self, kind, content[0])
            else:  # "stuck" or "moves"
                self.stuck = content[0] if content else None

    def gone(self) -> bool:
        """Whether the process has ended; its status is then known."""
        if self.status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.status = status if pid else None
            except ChildProcessError:  # somebody else has waited for it
                self.status = 0
        return self.status is not None


def end(ranks: list[Rank], released: bool) -> None:
    """Leave none of them running, nor anything that they started, and close what was held for them."""
    until = time.monotonic() + (LEAVING if released else 0)
    if released:
        for rank in ranks:
            rank.inbox.tell(RELEASE)
    while not all([rank.gone() for rank in ranks]) and time.monotonic() < until:
        for rank in ranks:
            rank.lines.show()  # a full pipe would keep it
        time.sleep(0.002)
    for rank in ranks:
        _kill(rank)
        rank.lines.close()
        rank.inbox.line.close()


def _kill(rank: Rank) -> None:
    """The rank's process group: itself, its loaders' workers, what it started else."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses where only a zombie is left
        os.killpg(rank.pid, signal.SIGKILL)
    while not rank.gone():
        time.sleep(0.001)
