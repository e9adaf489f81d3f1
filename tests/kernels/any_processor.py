"""A few sizes of every op that is made of tiles, for a process whose processor is said to be an older one.

`python any_processor.py CHECK...` runs these checks and prints how wide the vectors were.
"""

import sys

import numpy as np

from labkit import kernels
from labkit.kernels import tile
from labkit.kernels.attention import blocked, reference
from labkit.kernels.attention_backward import blocked_backward, reference_backward


def numbers(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def matmul():
    for m, k, n in ((1, 1, 1), (tile.TALL, 5, tile.COLUMNS), (tile.TALL + 1, 70, 2 * tile.COLUMNS + 3)):
        a, b = numbers(1, m, k), numbers(2, k, n)
        np.testing.assert_allclose(kernels.matmul(a, b), a.astype(float) @ b, atol=1e-4)


def int8():
    q, scale = kernels.quantize_int8(numbers(1, tile.TALL + 1, 70))
    x, weights = numbers(2, 70, tile.COLUMNS + 3), scale.astype(float)[:, None] * q
    np.testing.assert_allclose(kernels.int8_matmul(q, scale, x), weights @ x, atol=1e-4)
    np.testing.assert_allclose(kernels.int8_matvec(q, scale, x[:, 0].copy()), weights @ x[:, 0], atol=1e-4)


def attention():
    shape = batch, heads, time, head_dim = 1, 2, 2 * tile.COLUMNS + 5, 9
    strides = (heads * time * head_dim, time * head_dim, head_dim)
    q, k, v, grad = (numbers(seed, *shape) for seed in range(4))
    flat = [each.ravel() for each in (q, k, v)]
    for causal in (True, False):
        out, sums = np.empty(q.size, np.float32), np.empty(batch * heads * time, np.float32)
        blocked(*flat, out, sums, shape, strides, strides, causal)
        np.testing.assert_allclose(out.reshape(shape), reference(q, k, v, causal), atol=1e-5)
        found = [np.empty(q.size, np.float32) for _ in range(3)]
        blocked_backward(*flat, out, grad.ravel(), sums, *found, shape, strides, strides, causal)
        for ours, exact in zip(found, reference_backward(grad, q, k, v, causal), strict=True):
            np.testing.assert_allclose(ours.reshape(shape), exact, atol=1e-4)


if __name__ == "__main__":
    for check in sys.argv[1:]:
        {"matmul": matmul, "int8": int8, "attention": attention}[check]()
    print(tile.LANES, "lanes,", tile.TALL, "rows")
