"""Row softmax.

softmax(x)[i, j] = exp(x[i, j] - max_j x[i, :]) / sum_j exp(x[i, j] - max_j x[i, :])

At least 8 bytes an element have to move: read once, written once. A row that stays in the first cache between passes
costs no more than that. The ladder: `reference` -> `three_passes` -> `online` -> `vectorised`.
"""

import math

import numpy as np
from numba import prange

from labkit.kernels.arguments import all_plain, apart, check_array, check_output
from labkit.kernels.jit import DOES_NOT_FIT, door, jit
from labkit.kernels.simd import ONE, ZERO, exp_normal, maximum

LOWEST = np.float32(-np.inf)


def reference(x: np.ndarray) -> np.ndarray:
    """The oracle. x: (rows, cols), any float. Returns float64 (rows, cols)."""
    x = np.asarray(x, np.float64)
    with np.errstate(invalid="ignore"):  # a row of -inf has no softmax: NaN, as in torch
        powers = np.exp(x - x.max(axis=1, keepdims=True, initial=-np.inf))
        return powers / powers.sum(axis=1, keepdims=True)


@jit
def three_passes(x, out):
    """The formula as it stands: a pass for the maximum, one for the sum, one to divide. x, out: (rows, cols)."""
    rows, cols = x.shape
    for row in range(rows):
        largest = LOWEST
        for col in range(cols):
            if x[row, col] > largest or math.isnan(x[row, col]):
                largest = x[row, col]
        total = ZERO
        for col in range(cols):
            out[row, col] = math.exp(x[row, col] - largest)
            total += out[row, col]
        for col in range(cols):
            out[row, col] /= total


@jit
def online(x, out):
    """Maximum and sum in one pass: the sum is rescaled whenever the maximum grows (Milakov & Gimelshein 2018, alg. 3).

    One reading of the row fewer, paid with an exponential more; a gain only where the row does not stay in a cache.
    """
    rows, cols = x.shape
    for row in range(rows):
        largest, total = LOWEST, ZERO
        for col in range(cols):
            value = x[row, col]
            if value > largest:
                # The new term is exp(0) = 1, but NaN for an infinity, of which there is no softmax.
                total = total * math.exp(largest - value) + math.exp(value - value)
                largest = value
            elif value != LOWEST:  # a masked entry adds nothing, not even before the first finite one
                total += math.exp(value - largest)
        for col in range(cols):
            out[row, col] = math.exp(x[row, col] - largest) / total


@jit
def row_maximum(row):
    """The largest of a row, (cols,); NaN if one is NaN."""
    largest = LOWEST
    for col in range(row.size):
        largest = maximum(largest, row[col])
    return largest


@jit(parallel=True)
def vectorised(x, out):
    """Three passes again, each in vectors: `exp` and `maximum` that LLVM vectorises, and a product for the division."""
    for row in prange(x.shape[0]):
        logits, weights = x[row], out[row]
        largest, total = row_maximum(logits), ZERO
        for col in range(logits.size):
            weight = exp_normal(logits[col] - largest)
            weights[col] = weight
            total += weight
        scale = ONE / total
        for col in range(logits.size):
            weights[col] *= scale


@door("b1(f4[:, ::1], f4[:, ::1])")
def quick(x, out):
    if x.shape != out.shape or not apart(x, out):
        return False
    vectorised(x, out)
    return True


LADDER = (three_passes, online, vectorised)


def softmax(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Softmax along the columns. x, out: float32 (rows, cols). A row of -inf gives NaN, a masked entry exactly 0.

    Raises TypeError or ValueError for arrays that do not fit, and for an `out` that shares memory with x.
    """
    out = np.empty(np.shape(x), np.float32) if out is None else out
    try:
        if all_plain(x, out) and quick.run(x, out):
            return out
    except DOES_NOT_FIT:
        pass
    check_array("x", x, 2)
    check_output(out, x.shape, x=x)
    vectorised(x, out)
    return out
