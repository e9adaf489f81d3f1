"""Attention against the oracle: odd sizes, masks that are exact, and what is not a number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import kernels
from labkit.kernels.attention import KEYS, blocked, naive, reference
from labkit.kernels.attention_backward import blocked_backward, reference_backward
from labkit.kernels.tile import COLUMNS, SHORT


def numbers(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def three(*shape):
    return [numbers(seed, *shape) for seed in range(3)]


def by_naive(q, k, v, causal):
    out = np.full_like(q, np.nan)
    naive(q, k, v, out, causal)
    return out


RUNGS = {"naive": by_naive, "blocked": kernels.attention}


@pytest.mark.parametrize("rung", RUNGS)
@settings(max_examples=40, deadline=None)
@given(
    heads=st.tuples(st.integers(0, 2), st.integers(1, 3)),
    time=st.integers(0, 2 * COLUMNS + 1),
    head_dim=st.integers(1, 2 * SHORT + 1),
    causal=st.booleans(),
)
def test_every_rung_is_the_reference(rung, heads, time, head_dim, causal):
    q, k, v = three(*heads, time, head_dim)
    ours = RUNGS[rung](q, k, v, causal)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, reference(q, k, v, causal), atol=3e-6)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("time", [KEYS - 1, KEYS, KEYS + 1, 2 * KEYS + 3])
def test_blocks_of_keys_join_without_a_seam(time, causal):
    q, k, v = three(1, 2, time, 2 * COLUMNS if time == KEYS else 24)
    k[:, :, -3:] *= 8  # the largest scores come last: what was summed before must shrink
    out = np.full_like(q, np.nan)
    assert kernels.attention(q, k, v, causal, out=out) is out
    np.testing.assert_allclose(out, reference(q, k, v, causal), atol=2e-5)


def test_a_masked_weight_is_exactly_zero():
    """A later value of 1e38 with the smallest weight there is, 1e-45, would be seen."""
    q, k, v = three(1, 1, 70, 8)
    for later in range(1, 70):
        huge = v.copy()
        huge[:, :, later:] = 1e38
        ours = kernels.attention(q, k, huge)
        np.testing.assert_array_equal(ours[:, :, :later], kernels.attention(q, k, v)[:, :, :later])


def test_a_query_that_sees_only_minus_infinity_at_first_recovers():
    q, k, v = np.ones((1, 1, KEYS + 9, 4), np.float32), *three(1, 1, KEYS + 9, 4)[1:]
    k[:, :, :KEYS] = -np.inf  # a whole block of keys with scores of -inf
    k[:, :, KEYS:] = np.abs(k[:, :, KEYS:])
    ours, exact = kernels.attention(q, k, v), reference(q, k, v)
    assert np.isnan(ours[:, :, :KEYS]).all()  # no key at all, as in torch
    assert np.isnan(exact[:, :, :KEYS]).all()
    np.testing.assert_allclose(ours[:, :, KEYS:], exact[:, :, KEYS:], atol=1e-5)


def test_a_nan_is_seen_by_its_query_and_by_all_that_see_its_key():
    q, k, v = three(1, 1, 50, 8)
    q[0, 0, 7, 3] = np.nan
    k[0, 0, 40, 1] = np.nan
    ours = np.isnan(kernels.attention(q, k, v)[0, 0]).all(axis=1)
    assert np.flatnonzero(ours).tolist() == [7, *range(40, 50)]


def test_large_scores_do_not_overflow():
    q, k, v = (100 * each for each in three(1, 1, 60, 16))
    np.testing.assert_allclose(kernels.attention(q, k, v), reference(q, k, v), rtol=1e-3, atol=0.1)


@settings(max_examples=25, deadline=None)
@given(
    heads=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    time=st.integers(1, 2 * COLUMNS + 1),
    head_dim=st.integers(1, COLUMNS + 3),
    causal=st.booleans(),
)
def test_the_gradients_are_those_of_the_reference(heads, time, head_dim, causal):
    check_gradients((*heads, time, head_dim), causal)


def test_the_gradients_of_several_blocks_of_keys():
    check_gradients((1, 1, 2 * KEYS + 5, 16), True)


def check_gradients(shape, causal):
    batch, heads, time, head_dim = shape
    strides = (heads * time * head_dim, time * head_dim, head_dim)
    (q, k, v), grad = three(*shape), numbers(9, *shape)
    flat, out = [each.ravel() for each in (q, k, v)], np.empty(q.size, np.float32)
    sums = np.empty(batch * heads * time, np.float32)
    blocked(*flat, out, sums, shape, strides, strides, causal)
    found = [np.full(q.size, np.nan, np.float32) for _ in range(3)]
    blocked_backward(*flat, out, grad.ravel(), sums, *found, shape, strides, strides, causal)
    for ours, exact in zip(found, reference_backward(grad, q, k, v, causal), strict=True):
        np.testing.assert_allclose(ours.reshape(shape), exact, atol=1e-5 * max(1, np.abs(exact).max()))


Q, K, V = three(1, 2, 3, 4)
READ_ONLY = np.empty_like(Q)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((Q.astype(float), K, V), TypeError, "q holds float64"),
        ((Q, K.tolist(), V), TypeError, "k is a list"),
        ((Q[0], K, V), ValueError, "q has shape"),
        ((Q, K[:, :1].copy(), V), ValueError, "k has shape"),
        ((Q, K, V[:, :, :2].copy()), ValueError, "v has shape"),
        ((Q, K, V.swapaxes(2, 3)), ValueError, "v does not lie row by row"),
        ((Q, K, V, True, np.empty((1, 2, 3, 5), np.float32)), ValueError, "out has shape"),
        ((Q, K, V, True, READ_ONLY), ValueError, "out is read-only"),
        ((Q, K, V, True, V), ValueError, "out shares memory with v"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(arguments, error, said):
    with pytest.raises(error, match=said):
        kernels.attention(*arguments)
