"""When requests arrive: customers who know nothing of each other, nor of how the server does."""

from collections.abc import Iterator

import numpy as np

BLOCK = 1024  # gaps drawn at once


def poisson(rate: float, seed: int, start: float = 0.0) -> Iterator[float]:
    """Moments, without end, in seconds: gaps after `start` are exponential with a mean of 1 / rate."""
    random = np.random.default_rng([seed, 0])
    moment = start
    while True:
        moments = moment + np.cumsum(random.exponential(1 / rate, BLOCK))
        yield from moments.tolist()
        moment = moments[-1]
