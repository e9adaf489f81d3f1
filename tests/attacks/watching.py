"""What a whole run may have done beside grading: processes left behind, memory taken outside the sandbox."""

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Iterator

import psutil

SUBREAPER = 36  # prctl: orphans below this process become its children, and can be counted


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """While the block runs, no process can leave this one's family."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc:
        libc.prctl(SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        if libc:
            libc.prctl(SUBREAPER, 0, 0, 0, 0)


def family() -> dict[int, str]:
    """All processes below this one that are not over, by number."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(process.cmdline())[:100]
    return found


def left(before: dict[int, str], within: float = 3.0) -> dict[int, str]:
    """The processes that a run has left, after a moment in which the last may end."""
    end = time.monotonic() + within
    while (found := {pid: what for pid, what in family().items() if pid not in before}) and time.monotonic() < end:
        time.sleep(0.1)
    return {pid: what for pid, what in found.items() if "resource_tracker" not in what}


def reap() -> None:
    """Take leave of adopted children that are over."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
