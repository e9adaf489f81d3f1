"""Every kernel with rows that are independent, on two threads, in two Python threads at once, and in a forked child."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from labkit import kernels
from labkit.kernels.layer_norm import BLOCK


def draw(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


X, LINE, TARGETS = draw(3 * BLOCK + 7, 50), draw(50), np.arange(3 * BLOCK + 7) % 50
IMAGES = np.arange(5 * 9 * 40 * 3, dtype=np.uint8).reshape(5, 9, 40, 3)


def adamw():
    arrays = X.copy(), X.copy(), X.copy(), X**2
    kernels.adamw_step(*arrays, step=2)
    return arrays


def results():
    return [
        kernels.softmax(X),
        kernels.layer_norm(X, LINE, LINE),
        *kernels.layer_norm_backward(X, X, LINE),
        kernels.bias_gelu(X, LINE),
        *kernels.bias_gelu_backward(X, X, LINE),
        kernels.cross_entropy(X, TARGETS)[1],
        *adamw(),
        kernels.prepare_images(IMAGES, (5, 33), 0.5, 0.5),
    ]


def check(expected):
    for one, other in zip(results(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def main():
    alone, loss = results(), kernels.cross_entropy(X, TARGETS)[0]
    assert kernels.set_threads(2) == kernels.threads() == 2
    check(alone)
    np.testing.assert_allclose(kernels.cross_entropy(X, TARGETS)[0], loss, rtol=1e-12)
    assert numba.threading_layer() in ("omp", "workqueue"), numba.threading_layer()
    with ThreadPoolExecutor(4) as pool:  # not even the fallback layer may abort the process
        list(pool.map(check, [alone] * 8))
    child = os.fork()
    if child == 0:
        assert kernels.threads() == kernels.set_threads(2) == 1
        check(alone)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, "a kernel in a forked child ended it"
    check(alone)
    print(numba.threading_layer())


if __name__ == "__main__":
    sys.exit(main())
