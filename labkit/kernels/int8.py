"""Weights of eight bits: a quarter of the bytes, for work that is limited by bytes.

w[i, j] ~ scale[i] q[i, j],  q = round(w / scale) in -127 ... 127,  scale[i] = max_j |w[i, j]| / 127

Symmetric, a scale a row, as LLM.int8() quantises what has no outliers (Dettmers et al. 2022, section 2.1). Only the
weights are rounded; the activations stay float32, so that a product is as exact as the weights are. A matrix-vector
product reads each weight once: rows * cols bytes, for 2 rows * cols operations and as many conversions.
The ladder: `reference` -> `row_by_row` -> `four_rows`.
"""

import numpy as np
from numba import prange

from labkit.kernels.arguments import FLOAT32, apart, check_array, check_shape, output
from labkit.kernels.gemm import NO_BIAS, gemm
from labkit.kernels.jit import DOES_NOT_FIT, FAST, door, jit
from labkit.kernels.simd import ZERO, maximum

INT8 = np.dtype(np.int8)
LARGEST = np.float32(127)  # and not 128, so that a weight and its negative round alike


def reference(q: np.ndarray, scale: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The oracle. q: int8 (rows, cols); scale: (rows,); x: (cols,) or (cols, n). Returns float64."""
    return (np.asarray(q, np.float64) * np.asarray(scale, np.float64)[:, None]) @ np.asarray(x, np.float64)


def quantize_int8(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest eight-bit weights. w: float32 (rows, cols). Returns int8 (rows, cols) and float32 scale (rows,).

    scale[i] * q[i, j] is within half a scale of w[i, j]. Raises TypeError or ValueError for an array that does not fit,
    ValueError for one with a NaN or an infinity, which have no scale.
    """
    check_array("w", w, 2)
    q, scale = np.empty(w.shape, INT8), np.empty(w.shape[0], FLOAT32)
    _quantize(w, q, scale)
    if not np.isfinite(scale).all():
        raise ValueError(f"w has a NaN or an infinity in row {np.argmin(np.isfinite(scale))}: it cannot be quantised.")
    return q, scale


@jit(parallel=True, fastmath=FAST - {"arcp"})  # the reciprocal of a very small scale is infinite
def _quantize(w, q, scale):
    for row in prange(w.shape[0]):
        numbers, small, largest = w[row], q[row], ZERO
        for col in range(numbers.size):
            largest = maximum(largest, abs(numbers[col]))
        step = largest / LARGEST
        scale[row] = step
        if not (ZERO < step < np.inf):  # all zeros, or so small that its scale is: no weight is left
            small[:] = 0
            continue
        for col in range(numbers.size):
            small[col] = np.int8(np.rint(min(max(numbers[col] / step, -LARGEST), LARGEST)))


@jit
def row_by_row(q, scale, x, out):
    """A dot product a row: each number of x is loaded anew for each weight."""
    for row in range(q.shape[0]):
        weights, total = q[row], ZERO
        for col in range(weights.size):
            total += np.float32(weights[col]) * x[col]
        out[row] = total * scale[row]


@jit(parallel=True)
def four_rows(q, scale, x, out):
    """Four rows at once: x is loaded once for four weights, and memory is asked for four streams instead of one."""
    rows = q.shape[0]
    for group in prange((rows + 3) // 4):
        row = 4 * group
        if row + 4 > rows:
            row_by_row(q[row:], scale[row:], x, out[row:])
            continue
        w0, w1, w2, w3 = q[row], q[row + 1], q[row + 2], q[row + 3]
        t0, t1, t2, t3 = ZERO, ZERO, ZERO, ZERO
        for col in range(x.size):
            number = x[col]
            t0 += np.float32(w0[col]) * number
            t1 += np.float32(w1[col]) * number
            t2 += np.float32(w2[col]) * number
            t3 += np.float32(w3[col]) * number
        out[row], out[row + 1] = t0 * scale[row], t1 * scale[row + 1]
        out[row + 2], out[row + 3] = t2 * scale[row + 2], t3 * scale[row + 3]


@door("b1(i1[:, ::1], f4[::1], f4[::1], f4[::1])")
def quick(q, scale, x, out):
    if not (scale.size == out.size == q.shape[0] and x.size == q.shape[1]):
        return False
    if not (apart(out, q) and apart(out, scale) and apart(out, x)):
        return False
    four_rows(q, scale, x, out)
    return True


LADDER = (row_by_row, four_rows)


def int8_matvec(q: np.ndarray, scale: np.ndarray, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Quantised weights times a vector. q: int8 (rows, cols); scale: float32 (rows,); x: float32 (cols,).

    Raises TypeError or ValueError for arrays that do not fit, and for an `out` that shares memory with an input.
    """
    out = np.empty(np.shape(scale), FLOAT32) if out is None else out
    try:
        if quick.run(q, scale, x, out):
            return out
    except DOES_NOT_FIT:
        pass
    out = _checked(q, scale, x, out, 1)
    four_rows(q, scale, x, out)
    return out


def int8_matmul(q: np.ndarray, scale: np.ndarray, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Quantised weights times a matrix. q: int8 (rows, cols); scale: float32 (rows,); x: float32 (cols, n).

    With many columns multiply-adds are the limit, not bytes: the weights become float32 as they are packed.
    Raises TypeError or ValueError for arrays that do not fit, and for an `out` that shares memory with an input.
    """
    out = _checked(q, scale, x, out, 2)
    (rows, cols), n = q.shape, x.shape[1]
    if cols == 0:
        out[:] = 0
    elif out.size:
        gemm(q.reshape(-1), cols, 1, x.reshape(-1), n, 1, NO_BIAS, out.reshape(-1), rows, n, cols)
        _scale_rows(out, scale)
    return out


@jit
def _scale_rows(out, scale):
    for row in range(out.shape[0]):
        numbers = out[row]
        for col in range(numbers.size):
            numbers[col] *= scale[row]


def _checked(q, scale, x, out, dimensions: int) -> np.ndarray:
    check_array("q", q, 2, INT8)
    check_array("scale", scale, 1)
    check_array("x", x, dimensions)
    check_shape("scale", scale, q.shape[:1], f"q of shape {q.shape}")
    check_shape("x", x, (q.shape[1], *x.shape[1:]), f"q of shape {q.shape}")
    return output(out, (q.shape[0], *x.shape[1:]), q=q, scale=scale, x=x)
