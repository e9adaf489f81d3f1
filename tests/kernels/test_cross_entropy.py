"""Every rung of cross-entropy with its gradient against the oracle."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import kernels
from labkit.kernels.cross_entropy import LADDER, reference, two_ops
from tests.kernels.rows import EDGES, SEEDS, draw, rung_name


def computed(rung, logits, targets):
    out = np.full_like(logits, -7)
    return rung(logits, targets, out), out


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
@settings(deadline=None)
@given(
    rows=st.integers(1, 5),
    classes=st.sampled_from([edge for edge in EDGES if edge]) | st.integers(1, 200),
    seed=SEEDS,
    scale=st.sampled_from([0.1, 1, 30]),
)
def test_a_rung_is_the_reference(rung, rows, classes, seed, scale):
    logits = draw(seed, rows, classes, scale=scale)
    targets = np.random.default_rng(seed).integers(0, classes, rows)
    loss, gradient = computed(rung, logits, targets)
    exact, exact_gradient = reference(logits, targets)
    assert loss == pytest.approx(exact, rel=1e-5, abs=1e-5)
    # `two_ops` may take away largest + log(total), which is rounded as a number of the logits' size.
    rounded = np.abs(logits).max() * np.finfo(np.float32).eps if rung is two_ops else 0
    np.testing.assert_allclose(gradient, exact_gradient, rtol=2e-5, atol=1e-6 + rounded)


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
def test_masked_classes_cost_nothing_unless_they_are_the_target(rung):
    logits = draw(0, 2, 40)
    logits[:, 30:] = -np.inf
    loss, gradient = computed(rung, logits, np.array([3, 4]))
    assert loss == pytest.approx(reference(logits[:, :30], [3, 4])[0], rel=1e-5)
    assert (gradient[:, 30:] == 0).all()
    loss, _ = computed(rung, logits, np.array([3, 35]))
    assert loss == math.inf


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
def test_a_masked_row_and_a_nan_are_nan(rung):
    logits = draw(0, 3, 40)
    logits[0], logits[1, 5] = -np.inf, np.nan
    loss, gradient = computed(rung, logits, np.array([3, 4, 5]))
    assert math.isnan(loss)
    assert np.isnan(gradient[:2]).all()
    assert np.isfinite(gradient[2]).all()


def test_the_oracle_is_torchs_in_float64():
    logits, targets = draw(0, 7, 30), np.arange(7)
    tensor = torch.from_numpy(logits).double().requires_grad_()
    theirs = torch.nn.functional.cross_entropy(tensor, torch.from_numpy(targets))
    loss, gradient = reference(logits, targets)
    assert loss == pytest.approx(theirs.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, torch.autograd.grad(theirs, tensor)[0], atol=1e-12)


def test_no_rows_are_no_loss_to_speak_of():
    loss, gradient = kernels.cross_entropy(np.empty((0, 5), np.float32), np.empty(0, np.int64))
    assert math.isnan(loss)
    assert gradient.shape == (0, 5)


def test_the_public_call_makes_or_takes_the_output():
    logits, targets = draw(0, 3, 40), np.array([0, 39, 7])
    out = np.empty_like(logits)
    loss, gradient = kernels.cross_entropy(logits, targets, out=out)
    assert gradient is out
    assert isinstance(loss, float)
    np.testing.assert_array_equal(kernels.cross_entropy(logits, targets)[1], out)


@pytest.mark.parametrize(("targets", "message"), [([0, 5], r"targets\[1\] is 5"), ([-1, 0], r"targets\[0\] is -1")])
def test_a_target_that_is_no_class_is_refused(targets, message):
    with pytest.raises(ValueError, match=message):
        kernels.cross_entropy(draw(0, 2, 5), np.array(targets))


def test_there_is_no_target_among_no_classes():
    with pytest.raises(ValueError, match=r"targets\[0\]"):
        kernels.cross_entropy(np.empty((1, 0), np.float32), np.array([0]))
