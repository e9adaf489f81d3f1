"""What happened, written down while it happens and counted afterwards: a busy client must not stop to do statistics."""

from array import array
from collections import Counter

import numpy as np


class Log:
    """Answers and failures by when they were wanted. Every time is in seconds of time.monotonic()."""

    def __init__(self) -> None:
        self.wanted = array("d")  # of each ok answer, when its request was wanted
        self.came = array("d")  # and when its last byte came
        self.failures: list[tuple[float, int | str]] = []  # (wanted, a status other than 200 or a reason)

    def answered(self, wanted: float, came: float, status: int) -> None:
        if status == 200:
            self.wanted.append(wanted)
            self.came.append(came)
        else:
            self.failures.append((wanted, status))

    def failed(self, wanted: float, reason: str) -> None:
        self.failures.append((wanted, reason))

    def waits(self, begin: float, end: float) -> np.ndarray:
        """Seconds that each ok answer took, of the requests that were wanted from `begin` until `end`."""
        wanted, came = np.asarray(self.wanted), np.asarray(self.came)
        counted = (begin <= wanted) & (wanted < end)
        return came[counted] - wanted[counted]

    def came_within(self, begin: float, end: float) -> int:
        """How many ok answers came in that time, whenever they were wanted: the others are not its throughput."""
        came = np.asarray(self.came)
        return int(np.count_nonzero((begin <= came) & (came < end)))

    def failures_within(self, begin: float, end: float) -> Counter:
        """How many requests that were wanted in that time failed, by status or reason."""
        return Counter(what for wanted, what in self.failures if begin <= wanted < end)
