import itertools

import numpy as np
import pytest

from labkit.serving.load.arrivals import BLOCK, poisson


def first(n: int, rate: float, seed: int, start: float = 0.0) -> list[float]:
    return list(itertools.islice(poisson(rate, seed, start), n))


def test_a_seed_gives_the_same_arrivals_and_another_seed_others():
    assert first(3 * BLOCK, 100, 7) == first(3 * BLOCK, 100, 7)
    assert first(10, 100, 7) != first(10, 100, 8)


@pytest.mark.parametrize("rate", [0.5, 100, 20_000])
def test_gaps_are_exponential(rate):
    moments = first(200_000, rate, 3)
    gaps = np.diff([0.0, *moments]) * rate
    assert (gaps > 0).all()
    assert gaps.mean() == pytest.approx(1, abs=0.02)
    assert gaps.var() == pytest.approx(1, abs=0.05)  # of equal gaps it would be 0
    assert np.median(gaps) == pytest.approx(np.log(2), abs=0.02)
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 0.01


def test_a_start_moves_them_all():
    assert first(2000, 100, 1, 50) == pytest.approx([moment + 50 for moment in first(2000, 100, 1)])
