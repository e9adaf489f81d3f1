"""Every rung of the image preparation against the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import kernels
from labkit.kernels.prepare_images import LADDER, reference
from labkit.kernels.simd import LINE
from tests.kernels.rows import rung_name

WIDTHS = st.sampled_from([1, LINE - 1, LINE, LINE + 1, 2 * LINE, 3 * LINE + 5]) | st.integers(1, 70)


def photos(seed, count, rows, cols, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (count, rows, cols, channels), dtype=np.uint8)


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
@settings(deadline=None)
@given(
    count=st.integers(0, 3),
    size=st.tuples(st.integers(1, 4), WIDTHS),
    margin=st.tuples(st.integers(0, 3), st.integers(0, 20)),
    channels=st.sampled_from([1, 2, 3, 4]),
    shifted=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_a_rung_is_the_reference(rung, count, size, margin, channels, shifted, seed):
    rng = np.random.default_rng(seed)
    images = photos(seed, count, size[0] + margin[0], size[1] + margin[1], channels)
    top, left = rng.integers(0, margin[0] + 1, count), rng.integers(0, margin[1] + 1, count)
    flip, mean, std = rng.integers(0, 2, count), rng.random(channels), rng.random(channels) + 0.1
    shape = (count, channels, *size)
    room = np.full(int(np.prod(shape)) + 2 * LINE, -7, np.float32)  # the output begins anywhere in a cache line
    out = room[shifted : shifted + int(np.prod(shape))].reshape(shape)
    rung(images, top, left, flip, (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32), out)
    np.testing.assert_allclose(out, reference(images, size, mean, std, top, left, flip), rtol=2e-6, atol=2e-6)
    assert (room[:shifted] == -7).all()
    assert (room[shifted + out.size :] == -7).all()


def test_the_crop_is_central_and_not_mirrored_unless_said():
    images = photos(0, 2, 9, 40)
    found = kernels.prepare_images(images, (4, 30), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    exact = reference(images, (4, 30), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), [2, 2], [5, 5], [False, False])
    np.testing.assert_allclose(found, exact, atol=2e-6)
    assert found.dtype == np.float32


def test_one_place_may_stand_for_all_images():
    images = photos(1, 3, 9, 40)
    each = kernels.prepare_images(images, (4, 30), 0.5, 0.2, np.full(3, 1), np.full(3, 2), np.full(3, True))
    one = kernels.prepare_images(images, (4, 30), (0.5,) * 3, (0.2,) * 3, top=1, left=2, flip=True)
    np.testing.assert_array_equal(each, one)


def test_the_public_call_takes_the_output():
    images, out = photos(0, 2, 20, 20), np.empty((2, 3, 17, 18), np.float32)
    assert kernels.prepare_images(images, (17, 18), 0.5, 0.5, out=out) is out


@pytest.mark.parametrize(
    ("given_", "error", "message"),
    [
        ({"size": (8, 30)}, ValueError, "crop lies inside"),
        ({"size": (0, 3)}, ValueError, "crop lies inside"),
        ({"size": 5}, TypeError, "two integers"),
        ({"size": (1.5, 3)}, TypeError, "two integers"),
        ({"top": 4}, ValueError, "top has values from 4 to 4; they may be 0 to 3"),
        ({"left": [0, -1]}, ValueError, "left has values"),
        ({"left": [0, 1, 2]}, ValueError, "left has shape"),
        ({"top": 1.0}, TypeError, "integers"),
        ({"flip": [0.5, 1]}, TypeError, "booleans"),
        ({"flip": 2}, ValueError, "flip has values"),
        ({"mean": (1, 2)}, ValueError, "3 channels"),
        ({"std": (1, 0, 1)}, ValueError, "above zero"),
        ({"std": (1, np.nan, 1)}, ValueError, "finite"),
        ({"images": photos(0, 2, 7, 20).astype(np.float32)}, TypeError, "images holds float32"),
        ({"images": photos(0, 2, 7, 20)[0]}, ValueError, "4 dimensions"),
        ({"images": photos(0, 2, 7, 20)[:, ::2]}, ValueError, "ascontiguousarray"),
        ({"out": np.empty((2, 4, 10, 3), np.float32)}, ValueError, "out has shape"),
    ],
)
def test_what_does_not_fit_is_refused(given_, error, message):
    arguments = {"images": photos(0, 2, 7, 20), "size": (4, 10), "mean": 0.5, "std": 0.5} | given_
    with pytest.raises(error, match=message):
        kernels.prepare_images(**arguments)
