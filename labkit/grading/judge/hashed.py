"""Dicts and sets out of a stranger's keys.

Python's integers hash to themselves, so anybody can write keys that all fall into one place of the table, and 100,000
of them take minutes to insert. No rule on the keys alone sees every such set, hence a limit on the CPU time: at least
ten times what honest keys take, and counted for this thread only, so that a busy machine makes no difference.
"""

import time
from collections.abc import Callable, Iterable, Sequence

from labkit.grading.judge.limits import Malformed

SCALARS = frozenset({int, float, str, bool, bytes, complex, type(None)})
FEW = 64  # so many scalar keys are quick whatever they are
FIRST_S = 0.5
EACH_S = 5e-6


class Patience:
    """The CPU time that all dicts and sets of one value may take to fill."""

    def __init__(self) -> None:
        self.left_s = FIRST_S

    def dict(self, keys: Sequence, values: Sequence) -> dict:
        """dict(zip(keys, values)), all keys different."""
        if len(keys) <= FEW and SCALARS.issuperset(map(type, keys)):
            return _whole(dict(zip(keys, values, strict=True)), keys)
        table: dict = {}
        self._fill(table.__setitem__, list(zip(keys, values, strict=True)), keys)
        return _whole(table, keys)

    def set(self, elements: Sequence) -> set:
        """set(elements), all of them different."""
        if len(elements) <= FEW and SCALARS.issuperset(map(type, elements)):
            return _whole(set(elements), elements)
        table: set = set()
        self._fill(table.add, [(element,) for element in elements], elements)
        return _whole(table, elements)

    def _fill(self, insert: Callable, entries: list[tuple], keys: Iterable) -> None:
        # Two tuples or frozensets may take long to compare, so that the clock is read after each of them.
        step = FEW if SCALARS.issuperset(map(type, keys)) else 1
        before = time.thread_time()
        for start in range(0, len(entries), step):
            for entry in entries[start : start + step]:
                insert(*entry)
            now = time.thread_time()
            self.left_s -= now - before - step * EACH_S
            before = now
            if self.left_s < 0:
                raise Malformed("the keys of a dict or a set have nearly all the same hash")


def _whole(table: dict | set, keys: Sequence) -> dict | set:
    if len(table) != len(keys):
        raise Malformed("a dict or a set has the same key twice")
    return table
