"""The supervisor: shows what the ranks print, hears what they report, and decides that the run is over."""

import pickle
import selectors
import time

from labkit.parallel.processes import causes
from labkit.parallel.processes.channel import ASK, CHECK
from labkit.parallel.processes.failures import Deadlock, RankFailed, RanksTimeout
from labkit.parallel.processes.process import Rank

TICK = 0.1  # seconds
LAST_WORDS = 0.3  # how long a rank may take to say something that was asked, or to die after another missed it


def supervise(ranks: list[Rank], deadlock: float, timeout: float | None) -> list[tuple]:
    """Each rank's report, in order. Raises RankFailed, Deadlock, RanksTimeout. Leaves the processes to `end`."""
    with selectors.DefaultSelector() as selector:
        for rank in ranks:
            selector.register(rank.inbox.line, selectors.EVENT_READ, rank)
            selector.register(rank.lines.fd, selectors.EVENT_READ, rank)
        return _watch(ranks, selector, deadlock, None if timeout is None else time.monotonic() + timeout, timeout)


def _watch(ranks: list[Rank], selector, deadlock: float, end: float | None, timeout: float | None) -> list[tuple]:
    while not all(rank.report and rank.report[0] == "done" for rank in ranks):
        _turn(ranks, selector, TICK)
        _raise_failure(ranks, selector)
        working = [rank for rank in ranks if rank.report is None]
        if working and all(rank.stuck for rank in working) and _still_stuck(working, selector):
            raise Deadlock(deadlock, {rank.number: "is finished" if rank.report else rank.stuck for rank in ranks})
        if end is not None and time.monotonic() > end and working:
            raise RanksTimeout(timeout, _where(ranks, selector))
    return [rank.report for rank in ranks]


def _turn(ranks: list[Rank], selector, seconds: float) -> None:
    """Listen to who has something to say."""
    for key, _ in selector.select(seconds):
        key.data.listen()
    for rank in ranks:
        for end, fileobj in ((rank.inbox, rank.inbox.line), (rank.lines, rank.lines.fd)):
            if not end.open and fileobj in selector.get_map():
                selector.unregister(fileobj)  # else it would be ready for ever


def _still_stuck(working: list[Rank], selector) -> bool:
    """Ask again: what a rank said last may be a moment old, and another may have set it free since."""
    for rank in working:
        rank.checked = None
        rank.inbox.tell(CHECK)
    until = time.monotonic() + LAST_WORDS
    while time.monotonic() < until and any(rank.checked is None for rank in working):
        _turn(working, selector, TICK / 10)
    return all(rank.checked and rank.report is None for rank in working)


def _raise_failure(ranks: list[Rank], selector) -> None:
    if not any(causes.failed(rank) for rank in ranks):
        return
    if any(causes.lost_another(rank) for rank in ranks):
        _wait_for_the_cause(ranks, selector)
    raise causes.first(ranks)


def _wait_for_the_cause(ranks: list[Rank], selector) -> None:
    """A rank misses another before the supervisor does: give the dead a moment to be noticed."""
    until = time.monotonic() + LAST_WORDS
    while time.monotonic() < until and not any(rank.report is None and rank.gone() for rank in ranks):
        _turn(ranks, selector, TICK / 10)


def _where(ranks: list[Rank], selector) -> dict[int, str]:
    """Ask each rank where it is. One that holds Python's lock cannot say."""
    for rank in ranks:
        rank.inbox.tell(ASK)
    until = time.monotonic() + LAST_WORDS + TICK
    while time.monotonic() < until and any(rank.at is None for rank in ranks):
        _turn(ranks, selector, TICK / 10)
    return {r.number: "is finished" if r.report else r.at or "computes, and does not say where" for r in ranks}


def unpacked(number: int, result: bytes) -> object:
    """A rank's result, here. Raises RankFailed in a sentence for what only the rank's own process knows."""
    try:
        return pickle.loads(result)
    except Exception as error:
        raise RankFailed(
            number, f"rank {number} returned something that this process cannot read ({error}): return plain data."
        ) from None
