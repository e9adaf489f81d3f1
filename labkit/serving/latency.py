"""Latency: how long one answer takes, and how many samples stand behind what is said of it."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Latency:
    """Percentiles, and the number of samples that they come from."""

    p50_ms: float
    p99_ms: float
    samples: int


def latencies_ms(call: Callable[[], object], n: int, warmup: int = 10) -> list[float]:
    """Milliseconds of each of `n` calls, one after the other, after `warmup` calls that are not counted."""
    for _ in range(warmup):
        call()
    samples = []
    for _ in range(n):
        began = time.perf_counter_ns()
        call()
        samples.append((time.perf_counter_ns() - began) / 1e6)
    return samples


def needed(q: float) -> int:
    """Samples that a percentile needs: one of them at least lies in the tail beyond it."""
    return math.ceil(round(100 / (100 - q), 6))


def percentile(samples: Sequence[float], q: float) -> float:
    """The smallest sample that at least `q` percent of the samples do not exceed.

    Raises ValueError where the samples are too few to have one: a p99 of fifty calls is their maximum, by another name.
    """
    if not 0 < q < 100:
        raise ValueError(f"a percentile lies between 0 and 100, and {q:g} does not")
    if len(samples) < needed(q):
        raise ValueError(f"a p{q:g} needs at least {needed(q)} samples, and there are {len(samples)}")
    rank = math.ceil(round(len(samples) * q / 100, 6))
    return sorted(samples)[rank - 1]


def summary(samples: Sequence[float]) -> Latency:
    """The median and the 99th percentile of at least 100 samples."""
    return Latency(percentile(samples, 50), percentile(samples, 99), len(samples))
