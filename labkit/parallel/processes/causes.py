"""Which rank failed first, and of what: when one is gone the others fail too, and often say so sooner."""

import os
import re
import signal

from labkit.parallel.processes.failures import RankFailed
from labkit.parallel.processes.process import Rank

# What gloo says in the other ranks when one was killed: a consequence, never the cause.
LOST = re.compile(r"Connection (closed|reset)|Broken pipe|connection was closed|Socket .*closed", re.IGNORECASE)
KILLED = {
    signal.SIGKILL: "perhaps for want of memory",
    signal.SIGTERM: "numba's threads (njit(parallel=True)) do not survive a fork: `%%ranks` starts fresh processes",
    signal.SIGABRT: "what it printed last says why",
    signal.SIGSEGV: "it touched memory that is not its own",
}


def failed(rank: Rank) -> bool:
    """Whether it raised, was killed or left."""
    if rank.report is None and rank.gone():
        rank.listen()  # its last words may have come after the last look
        return rank.report is None or rank.report[0] == "failed"
    return rank.report is not None and rank.report[0] == "failed"


def lost_another(rank: Rank) -> bool:
    """Whether what it failed of is that another rank went away."""
    return failed(rank) and rank.report is not None and bool(LOST.search("".join(rank.report[2:])))


def first(ranks: list[Rank]) -> RankFailed:
    """The failure that came first."""
    return _failure(min((rank for rank in ranks if failed(rank)), key=_order))


def _order(rank: Rank) -> tuple:
    """A rank that just died, then who raised, in order of time, then who lost another."""
    if rank.report is None:
        return 0, 0.0
    return 2 if lost_another(rank) else 1, rank.report[1]


def _failure(rank: Rank) -> RankFailed:
    if rank.report is None:
        return RankFailed(rank.number, _ended(rank.number, rank.status))
    return RankFailed(rank.number, *rank.report[2:])


def _ended(number: int, status: int) -> str:
    if not os.WIFSIGNALED(status):
        return f"rank {number} left with exit status {os.waitstatus_to_exitcode(status)} before `fn` had returned."
    found = os.WTERMSIG(status)
    perhaps = f", {KILLED[found]}" if found in KILLED else ""
    return f"rank {number} was killed (signal {found}){perhaps}."
