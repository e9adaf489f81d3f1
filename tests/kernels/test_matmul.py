"""Every rung of the matrix product against the oracle, at the edges of its tiles and blocks."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import kernels
from labkit.kernels.gemm import BAND, DEPTH, WIDTH
from labkit.kernels.matmul import BLOCK, DEEP, LADDER, STRIP, reference
from labkit.kernels.tile import COLUMNS, TALL


def name_of(rung):
    return rung.__name__


def numbers(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def close(ours, a, b):
    """Each sum within the rounding of its own terms: k terms, each rounded once as it is added."""
    bound = 6e-8 * (2 + a.shape[1]) * (np.abs(a).astype(float) @ np.abs(b).astype(float)) + 1e-30
    assert ours.dtype == np.float32
    assert ours.shape == (a.shape[0], b.shape[1])
    assert (np.abs(ours - reference(a, b)) <= bound).all()


def computed(rung, a, b):
    out = np.full((a.shape[0], b.shape[1]), np.nan, np.float32)
    rung(a, b, out)
    return out


@pytest.mark.parametrize("rung", LADDER, ids=name_of)
@settings(max_examples=40, deadline=None)
@given(m=st.integers(0, 3 * TALL), k=st.integers(0, 40), n=st.integers(0, 3 * COLUMNS))
def test_every_rung_is_the_reference(rung, m, k, n):
    a, b = numbers(m, m, k), numbers(n, k, n)
    close(computed(rung, a, b), a, b)


@pytest.mark.parametrize("rung", LADDER, ids=name_of)
@pytest.mark.parametrize("by", [-1, 0, 1])
def test_every_rung_is_right_at_the_edges_of_its_blocks(rung, by):
    for m, k, n in ((BLOCK + by, BLOCK + by, BLOCK + by), (5, DEEP + by, STRIP + by), (BAND + by, 3, COLUMNS + by)):
        a, b = numbers(m, m, k), numbers(n, k, n)
        close(computed(rung, a, b), a, b)


@pytest.mark.parametrize("by", [-1, 0, 1])
def test_the_product_is_right_at_the_edges_of_the_packed_blocks(by):
    for m, k, n in ((3, DEPTH + by, 7), (TALL, 2 * DEPTH + by, 1), (2, 3, WIDTH + by), (13, DEPTH + 1, WIDTH + by)):
        a, b = numbers(m, m, k), numbers(n, k, n)
        close(kernels.matmul(a, b), a, b)


def test_what_was_in_out_does_not_matter():
    a, b = numbers(1, 30, 1100), numbers(2, 1100, 50)
    out = np.full((30, 50), np.nan, np.float32)
    assert kernels.matmul(a, b, out=out) is out
    close(out, a, b)


def test_nan_and_infinity_stay_in_their_row_and_column():
    a, b = np.ones((20, 9), np.float32), np.ones((9, 40), np.float32)
    a[3, 4], b[5, 6] = np.nan, np.inf
    ours = kernels.matmul(a, b)
    assert np.isnan(ours[3]).all()
    assert np.isposinf(np.delete(ours[:, 6], 3)).all()
    assert (np.delete(np.delete(ours, 3, axis=0), 6, axis=1) == 9).all()


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="This machine has one core.")
def test_two_threads_give_the_same_bits():
    a, b = numbers(1, 2 * BAND + 5, 600), numbers(2, 600, 70)
    alone = kernels.matmul(a, b)
    kernels.set_threads(2)
    try:
        np.testing.assert_array_equal(kernels.matmul(a, b), alone)
    finally:
        kernels.set_threads(1)


A, B = numbers(1, 4, 5), numbers(2, 5, 6)
READ_ONLY = np.empty((4, 6), np.float32)
READ_ONLY.flags.writeable = False
SHARED = numbers(3, 5, 5)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((A.tolist(), B), TypeError, "a is a list"),
        ((A.astype(np.float64), B), TypeError, "a holds float64"),
        ((A, B.astype(np.float16)), TypeError, "b holds float16"),
        ((A.astype(">f4"), B), TypeError, "a holds"),
        ((A[0], B), ValueError, "a has shape"),
        ((A, B[None]), ValueError, "b has shape"),
        ((A, B[:4]), ValueError, r"b has shape \(4, 6\)"),
        ((A.T, B[:4]), ValueError, "a does not lie row by row"),
        ((A, numbers(0, 5, 12)[:, ::2]), ValueError, "b does not lie row by row"),
        ((A, B, np.empty((4, 5), np.float32)), ValueError, "out has shape"),
        ((A, B, np.empty((4, 6))), TypeError, "out holds float64"),
        ((A, B, READ_ONLY), ValueError, "out is read-only"),
        ((SHARED, SHARED, SHARED), ValueError, "out shares memory with a"),
        ((numbers(0, 5, 5), SHARED, SHARED), ValueError, "out shares memory with b"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(arguments, error, said):
    with pytest.raises(error, match=said):
        kernels.matmul(*arguments)
