"""A bias and the GELU behind it, in one pass; and the gradient of both.

bias_gelu(x, bias) = gelu(x + bias)
gelu(v) = v (1 + tanh(u)) / 2 = v / (1 + exp(-2 u)),  u = sqrt(2 / pi) (v + 0.044715 v^3)

At least 8 bytes an element move; with some 30 operations an element the exponential is what it costs. The ladder:
`reference` -> `with_tanh` -> `vectorised`, and the same backward.
"""

import math

import numpy as np
from numba import prange

from labkit.kernels.arguments import all_plain, apart, check_array, check_output, check_outputs, check_shape
from labkit.kernels.jit import DOES_NOT_FIT, door, jit
from labkit.kernels.simd import ONE, ZERO, exp_normal

SLOPE, CUBIC = math.sqrt(2 / math.pi), 0.044715  # Hendrycks & Gimpel 2016, section 2
HALF, ROOT, TWICE_ROOT = np.float32(0.5), np.float32(SLOPE), np.float32(2 * SLOPE)
C, THREE_C = np.float32(CUBIC), np.float32(3 * CUBIC)
FLAT = np.float32(12)  # beyond +-12 the derivative is 1 or 0 in float32
BLOCK = 256  # rows whose gradients of the bias are summed before the sums are added


def reference(x: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The oracle. x: (rows, cols); bias: (cols,), any float. Returns float64 (rows, cols)."""
    v = np.asarray(x, np.float64) + np.asarray(bias, np.float64)
    with np.errstate(invalid="ignore"):  # -inf * 0
        return 0.5 * v * (1 + np.tanh(SLOPE * (v + CUBIC * v**3)))


def reference_backward(grad: np.ndarray, x: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The oracle's gradients of x, (rows, cols), and of bias, (cols,). Returns float64."""
    v = np.asarray(x, np.float64) + np.asarray(bias, np.float64)
    tanh = np.tanh(SLOPE * (v + CUBIC * v**3))
    slope = 0.5 * (1 + tanh) + 0.5 * v * (1 - tanh**2) * SLOPE * (1 + 3 * CUBIC * v**2)
    dx = np.asarray(grad, np.float64) * slope
    return dx, dx.sum(axis=0)


@jit
def with_tanh(x, bias, out):
    """The formula as it stands: a call of the C library's tanh for each element."""
    for row in range(x.shape[0]):
        for col in range(x.shape[1]):
            v = x[row, col] + bias[col]
            out[row, col] = HALF * v * (ONE + math.tanh(ROOT * (v + C * v * v * v)))


@jit(parallel=True)
def vectorised(x, bias, out):
    """tanh through an exponential that LLVM vectorises; nothing cancels where 1 + tanh would, far below zero."""
    for row in prange(x.shape[0]):
        values, written = x[row], out[row]
        for col in range(values.size):
            v = values[col] + bias[col]
            written[col] = v / (ONE + exp_normal(-TWICE_ROOT * v * (ONE + C * v * v)))


@jit
def _within(v):
    """v between -FLAT and FLAT, where its cube still fits; NaN stays NaN."""
    v = FLAT if v > FLAT else v
    return -FLAT if v < -FLAT else v


@jit
def backward_with_tanh(grad, x, bias, dx, dbias):
    """The derivative as it stands, with the C library's tanh."""
    dbias[:] = ZERO
    for row in range(x.shape[0]):
        for col in range(x.shape[1]):
            v = _within(x[row, col] + bias[col])
            t = math.tanh(ROOT * (v + C * v * v * v))
            slope = HALF * (ONE + t) + HALF * v * (ONE - t * t) * ROOT * (ONE + THREE_C * v * v)
            dx[row, col] = grad[row, col] * slope
            dbias[col] += dx[row, col]


@jit(parallel=True)
def backward_vectorised(grad, x, bias, dx, dbias):
    """With s = 1 / (1 + exp(-2 u)): gelu'(v) = s + 2 v s (1 - s) u'(v). Blocks of rows have their own sums."""
    rows, cols = x.shape
    blocks = (rows + BLOCK - 1) // BLOCK
    sums = np.zeros((blocks, cols), np.float32)
    for block in prange(blocks):
        to_bias = sums[block]
        for row in range(block * BLOCK, min((block + 1) * BLOCK, rows)):
            values, grads, written = x[row], grad[row], dx[row]
            for col in range(cols):
                v = _within(values[col] + bias[col])
                s = ONE / (ONE + exp_normal(-TWICE_ROOT * v * (ONE + C * v * v)))
                slope = s + s * (ONE - s) * v * TWICE_ROOT * (ONE + THREE_C * v * v)
                written[col] = grads[col] * slope
                to_bias[col] += grads[col] * slope
    dbias[:] = ZERO
    for block in range(blocks):
        for col in range(cols):
            dbias[col] += sums[block, col]


@door("b1(f4[:, ::1], f4[::1], f4[:, ::1])")
def quick(x, bias, out):
    if not (x.shape == out.shape and bias.shape == x.shape[1:] and apart(out, x) and apart(out, bias)):
        return False
    vectorised(x, bias, out)
    return True


@door("b1(f4[:, ::1], f4[:, ::1], f4[::1], f4[:, ::1], f4[::1])")
def quick_backward(grad, x, bias, dx, dbias):
    if not (grad.shape == x.shape == dx.shape and bias.shape == dbias.shape == x.shape[1:]):
        return False
    if not (apart(dx, grad) and apart(dx, x) and apart(dx, bias) and apart(dx, dbias)):
        return False
    if not (apart(dbias, grad) and apart(dbias, x) and apart(dbias, bias)):
        return False
    backward_vectorised(grad, x, bias, dx, dbias)
    return True


LADDER = (with_tanh, vectorised)
LADDER_BACKWARD = (backward_with_tanh, backward_vectorised)


def bias_gelu(x: np.ndarray, bias: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """gelu(x + bias) in its tanh form. x, out: float32 (rows, cols); bias: float32 (cols,).

    Raises TypeError or ValueError for arrays that do not fit, and for an `out` that shares memory with another.
    """
    out = np.empty(np.shape(x), np.float32) if out is None else out
    try:
        if all_plain(x, bias, out) and quick.run(x, bias, out):
            return out
    except DOES_NOT_FIT:
        pass
    _check(x, bias)
    check_output(out, x.shape, x=x, bias=bias)
    vectorised(x, bias, out)
    return out


def bias_gelu_backward(
    grad: np.ndarray, x: np.ndarray, bias: np.ndarray, out: tuple | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """grad, x: float32 (rows, cols); bias: float32 (cols,). Returns dx, (rows, cols), and dbias, (cols,).

    out: two arrays for them. Raises TypeError or ValueError for arrays that do not fit or share memory.
    """
    out = tuple(np.empty(np.shape(like), np.float32) for like in (x, bias)) if out is None else out
    try:
        if all_plain(grad, x, bias, *out) and quick_backward.run(grad, x, bias, *out):
            return tuple(out)
    except DOES_NOT_FIT:
        pass
    _check(x, bias)
    check_array("grad", grad, 2)
    check_shape("grad", grad, x.shape, "x")
    check_outputs(out, (x.shape, bias.shape), grad=grad, x=x, bias=bias)
    backward_vectorised(grad, x, bias, *out)
    return tuple(out)


def _check(x: np.ndarray, bias: np.ndarray) -> None:
    check_array("x", x, 2)
    check_array("bias", bias, 1)
    check_shape("bias", bias, (x.shape[1],), "x")
