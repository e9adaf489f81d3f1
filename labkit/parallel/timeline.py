"""What each rank did, and when: a list of events, and the same as a file that https://ui.perfetto.dev opens."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

LANES = {"compute": 0, "wait": 0, "step": 0, "send": 1, "receive": 2}  # the latter two overlap what the rank does


class Event(NamedTuple):
    """One thing that a rank did. start, end [s]; size: bytes moved.

    kind: compute, send, wait, step, or receive, which is a thread's waiting while the rank itself goes on.
    """

    rank: int
    kind: str
    name: str
    start: float
    end: float
    size: int = 0


@dataclass(frozen=True)
class Timeline:
    """All ranks' events, in order of their start; time 0 is the first event's start."""

    events: tuple[Event, ...]
    n: int

    @classmethod
    def of(cls, by_rank: Sequence[Sequence[Event]]) -> "Timeline":
        """From what each rank noted: all read one clock, time.monotonic()."""
        noted = sorted((event for events in by_rank for event in events), key=lambda event: event.start)
        zero = noted[0].start if noted else 0.0
        shifted = (event._replace(start=event.start - zero, end=event.end - zero) for event in noted)
        return cls(tuple(shifted), len(by_rank))

    def seconds(self, kind: str, rank: int | None = None) -> float:
        """How long one rank, or all together, spent on a kind."""
        return sum(e.end - e.start for e in self.events if e.kind == kind and rank in (None, e.rank))

    def save(self, path: str | os.PathLike) -> Path:
        """Write Chrome's trace format (JSON): a process a rank, threads for its messages. Returns the path."""
        path = Path(path)
        names = [_named(rank) for rank in range(self.n)]
        path.write_text(json.dumps({"displayTimeUnit": "ms", "traceEvents": names + [_span(e) for e in self.events]}))
        return path

    def draw(self, title: str, stamp: str = "throttled") -> None:
        """Show it in the notebook: one row a rank. `stamp` as for every figure."""
        from labkit.parallel.drawing import draw_timeline  # not above: it imports matplotlib, which no rank needs

        draw_timeline(self, title, stamp)


def _named(rank: int) -> dict:
    return {"name": "process_name", "ph": "M", "pid": rank, "tid": 0, "args": {"name": f"rank {rank}"}}


def _span(event: Event) -> dict:
    """The format counts microseconds; "X" is a complete span."""
    start, length = event.start * 1e6, (event.end - event.start) * 1e6
    place = {"pid": event.rank, "tid": LANES[event.kind], "ts": start, "dur": length}
    return {"name": event.name, "cat": event.kind, "ph": "X", **place, "args": {"bytes": event.size}}
