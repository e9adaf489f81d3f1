"""The harness of every bench: variants in turn, round after round, so that a busy machine troubles them all alike.

A ratio is taken within a round and its median over the rounds is reported; absolute times are for the rows. The share
of the processor that other programs took stands beside every result.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from tqdm.auto import tqdm

Call = Callable[[], object]
ROUND_S = 0.02  # a timed stretch is at least this long, so that the clock's own cost is below a thousandth


@dataclass(frozen=True)
class Measurement:
    """One variant over all rounds. seconds: per call, one number a round; calls: how many stand behind each."""

    name: str
    seconds: list[float]
    calls: int

    @property
    def median_s(self) -> float:
        return statistics.median(self.seconds)


def interleaved(variants: dict[str, Call], rounds: int = 15, warmup: int = 3) -> dict[str, Measurement]:
    """Time each variant once a round, in turn. Returns a Measurement for each name."""
    if not variants or rounds < 1:
        raise ValueError("A measurement needs at least one variant and one round.")
    calls = {name: _calls_per_stretch(call, warmup) for name, call in variants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for turn in tqdm(range(rounds), desc="rounds", disable=rounds * ROUND_S * len(variants) < 2):
        names = list(variants) if turn % 2 == 0 else list(reversed(variants))  # nobody always goes first
        for name in names:
            seconds[name].append(_stretch(variants[name], calls[name]) / calls[name])
    return {name: Measurement(name, seconds[name], calls[name]) for name in variants}


def ratio(other: Measurement, ours: Measurement) -> float:
    """How many times longer the other takes: the median of the rounds' ratios. Raises ValueError for unequal rounds."""
    return statistics.median(theirs / mine for theirs, mine in zip(other.seconds, ours.seconds, strict=True))


def geometric_mean(ratios: list[float]) -> float:
    """The mean of ratios: it gives the inverse for the inverses, as an arithmetic mean would not."""
    return statistics.geometric_mean(ratios)


class ForeignLoad:
    """The share of this machine's processors that other programs took during a `with` block; `.share` in [0, 1]."""

    def __enter__(self) -> "ForeignLoad":
        self._start = self._reading()
        self.share = 0.0
        return self

    def __exit__(self, *error: object) -> None:
        own, busy, wall = (after - before for after, before in zip(self._reading(), self._start, strict=True))
        self.share = min(1.0, max(0.0, (busy - own) / (wall * (os.cpu_count() or 1))))

    @staticmethod
    def _reading() -> tuple[float, float, float]:
        """Processor seconds of this process and its ended children, of everything, and the clock."""
        own, total = psutil.Process().cpu_times(), psutil.cpu_times()
        idle = total.idle + getattr(total, "iowait", 0.0)
        counted_twice = getattr(total, "guest", 0.0) + getattr(total, "guest_nice", 0.0)
        return (
            own.user + own.system + own.children_user + own.children_system,
            sum(total) - idle - counted_twice,
            time.monotonic(),
        )


def machine() -> dict:
    """What the figures were measured on."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _calls_per_stretch(call: Call, warmup: int) -> int:
    """Warm the variant up, and find how many calls fill a stretch."""
    for _ in range(warmup):
        call()
    calls = 1
    while (took := _stretch(call, calls)) < ROUND_S:
        calls = max(2 * calls, int(calls * ROUND_S / max(took, 1e-9)))
    return calls


def _stretch(call: Call, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - start
