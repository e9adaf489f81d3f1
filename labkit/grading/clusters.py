"""Problem set 07: the cluster that a student plans for."""

import numpy as np

from labkit.grading.seeds import dice

WORKERS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)  # how many can be rented
CLEAR = 1.005  # times: nearer than this, rounding would decide who is in time and who is the fastest


def cluster_for(name: str) -> dict[str, float]:
    """One training run, and the machines for it.

    steps; hours: until when; seconds: of one worker for a step with all rows; gradients: bytes; latency [s] and
    bandwidth [bytes/s] of each link. The fewest workers in time are fewer than the fastest, and both are clear.
    """
    random = dice(name, "ps07 cluster")
    while not _is_clear(cluster := _drawn(random)):
        continue
    return cluster


def _drawn(random: np.random.Generator) -> dict[str, float]:
    gradients = float(random.integers(4, 61)) * 1e6
    bandwidth = float(random.choice([125e6, 250e6, 312.5e6, 625e6, 1250e6]))
    # Enough work for several workers, and not enough for all: the best count lies between.
    cluster = {
        "steps": int(random.integers(20, 91)) * 1000,
        "seconds": round(gradients / bandwidth * random.uniform(6, 20), 3),
        "gradients": gradients,
        "latency": float(random.choice([1e-3, 2e-3, 3e-3])),
        "bandwidth": bandwidth,
    }
    hours = _hours(cluster)
    enough = hours[max(1, hours.index(min(hours)) - int(random.integers(1, 4)))]
    return {**cluster, "hours": round(enough * random.uniform(1.01, 1.04), 2)}


def _hours(cluster: dict[str, float]) -> list[float]:
    """Of the run, with each count of WORKERS."""
    whole = cluster["gradients"] / cluster["bandwidth"]
    steps = (cluster["seconds"] / n + 2 * (n - 1) * (cluster["latency"] + whole / n) for n in WORKERS)
    return [cluster["steps"] * step / 3600 for step in steps]


def _is_clear(cluster: dict[str, float]) -> bool:
    hours, until = _hours(cluster), cluster["hours"]
    first, second = sorted(hours)[:2]
    fewest = next((place for place, one in enumerate(hours) if one <= until), None)
    far = all(max(one / until, until / one) > CLEAR for one in hours)
    return far and second / first > CLEAR and fewest not in (None, 0, hours.index(first))
