"""Ranks as forks of this process: `fn` may be a cell's function or a closure, and what is imported is there already."""

import os
import socket
import sys
import warnings
from collections.abc import Callable

from labkit.parallel.processes import child
from labkit.parallel.processes.channel import Inbox
from labkit.parallel.processes.child import Orders
from labkit.parallel.processes.output import Lines
from labkit.parallel.processes.process import Rank


def start_fork(
    number: int, orders: Orders, fn: Callable, before: list[Rank], write: Callable, live: Callable = child.live
) -> Rank:
    """Start one rank. before: those started already; live: what it does. To be called where Ctrl-C is held."""
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    with warnings.catch_warnings():  # Python 3.12 warns of a fork beside threads; `child` knows what it must not touch
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _forget(before, ours, reading)
        live(number, orders, fn, theirs, writing)
    theirs.close()
    os.close(writing)
    own_group(pid)
    return Rank(number, pid, Inbox(ours), Lines(number, reading, write))


def _forget(before: list[Rank], ours: socket.socket, reading: int) -> None:
    """Close the supervisor's ends: a rank that held another's would keep it from noticing the supervisor's death."""
    for rank in before:
        rank.inbox.line.close()
        os.close(rank.lines.fd)
    ours.close()
    os.close(reading)


def own_group(pid: int) -> None:
    """Both sides ask for it, so that it holds whoever comes first."""
    try:
        os.setpgid(pid, pid)
    except (PermissionError, ProcessLookupError):  # the child was first, or is gone
        return


def load_torch() -> None:
    """Once here, and not in each rank: torch, and its compiler, which the first optimizer imports in a second."""
    import torch._dynamo  # noqa: F401


def flush() -> None:
    """What lies in a buffer at a fork is printed once a rank."""
    sys.stdout.flush()
    sys.stderr.flush()
