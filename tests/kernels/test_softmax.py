"""Every rung of softmax against the oracle."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import kernels
from labkit.kernels.softmax import LADDER, reference
from tests.kernels.rows import SEEDS, SHAPES, draw, rung_name

SPECIAL = st.sampled_from([np.inf, -np.inf, np.nan, -3e38, 3e38, 1e-42, 0.0])


def computed(rung, x):
    out = np.full_like(x, -7)
    rung(x, out)
    return out


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
@settings(deadline=None)
@given(shape=SHAPES, seed=SEEDS, scale=st.sampled_from([0.1, 1, 30, 1e4]))
def test_a_rung_is_the_reference(rung, shape, seed, scale):
    x = draw(seed, *shape, scale=scale)
    np.testing.assert_allclose(computed(rung, x), reference(x), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
@settings(deadline=None)
@given(cols=st.integers(1, 70), seed=SEEDS, planted=st.lists(st.tuples(st.integers(0, 69), SPECIAL), max_size=4))
def test_a_rung_treats_infinities_and_nan_as_torch_does(rung, cols, seed, planted):
    x = draw(seed, 2, cols)
    for col, value in planted:
        x[0, col % cols] = value
    theirs = torch.softmax(torch.from_numpy(x), -1).numpy()
    np.testing.assert_allclose(computed(rung, x), theirs, rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(reference(x), theirs, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
def test_masked_entries_weigh_exactly_nothing_and_a_masked_row_is_nan(rung):
    x = draw(0, 3, 50)
    x[0, 20:] = -np.inf
    x[1] = -np.inf
    out = computed(rung, x)
    assert (out[0, 20:] == 0).all()
    assert out[0].sum() == pytest.approx(1)
    assert np.isnan(out[1]).all()
    assert np.isfinite(out[2]).all()


def test_the_public_call_makes_or_takes_the_output():
    x = draw(1, 3, 40)
    out = np.empty_like(x)
    assert kernels.softmax(x, out=out) is out
    np.testing.assert_array_equal(kernels.softmax(x), out)
    assert kernels.softmax(x).dtype == np.float32
