"""Things done at given moments, and how late each was: the lateness is the client's own, whatever the server did."""

from array import array
from collections.abc import Callable, Iterator

import numpy as np

from labkit.serving.load.alarm import alarm
from labkit.serving.load.connection import clock

BATCH = 64  # due moments in a row: an answer that waits to be read must not wait for all of a backlog


class Schedule:
    """act(moment) at each moment before `end`, in seconds of time.monotonic(). late: seconds, one for each moment."""

    def __init__(self, moments: Iterator[float], end: float, act: Callable[[float], None]):
        self.moments, self.end, self.act = moments, end, act
        self.late = array("d")
        self.alarm = alarm(self.ring)
        self.next: float | None = None
        self.step()
        self.alarm.set(self.next)

    def step(self) -> None:
        moment = next(self.moments)
        self.next = moment if moment < self.end else None

    def ring(self) -> None:
        for _ in range(BATCH):
            if self.next is None or self.next > (now := clock()):
                break
            self.late.append(now - self.next)
            self.act(self.next)
            self.step()
        self.alarm.set(self.next)

    def forget(self) -> None:
        """Begin to count lateness anew."""
        self.late = array("d")

    def lateness(self) -> tuple[float, float]:
        """Its median and its p99 in seconds; of a few moments, p99 is the latest."""
        late = np.asarray(self.late) if self.late else np.zeros(1)
        p50, p99 = np.percentile(late, [50, 99], method="higher").tolist()
        return p50, p99

    @property
    def done(self) -> bool:
        return self.next is None

    def __enter__(self) -> "Schedule":
        return self

    def __exit__(self, *_: object) -> None:
        self.alarm.close()
