"""How long a cell waits for its ranks before any of them has done a thing."""

import statistics
import time

from labkit.parallel import ranks

N = 4
RUNS = 9


def seconds() -> tuple[float, list[dict]]:
    """From the call of `ranks` to its results; the median. A row for each run."""
    ranks(_nothing, N)  # loads torch
    rows = [{"ranks": N, "seconds": _one()} for _ in range(RUNS)]
    return statistics.median(row["seconds"] for row in rows), rows


def _one() -> float:
    began = time.perf_counter()
    ranks(_nothing, N)
    return time.perf_counter() - began


def _nothing() -> None:
    pass
