"""Matrix product.

C[i, j] = sum_k A[i, k] B[k, j]

2 m n k operations on (m k + k n + m n) numbers: a number that is fetched once can be used hundreds of times, and each
rung uses it more often before it is fetched again. The ladder: `reference` -> `naive` -> `loop_order` -> `blocked` ->
`packed` -> `registers`.
"""

import numpy as np

from labkit.kernels.arguments import check_array, check_shape, output
from labkit.kernels.gemm import NO_BIAS, gemm
from labkit.kernels.jit import jit
from labkit.kernels.simd import ZERO

BLOCK = 64  # three blocks of 64 x 64 are 48 kB
STRIP, DEEP = 256, 128  # a packed block of B, 128 kB, stays in the second cache
PAIR, STEPS = 2, 4  # rows of C and of B that `packed` takes together


def reference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The oracle. a: (m, k), b: (k, n), any float. Returns float64 (m, n)."""
    return np.asarray(a, np.float64) @ np.asarray(b, np.float64)


@jit
def naive(a, b, out):
    """The formula as it stands: a step of the inner loop is a whole row of B away from the last one."""
    (m, k), n = a.shape, b.shape[1]
    for i in range(m):
        for j in range(n):
            total = ZERO
            for step in range(k):
                total += a[i, step] * b[step, j]
            out[i, j] = total


@jit
def loop_order(a, b, out):
    """The two inner loops exchanged: B and C are read row by row, and the inner loop becomes vectors."""
    out[:] = ZERO
    for i in range(a.shape[0]):
        row = out[i]
        for k in range(a.shape[1]):
            number, line = a[i, k], b[k]
            for j in range(row.size):
                row[j] += number * line[j]


@jit
def blocked(a, b, out):
    """The same on blocks, each used BLOCK times while it is in the cache: fewer misses, shorter loops."""
    (m, k), n = a.shape, b.shape[1]
    out[:] = ZERO
    for i0 in range(0, m, BLOCK):
        for k0 in range(0, k, BLOCK):
            for j0 in range(0, n, BLOCK):
                _block(a, b, out, i0, min(i0 + BLOCK, m), k0, min(k0 + BLOCK, k), j0, min(j0 + BLOCK, n))


@jit
def _block(a, b, out, i0, i1, k0, k1, j0, j1):
    for i in range(i0, i1):
        row = out[i, j0:j1]
        for k in range(k0, k1):
            number, line = a[i, k], b[k, j0:j1]
            for j in range(row.size):
                row[j] += number * line[j]


@jit
def packed(a, b, out):
    """Blocks of B copied together, so that their rows are neighbours, and two rows of C made at once from four of B."""
    (m, k), n = a.shape, b.shape[1]
    out[:] = ZERO
    block = np.empty((DEEP, STRIP), np.float32)
    for j0 in range(0, n, STRIP):
        width = min(STRIP, n - j0)
        for k0 in range(0, k, DEEP):
            depth = min(DEEP, k - k0)
            for step in range(depth):
                for j in range(width):
                    block[step, j] = b[k0 + step, j0 + j]
            rows, steps = m - m % PAIR, depth - depth % STEPS
            for i in range(0, rows, PAIR):
                for step in range(0, steps, STEPS):
                    _two_by_four(a, i, k0 + step, block, step, out, j0, width)
            for i in range(m):  # the rows and steps that are left over
                for step in range(steps if i < rows else 0, depth):
                    for j in range(width):
                        out[i, j0 + j] += a[i, k0 + step] * block[step, j]


@jit
def _two_by_four(a, i, k, block, step, out, j0, width):
    """8 multiply-adds for each 4 numbers of B and 2 of C that are loaded; `loop_order` does one for two."""
    b0, b1, b2, b3 = block[step], block[step + 1], block[step + 2], block[step + 3]
    c0, c1 = out[i, j0 : j0 + width], out[i + 1, j0 : j0 + width]
    a00, a01, a02, a03 = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
    a10, a11, a12, a13 = a[i + 1, k], a[i + 1, k + 1], a[i + 1, k + 2], a[i + 1, k + 3]
    for j in range(width):
        c0[j] += a00 * b0[j] + a01 * b1[j] + a02 * b2[j] + a03 * b3[j]
        c1[j] += a10 * b0[j] + a11 * b1[j] + a12 * b2[j] + a13 * b3[j]


def registers(a, b, out):
    """A and B packed, and tiles of C whose sums stay in registers until they are done (see `gemm` and `tile`)."""
    (m, k), n = a.shape, b.shape[1]
    if k == 0:
        out[:] = 0
    elif m and n:
        gemm(a.reshape(-1), k, 1, b.reshape(-1), n, 1, NO_BIAS, out.reshape(-1), m, n, k)


LADDER = (naive, loop_order, blocked, packed, registers)


def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """A times B. a: float32 (m, k), b: float32 (k, n). Returns float32 (m, n).

    Raises TypeError or ValueError for arrays that do not fit, and for an `out` that shares memory with a or b.
    """
    check_array("a", a, 2)
    check_array("b", b, 2)
    check_shape("b", b, (a.shape[1], b.shape[1]), f"a of shape {a.shape}")
    out = output(out, (a.shape[0], b.shape[1]), a=a, b=b)
    registers(a, b, out)
    return out
