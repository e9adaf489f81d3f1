"""The exponential and the maximum, over all of float32."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

from labkit.kernels import simd
from labkit.kernels.jit import jit

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)
TINY = np.float64(2.0**-149)  # the smallest float32 above zero


@jit
def exp_of(x, out):
    for i in range(x.size):
        out[i] = simd.exp(x[i])


@jit
def exp_normal_of(x, out):
    for i in range(x.size):
        out[i] = simd.exp_normal(x[i])


@jit
def maximum_of(x):
    largest = x[0]
    for i in range(x.size):
        largest = simd.maximum(largest, x[i])
    return largest


def computed(function, x) -> np.ndarray:
    x = np.asarray(x, np.float32)
    out = np.empty_like(x)
    function(x, out)
    return out.astype(np.float64)


def ulp(exact: np.ndarray) -> np.ndarray:
    """The distance of neighbouring float32 numbers at these float64 numbers."""
    return np.maximum(2.0 ** (np.floor(np.log2(np.maximum(exact, TINY))) - 23), TINY)


def every(step: int) -> np.ndarray:
    """Every so many of the finite float32 numbers, in the order of their bits: all sizes, both signs, denormals."""
    positive = np.arange(0, np.float32(np.inf).view(np.int32), step, dtype=np.int32).view(np.float32)
    return np.concatenate([positive, -positive])


def test_exp_is_within_an_ulp_over_the_whole_range():
    x = np.concatenate([every(4099), np.linspace(-104, 89, 1_000_003, dtype=np.float32)])
    with np.errstate(over="ignore", under="ignore"):
        exact = np.exp(x.astype(np.float64))
        fits = exact < float(np.finfo(np.float32).max)
    ours = computed(exp_of, x)
    assert (np.abs(ours[fits] - exact[fits]) <= ulp(exact[fits])).all()
    assert (ours[~fits] == np.inf).all()


def test_exp_is_within_an_ulp_of_fifty_digits():
    mp.dps = 50
    x = np.linspace(-103.9, 88.7, 501, dtype=np.float32)
    for value, ours in zip(x.tolist(), computed(exp_of, x).tolist(), strict=True):
        exact = mp.exp(value)
        assert abs(ours - exact) <= ulp(np.array(float(exact))).item()


def test_exp_gives_denormals():
    x = np.linspace(-103.2, -87.4, 1000)
    ours = computed(exp_of, x)
    assert (ours > 0).all()
    assert (ours < np.finfo(np.float32).tiny).all()


@pytest.mark.parametrize("function", [exp_of, exp_normal_of])
def test_exp_of_what_is_no_ordinary_number(function):
    x = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1e-45, -1e-45, -1e-39, 3.4e38, -3.4e38, -104.1, 88.8] * 5)
    ours = computed(function, x)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(ours, np.exp(x).astype(np.float32))


def test_a_masked_entry_weighs_exactly_nothing():
    assert computed(exp_of, [-np.inf] * 40).tolist() == [0] * 40
    assert computed(exp_normal_of, [-np.inf] * 40).tolist() == [0] * 40


def test_exp_normal_is_exp_or_nothing():
    x = np.linspace(-120, 88, 1_000_003, dtype=np.float32)
    exact, ours = computed(exp_of, x), computed(exp_normal_of, x)
    normal = exact >= np.finfo(np.float32).tiny
    np.testing.assert_allclose(ours[normal], exact[normal], rtol=1.3e-7)
    assert (ours[x < simd.SMALLEST_NORMAL] == 0).all()


@given(st.lists(FLOATS, min_size=1, max_size=150))
def test_maximum_is_that_of_numpy(numbers):
    numbers = np.array(numbers, np.float32)
    np.testing.assert_array_equal(maximum_of(numbers), numbers.max())


@pytest.mark.parametrize("at", [0, 1, 63, 64, 99])
def test_a_nan_anywhere_is_the_maximum(at):
    numbers = np.full(100, np.inf, np.float32)
    numbers[at] = np.nan
    assert math.isnan(maximum_of(numbers))
