"""A few sizes of every row-by-row op, for a process whose processor is said to be an older one.

Prints how wide the vectors were.
"""

from importlib import import_module

import numpy as np

from labkit import kernels
from labkit.kernels import simd
from labkit.kernels.jit import jit

ORACLES = ("adamw", "bias_gelu", "cross_entropy", "layer_norm", "prepare_images", "softmax")
adamw, bias_gelu, cross_entropy, layer_norm, prepare_images, softmax = (
    import_module(f"labkit.kernels.{name}") for name in ORACLES
)
SIZES = (1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 129)


def draw(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def close(ours, exact, tolerance=1e-5):
    np.testing.assert_allclose(ours, exact, rtol=tolerance, atol=tolerance)


def close_all(ours, exact, tolerance=1e-5):
    for one, other in zip(ours, exact, strict=True):
        close(one, other, tolerance)


@jit
def exponentials(x, out, normal):
    for i in range(x.size):
        out[i] = simd.exp(x[i])
    for i in range(x.size):
        normal[i] = simd.exp_normal(x[i])


def exponential():
    special = np.array([np.nan, np.inf, -np.inf, 0, 1e-45, -3e38, 88.8, -104.1], np.float32)
    x = np.concatenate([np.linspace(-104, 88, 100_003, dtype=np.float32), special])
    out, normal = np.empty_like(x), np.empty_like(x)
    exponentials(x, out, normal)
    with np.errstate(over="ignore", under="ignore"):
        exact = np.exp(x.astype(np.float64))
        distance = np.spacing(exact.astype(np.float32)).astype(np.float64)
        np.testing.assert_array_equal(out[-len(special) :], exact[-len(special) :].astype(np.float32))
    ordinary = slice(None, -len(special))
    assert (np.abs(out[ordinary] - exact[ordinary]) <= distance[ordinary]).all()
    has_all_bits = exact >= np.finfo(np.float32).tiny
    close(normal[has_all_bits], out[has_all_bits], 2e-7)
    assert (normal[x < simd.SMALLEST_NORMAL] == 0).all()


def rows(cols):
    x, grad, weight, bias = draw(0, 5, cols), draw(1, 5, cols), draw(2, cols), draw(3, cols)
    x[0, cols // 2] = -np.inf
    close(kernels.softmax(x), softmax.reference(x))
    close(kernels.cross_entropy(x, np.zeros(5, np.int64))[1], cross_entropy.reference(x, [0] * 5)[1])
    x = draw(4, 5, cols) * np.float32(3)
    close(kernels.bias_gelu(x, bias), bias_gelu.reference(x, bias))
    close_all(kernels.bias_gelu_backward(grad, x, bias), bias_gelu.reference_backward(grad, x, bias))
    close(kernels.layer_norm(x, weight, bias), layer_norm.reference(x, weight, bias), 1e-4)
    exact = layer_norm.reference_backward(grad, x, weight, 0.1)
    close_all(kernels.layer_norm_backward(grad, x, weight, 0.1), exact, 1e-4)


def others(size):
    state = [draw(seed, size) for seed in range(3)] + [draw(3, size) ** 2]
    exact = adamw.reference(*state, 2)
    kernels.adamw_step(*state, 2)
    close_all((state[0], *state[2:]), exact)
    images = np.random.default_rng(0).integers(0, 256, (2, 3, size + 2, 3), dtype=np.uint8)
    found = kernels.prepare_images(images, (3, size), 0.5, 0.2, left=[2, 1], flip=[True, False])
    close(found, prepare_images.reference(images, (3, size), 0.5, 0.2, [0, 0], [2, 1], [True, False]))


if __name__ == "__main__":
    exponential()
    for each in SIZES:
        rows(each)
        others(each)
    print(simd.LANES)
