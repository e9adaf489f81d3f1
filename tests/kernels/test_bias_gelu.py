"""Every rung of bias and GELU, forward and backward, against the oracle."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import kernels
from labkit.kernels.bias_gelu import BLOCK, LADDER, LADDER_BACKWARD, reference, reference_backward
from tests.kernels.rows import SEEDS, SHAPES, draw, rung_name


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
@settings(deadline=None)
@given(shape=SHAPES, seed=SEEDS, scale=st.sampled_from([0.1, 1, 5, 100]))
def test_a_rung_is_the_reference(rung, shape, seed, scale):
    x, bias = draw(seed, *shape, scale=scale), draw(1, shape[1])
    out = np.full_like(x, -7)
    rung(x, bias, out)
    np.testing.assert_allclose(out, reference(x, bias), rtol=1e-6, atol=1e-6 * max(1, scale / 5))


@pytest.mark.parametrize("rung", LADDER_BACKWARD, ids=rung_name)
@settings(deadline=None)
@given(shape=SHAPES, seed=SEEDS, scale=st.sampled_from([0.1, 1, 5, 100]))
def test_a_backward_rung_is_the_reference(rung, shape, seed, scale):
    x, grad, bias = draw(seed, *shape, scale=scale), draw(seed + 1, *shape), draw(1, shape[1])
    dx, dbias = np.full_like(x, -7), np.full_like(bias, -7)
    rung(grad, x, bias, dx, dbias)
    for ours, exact in zip((dx, dbias), reference_backward(grad, x, bias), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
def test_what_is_no_ordinary_number_comes_out_as_torchs(rung):
    x = np.array([[np.nan, np.inf, -np.inf, 3e38, -3e38, 1e20, -1e20, 1e-45, 0.0, 11, -11, 60, -60] * 3], np.float32)
    bias, out = np.zeros(x.shape[1], np.float32), np.empty_like(x)
    rung(x, bias, out)
    theirs = torch.nn.functional.gelu(torch.from_numpy(x), approximate="tanh").numpy()
    np.testing.assert_allclose(out, theirs, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("rung", LADDER_BACKWARD, ids=rung_name)
def test_the_gradient_of_large_numbers_is_one_or_nothing_and_of_nan_nan(rung):
    x = np.array([[1e20, -1e20, 3e38, -3e38, 50, -50, np.nan] * 7], np.float32)
    dx, dbias = np.empty_like(x), np.empty(x.shape[1], np.float32)
    rung(np.ones_like(x), x, np.zeros_like(dbias), dx, dbias)
    np.testing.assert_allclose(dx, [[1, 0, 1, 0, 1, 0, np.nan] * 7], atol=1e-30)


@pytest.mark.parametrize("rows", [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_sums_over_many_rows_come_together(rows):
    x, grad, bias = draw(0, rows, 19), draw(1, rows, 19), draw(2, 19)
    for ours, exact in zip(kernels.bias_gelu_backward(grad, x, bias), reference_backward(grad, x, bias), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=1e-4, atol=1e-4)


def test_the_oracle_is_torchs_in_float64():
    x, grad, bias = draw(0, 6, 20), draw(1, 6, 20), draw(2, 20)
    tensors = [torch.from_numpy(a).double().requires_grad_() for a in (x, bias)]
    theirs = torch.nn.functional.gelu(sum(tensors), approximate="tanh")
    np.testing.assert_allclose(reference(x, bias), theirs.detach(), atol=1e-12)
    gradients = torch.autograd.grad(theirs, tensors, torch.from_numpy(grad).double())
    for ours, exact in zip(reference_backward(grad, x, bias), gradients, strict=True):
        np.testing.assert_allclose(ours, exact, atol=1e-12)


def test_the_public_calls_make_or_take_the_outputs():
    x, bias = draw(0, 3, 40), draw(1, 40)
    out, outs = np.empty_like(x), (np.empty_like(x), np.empty_like(bias))
    assert kernels.bias_gelu(x, bias, out=out) is out
    np.testing.assert_array_equal(kernels.bias_gelu(x, bias), out)
    found = kernels.bias_gelu_backward(x, x, bias, out=outs)
    assert all(mine is given for mine, given in zip(found, outs, strict=True))
