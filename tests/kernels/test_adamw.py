"""Every rung of AdamW against the oracle, and the oracle against torch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import kernels
from labkit.kernels.adamw import LADDER, factors, reference
from tests.kernels.rows import EDGES, SEEDS, draw, rung_name


def state(seed, size):
    param, grad, first = (draw(seed + i, size) for i in range(3))
    return param, grad, first, draw(seed + 3, size) ** 2


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
@settings(deadline=None)
@given(size=st.sampled_from(EDGES) | st.integers(0, 300), seed=SEEDS, step=st.sampled_from([1, 2, 1000]))
def test_a_rung_is_the_reference(rung, size, seed, step):
    settings_ = step, 1e-2, (0.9, 0.999), 1e-8, 0.1
    arrays = state(seed, size)
    exact = reference(*arrays, *settings_)
    rung(*arrays, *map(np.float32, factors(*settings_)))
    for ours, theirs in zip((arrays[0], *arrays[2:]), exact, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=2e-6)


def test_many_steps_are_those_of_torch():
    param, grad, first, second = state(0, 37)
    first[:], second[:] = 0, 0
    theirs = torch.from_numpy(param.copy()).double().requires_grad_()
    optimizer = torch.optim.AdamW([theirs], lr=0.01, betas=(0.8, 0.99), eps=1e-7, weight_decay=0.2)
    for step in range(1, 21):
        grad[:] = draw(step, 37)
        theirs.grad = torch.from_numpy(grad).double()
        optimizer.step()
        kernels.adamw_step(param, grad, first, second, step, 0.01, (0.8, 0.99), 1e-7, 0.2)
    np.testing.assert_allclose(param, theirs.detach(), atol=1e-6)


def test_any_shape_is_updated_in_place():
    arrays = [array.reshape(3, 4, 5) for array in state(1, 60)]
    flat = [array.ravel().copy() for array in arrays]
    assert kernels.adamw_step(*arrays, step=3) is None
    kernels.adamw_step(*flat, step=3)
    for array, same in zip(arrays, flat, strict=True):
        np.testing.assert_array_equal(array.ravel(), same)


def test_a_gradient_of_zero_leaves_only_the_decay():
    param = draw(0, 10)
    before = param.copy()
    kernels.adamw_step(param, *np.zeros((3, 10), np.float32), step=1, lr=0.1, weight_decay=0.5)
    np.testing.assert_allclose(param, before * 0.95, rtol=1e-6)


@pytest.mark.parametrize(
    ("given_", "message"), [({"step": 0}, "the first step is 1"), ({"step": 1, "betas": (0.9, 1.0)}, "betas")]
)
def test_numbers_out_of_range_are_refused(given_, message):
    with pytest.raises(ValueError, match=message):
        kernels.adamw_step(*state(0, 5), **given_)
