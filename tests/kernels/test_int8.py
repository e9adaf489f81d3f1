"""Eight-bit weights: what quantising may lose, and products that lose nothing more."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labkit import kernels
from labkit.kernels.int8 import LADDER, reference
from labkit.kernels.tile import COLUMNS, TALL

FINITE = st.floats(-(2.0**100), 2.0**100, width=32)


def numbers(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def quantised(rows, cols):
    rng = np.random.default_rng(rows)
    return rng.integers(-128, 128, (rows, cols), np.int8), rng.random(rows, np.float32)


def close(ours, q, scale, x):
    bound = 1.2e-7 * (3 + q.shape[1]) * (np.abs(q * scale[:, None]).astype(float) @ np.abs(x).astype(float)) + 1e-30
    assert ours.dtype == np.float32
    assert (np.abs(ours - reference(q, scale, x)) <= bound).all()


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=40), elements=FINITE))
def test_a_weight_moves_by_half_a_scale_at_most(w):
    q, scale = kernels.quantize_int8(w)
    assert q.dtype == np.int8
    assert q.shape == w.shape
    assert scale.dtype == np.float32
    assert (np.abs(q.astype(int)) <= 127).all()
    exact = scale.astype(float)[:, None]
    assert (np.abs(exact * q - w) <= 0.50001 * exact + 1e-43).all()
    largest = np.abs(w).max(axis=1, initial=0)
    np.testing.assert_allclose(scale, largest / np.float32(127), rtol=1e-6, atol=1e-44)


def test_the_largest_weight_is_127_and_a_row_of_zeros_stays_one():
    q, scale = kernels.quantize_int8(np.array([[-2.54, 1.28, 0], [0, 0, 0]], np.float32))
    assert q.tolist() == [[-127, 64, 0], [0, 0, 0]]
    assert scale[1] == 0
    assert (kernels.int8_matvec(q, scale, np.ones(3, np.float32))[1:] == 0).all()


@pytest.mark.parametrize("largest", [3e38, 1e-36, 1e-38, 3e-43, 1e-45])
def test_weights_near_the_ends_of_their_range_keep_half_a_scale(largest):
    w = np.float32(largest) * np.array([[1, -1, 0.5, 0.25, 0]], np.float32)
    q, scale = kernels.quantize_int8(w)
    assert (np.abs(scale.astype(float)[:, None] * q - w) <= 0.5001 * scale[:, None].astype(float) + 2e-43).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_has_no_scale_is_refused(bad):
    w = numbers(0, 4, 70)
    w[2, 61] = bad
    with pytest.raises(ValueError, match="w has a NaN or an infinity in row 2"):
        kernels.quantize_int8(w)


@pytest.mark.parametrize("rung", LADDER, ids=lambda rung: rung.__name__)
@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 13), cols=st.integers(0, 70))
def test_every_rung_is_the_reference(rung, rows, cols):
    (q, scale), x = quantised(rows, cols), numbers(cols, cols)
    out = np.full(rows, np.nan, np.float32)
    rung(q, scale, x, out)
    close(out, q, scale, x)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 3 * TALL), cols=st.integers(0, 40), n=st.integers(0, 2 * COLUMNS + 1))
def test_the_matrix_product_is_the_reference(rows, cols, n):
    (q, scale), x = quantised(rows, cols), numbers(n, cols, n)
    close(kernels.int8_matmul(q, scale, x), q, scale, x)


def test_one_column_is_the_vector():
    (q, scale), x = quantised(33, 100), numbers(1, 100)
    out = np.full(33, np.nan, np.float32)
    assert kernels.int8_matvec(q, scale, x, out=out) is out
    np.testing.assert_allclose(kernels.int8_matmul(q, scale, x[:, None])[:, 0], out, rtol=1e-5, atol=1e-3)


Q, SCALE = quantised(4, 5)
READ_ONLY = np.empty(4, np.float32)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((Q.astype(np.int16), SCALE, numbers(0, 5)), TypeError, "q holds int16"),
        ((Q.view(np.uint8), SCALE, numbers(0, 5)), TypeError, "q holds uint8"),
        ((Q.T, SCALE, numbers(0, 4)), ValueError, "q does not lie row by row"),
        ((Q, SCALE[:3], numbers(0, 5)), ValueError, "scale has shape"),
        ((Q, SCALE[:, None], numbers(0, 5)), ValueError, "scale has shape"),
        ((Q, SCALE, numbers(0, 4)), ValueError, "x has shape"),
        ((Q, SCALE, np.ones(5)), TypeError, "x holds float64"),
        ((Q, SCALE, numbers(0, 5), np.empty(5, np.float32)), ValueError, "out has shape"),
        ((Q, SCALE, numbers(0, 5), READ_ONLY), ValueError, "out is read-only"),
        ((Q, SCALE, numbers(0, 5), SCALE), ValueError, "out shares memory with scale"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(arguments, error, said):
    with pytest.raises(error, match=said):
        kernels.int8_matvec(*arguments)


def test_a_matrix_is_not_a_vector():
    with pytest.raises(ValueError, match="x has shape"):
        kernels.int8_matvec(Q, SCALE, numbers(0, 5, 2))
    with pytest.raises(ValueError, match="x has shape"):
        kernels.int8_matmul(Q, SCALE, numbers(0, 5))
    with pytest.raises(TypeError, match="w holds float64"):
        kernels.quantize_int8(np.ones((2, 2)))
