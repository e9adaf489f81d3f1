"""What the compiler made of two loops: one that vectors can take, and one that they cannot."""

import numpy as np
from numba import njit

from labkit.kernels.assembly import multiplies, widths
from labkit.kernels.simd import LANES


@njit(fastmath={"contract"})
def along(a, b, out):
    for i in range(a.size):
        out[i] += a[i] * b[i]


@njit(fastmath={"contract"})
def in_order(a, b):
    total = np.float32(0)
    for i in range(a.size):
        total += a[i] * b[i]
    return total


def test_a_loop_along_arrays_is_vectors_and_a_sum_in_order_is_not():
    numbers = np.ones(100, np.float32)
    assert widths(along) == {}, "nothing is compiled before the first call"
    along(numbers, numbers, numbers.copy())
    in_order(numbers, numbers)
    assert max(widths(along)) == LANES
    assert set(widths(in_order)) == {1}
    assert multiplies(in_order)
