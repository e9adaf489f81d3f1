"""Every rung of layer normalisation, forward and backward, against the oracle."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import kernels
from labkit.kernels.layer_norm import BLOCK, LADDER, LADDER_BACKWARD, reference, reference_backward
from tests.kernels.rows import SEEDS, SHAPES, draw, rung_name

EPS = 1e-5


def forward(rung, x, weight, bias):
    out = np.full_like(x, -7)
    rung(x, weight, bias, EPS, out)
    return out


def backward(rung, grad, x, weight):
    out = np.full_like(x, -7), np.full_like(weight, -7), np.full_like(weight, -7)
    rung(grad, x, weight, EPS, *out)
    return out


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
@settings(deadline=None)
@given(shape=SHAPES, seed=SEEDS, far=st.sampled_from([0, 10]))
def test_a_rung_is_the_reference(rung, shape, seed, far):
    x, weight, bias = draw(seed, *shape) + np.float32(far), draw(1, shape[1]), draw(2, shape[1])
    np.testing.assert_allclose(forward(rung, x, weight, bias), reference(x, weight, bias, EPS), rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("rung", LADDER_BACKWARD, ids=rung_name)
@settings(deadline=None)
@given(shape=SHAPES, seed=SEEDS)
def test_a_backward_rung_is_the_reference(rung, shape, seed):
    x, grad, weight = draw(seed, *shape), draw(seed + 1, *shape), draw(2, shape[1])
    if shape[1] < 3:
        x *= 100  # of one or two columns that lie close together, the gradient is a difference of large numbers
    for ours, exact in zip(backward(rung, grad, x, weight), reference_backward(grad, x, weight, EPS), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("rows", [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_sums_over_many_rows_come_together(rows):
    x, grad, weight = draw(0, rows, 19), draw(1, rows, 19), draw(2, 19)
    found = kernels.layer_norm_backward(grad, x, weight)
    for ours, exact in zip(found, reference_backward(grad, x, weight), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=1e-4, atol=1e-4)


def test_the_oracle_is_torchs_in_float64():
    x, grad, weight, bias = draw(0, 6, 20), draw(1, 6, 20), draw(2, 20), draw(3, 20)
    tensors = [torch.from_numpy(a).double().requires_grad_() for a in (x, weight, bias)]
    theirs = torch.nn.functional.layer_norm(tensors[0], (20,), *tensors[1:], EPS)
    np.testing.assert_allclose(reference(x, weight, bias), theirs.detach(), atol=1e-12)
    gradients = torch.autograd.grad(theirs, tensors, torch.from_numpy(grad).double())
    for ours, exact in zip(reference_backward(grad, x, weight), gradients, strict=True):
        np.testing.assert_allclose(ours, exact, atol=1e-12)


def test_a_row_far_from_zero_loses_nothing():
    x = draw(0, 4, 2048) + np.float32(1000)
    one, none = np.ones(2048, np.float32), np.zeros(2048, np.float32)
    assert np.abs(kernels.layer_norm(x, one, none) - reference(x, one, none)).max() < 2e-6


def test_a_row_without_spread_is_its_bias():
    x, bias = np.full((2, 33), 5, np.float32), draw(0, 33)
    np.testing.assert_array_equal(kernels.layer_norm(x, np.ones(33, np.float32), bias), np.stack([bias, bias]))


def test_nan_stays_in_its_row():
    x = draw(0, 3, 40)
    x[1, 7] = np.nan
    out = kernels.layer_norm(x, np.ones(40, np.float32), np.zeros(40, np.float32))
    assert np.isnan(out[1]).all()
    assert np.isfinite(out[[0, 2]]).all()


def test_the_public_calls_make_or_take_the_outputs():
    x, weight, bias = draw(0, 3, 40), draw(1, 40), draw(2, 40)
    out = np.empty_like(x)
    assert kernels.layer_norm(x, weight, bias, eps=1e-3, out=out) is out
    np.testing.assert_allclose(out, reference(x, weight, bias, 1e-3), atol=1e-5)
    outs = np.empty_like(x), np.empty(40, np.float32), np.empty(40, np.float32)
    found = kernels.layer_norm_backward(x, x, weight, out=outs)
    assert all(mine is given for mine, given in zip(found, outs, strict=True))
