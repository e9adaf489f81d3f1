"""One data-parallel step on virtual hardware: does it take what the model of its parts says?

A sleep stands in for the backward pass, and the ring all-reduces the gradient after it: alpha-beta model (Hockney
1994) of the ring (Patarasuk & Yuan 2009), 2(n - 1)(alpha + S/(n B)).
"""

import itertools
import statistics
import time
from dataclasses import dataclass

import torch

from labkit.parallel import Device, compute, link, ranks
from labkit.parallel.collectives import ring_all_reduce

STEPS = 15


@dataclass(frozen=True)
class Case:
    """compute: seconds of the backward pass; size: bytes of the gradient, float32."""

    n: int
    link: Device
    compute: float
    size: int

    @property
    def predicted_s(self) -> float:
        """Of one step."""
        hop = self.link.latency + self.size / (self.n * self.link.bandwidth)
        return self.compute + 2 * (self.n - 1) * hop


CASES = (
    Case(n=4, link=Device(bandwidth=25e6, latency=1e-3), compute=0.1, size=4_000_000),  # the bandwidth counts
    Case(n=4, link=Device(bandwidth=100e6, latency=20e-3), compute=0.1, size=400_000),  # the latency
    Case(n=2, link=Device(bandwidth=25e6, latency=1e-3), compute=0.2, size=1_000_000),  # the arithmetic
)


def error() -> tuple[float, list[dict]]:
    """The largest relative error of the median step time. A row for each case."""
    rows = [_row(case, step_seconds(case)) for case in CASES]
    return max(row["error"] for row in rows), rows


def step_seconds(case: Case) -> float:
    """Median of the steps, each from the last rank's end of the one before to the last rank's end of it."""
    ends = [max(moments) for moments in zip(*ranks(lambda: _steps(case), case.n, case.link), strict=True)]
    return statistics.median(after - before for before, after in itertools.pairwise(ends))


def _steps(case: Case) -> list[float]:
    """On each rank. When each step ended, of time.monotonic(), which all ranks read alike."""
    gradient = torch.zeros(case.size // 4)
    link.barrier()
    ends = []
    for _ in range(STEPS + 1):  # one to warm up: its end is where the first measured one begins
        with compute("backward", case.compute):
            pass
        ring_all_reduce(gradient)
        ends.append(time.monotonic())
    return ends


def _row(case: Case, measured: float) -> dict:
    return {
        "ranks": case.n,
        "bytes": case.size,
        "bandwidth": case.link.bandwidth,
        "latency_s": case.link.latency,
        "compute_s": case.compute,
        "predicted_s": case.predicted_s,
        "seconds": measured,
        "error": abs(measured / case.predicted_s - 1),
    }
