"""Layer normalisation over the columns, forward and backward.

layer_norm(x)[i, :] = (x[i, :] - mean_i) * rstd_i * weight + bias,  rstd_i = 1 / sqrt(var_i + eps)

At least 8 bytes an element move forward, 12 backward. The ladder: `reference` -> `in_steps` -> `row_by_row`; backward:
`reference_backward` -> `backward_in_steps` -> `backward_row_by_row`. The backward pass takes the statistics from x
again: a row that is read anyway costs less than two more arguments that could disagree with it.
"""

import numpy as np
from numba import prange

from labkit.kernels.arguments import all_plain, apart, check_array, check_output, check_outputs, check_shape
from labkit.kernels.jit import DOES_NOT_FIT, door, jit
from labkit.kernels.simd import ONE, ZERO, ask_for

FAR = 1 << 22  # numbers in one of three arrays of 16 MB, which no cache holds together
STRETCH = 512  # columns between two requests for as many of the next row
BLOCK = 256  # rows whose gradients of weight and bias are summed before the sums are added: shorter sums, less rounding


def reference(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """The oracle (Ba, Kiros & Hinton 2016, eq. 4). x: (rows, cols); weight, bias: (cols,). Returns float64."""
    normal, _ = _normal(x, eps)
    return normal * np.asarray(weight, np.float64) + np.asarray(bias, np.float64)


def reference_backward(grad: np.ndarray, x: np.ndarray, weight: np.ndarray, eps: float = 1e-5) -> tuple:
    """The oracle's gradients of x, (rows, cols), and of weight and bias, (cols,). Returns float64."""
    normal, rstd = _normal(x, eps)
    grad, cols = np.asarray(grad, np.float64), max(1, normal.shape[1])
    inner = grad * np.asarray(weight, np.float64)
    along = (inner * normal).sum(axis=1, keepdims=True) / cols
    dx = rstd * (inner - inner.sum(axis=1, keepdims=True) / cols - normal * along)
    return dx, (grad * normal).sum(axis=0), grad.sum(axis=0)


def _normal(x: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """The normalised x, (rows, cols), and 1 / deviation, (rows, 1), in float64."""
    x = np.asarray(x, np.float64)
    if x.shape[1] == 0:
        return x, np.ones((len(x), 1))
    rstd = 1 / np.sqrt(x.var(axis=1, keepdims=True) + eps)
    return (x - x.mean(axis=1, keepdims=True)) * rstd, rstd


@jit
def in_steps(x, weight, bias, eps, out):
    """A step for the whole array at a time, as array libraries do: each step reads everything from memory again."""
    rows, cols = x.shape
    mean, rstd = np.zeros(rows, np.float32), np.zeros(rows, np.float32)
    for row in range(rows):
        for col in range(cols):
            mean[row] += x[row, col] / np.float32(cols)
    for row in range(rows):
        for col in range(cols):
            rstd[row] += (x[row, col] - mean[row]) ** 2 / np.float32(cols)
    for row in range(rows):
        rstd[row] = ONE / np.sqrt(rstd[row] + np.float32(eps))
    for row in range(rows):
        for col in range(cols):
            out[row, col] = (x[row, col] - mean[row]) * rstd[row] * weight[col] + bias[col]


# These two the compiler may not reorder: a correction that it adds to the mean first is rounded away again.
@jit(fastmath=frozenset())
def from_mean(value, mean):
    return value - mean


@jit(fastmath=frozenset({"contract"}))
def normalised(value, mean, rstd, left):
    return (value - mean) * rstd - left


@jit(parallel=True)
def row_by_row(x, weight, bias, eps, out):
    """All steps for one row while it is in the first cache, and each of them in vectors.

    A mean of float32 is rounded. The mean of the differences from it is what rounding left, and corrects both moments
    (Chan, Golub & LeVeque 1983, eq. 1.7): a row far from zero loses nothing.
    """
    scale = ONE / np.float32(x.shape[1])
    for row in prange(x.shape[0]):
        values, written = x[row], out[row]
        total = ZERO
        for col in range(values.size):
            total += values[col]
        mean, squares, rest = total * scale, ZERO, ZERO
        for col in range(values.size):
            difference = from_mean(values[col], mean)
            squares += difference * difference
            rest += difference
        rstd = ONE / np.sqrt((squares - rest * rest * scale) * scale + np.float32(eps))
        left = rest * scale * rstd
        for col in range(values.size):
            written[col] = normalised(values[col], mean, rstd, left) * weight[col] + bias[col]


@jit
def backward_in_steps(grad, x, weight, eps, dx, dweight, dbias):
    """The formula as it stands, element by element; a sum over columns for each of two means."""
    rows, cols = x.shape
    dweight[:], dbias[:] = ZERO, ZERO
    for row in range(rows):
        mean, variance = ZERO, ZERO
        for col in range(cols):
            mean += x[row, col] / np.float32(cols)
        for col in range(cols):
            variance += (x[row, col] - mean) ** 2 / np.float32(cols)
        rstd = ONE / np.sqrt(variance + np.float32(eps))
        inner, along = ZERO, ZERO
        for col in range(cols):
            inner += grad[row, col] * weight[col] / np.float32(cols)
            along += grad[row, col] * weight[col] * (x[row, col] - mean) * rstd / np.float32(cols)
        for col in range(cols):
            normal = (x[row, col] - mean) * rstd
            dx[row, col] = (grad[row, col] * weight[col] - inner - normal * along) * rstd
            dweight[col] += grad[row, col] * normal
            dbias[col] += grad[row, col]


@jit(parallel=True)
def backward_row_by_row(grad, x, weight, eps, dx, dweight, dbias):
    """Three passes over a row in the first cache. Blocks of rows have their own sums, so that threads share nothing.

    The blocks do not depend on the number of threads, and so neither does the order of the sums. Where the arrays come
    from memory, the next row is asked for during the second pass: three arrays whose rows end before the processor has
    guessed that they go on would otherwise be waited for, row by row.
    """
    rows, cols = x.shape
    scale, blocks, far = ONE / np.float32(cols), (rows + BLOCK - 1) // BLOCK, x.size > FAR
    sums = np.zeros((2, blocks, cols), np.float32)
    for block in prange(blocks):
        to_weight, to_bias = sums[0, block], sums[1, block]
        for row in range(block * BLOCK, min((block + 1) * BLOCK, rows)):
            values, grads, written = x[row], grad[row], dx[row]
            following = min(row + 1, rows - 1)
            next_values, next_grads, next_written = x[following], grad[following], dx[following]
            total = ZERO
            for col in range(cols):
                total += values[col]
            mean, squares, rest, inner, along = total * scale, ZERO, ZERO, ZERO, ZERO
            for start in range(0, cols, STRETCH):
                end = min(start + STRETCH, cols)
                if far:
                    ask_for(next_values, start, end)
                    ask_for(next_grads, start, end)
                    ask_for(next_written, start, end)
                some, some_grads, some_weights = values[start:end], grads[start:end], weight[start:end]
                for col in range(some.size):
                    difference = from_mean(some[col], mean)
                    squares += difference * difference
                    rest += difference
                    product = some_grads[col] * some_weights[col]
                    inner += product
                    along += product * difference
            along -= rest * scale * inner  # the differences were from the rounded mean
            rstd = ONE / np.sqrt((squares - rest * rest * scale) * scale + np.float32(eps))
            inner *= scale
            along *= rstd * scale
            left = rest * scale * rstd
            for col in range(cols):
                centred = normalised(values[col], mean, rstd, left)
                written[col] = (grads[col] * weight[col] - inner - centred * along) * rstd
                to_weight[col] += grads[col] * centred
                to_bias[col] += grads[col]
    dweight[:], dbias[:] = ZERO, ZERO
    for block in range(blocks):
        for col in range(cols):
            dweight[col] += sums[0, block, col]
            dbias[col] += sums[1, block, col]


@door("b1(f4[:, ::1], f4[::1], f4[::1], f8, f4[:, ::1])")
def quick(x, weight, bias, eps, out):
    if not (x.shape == out.shape and weight.shape == bias.shape == x.shape[1:]):
        return False
    if not (apart(out, x) and apart(out, weight) and apart(out, bias)):
        return False
    row_by_row(x, weight, bias, eps, out)
    return True


@door("b1(f4[:, ::1], f4[:, ::1], f4[::1], f8, f4[:, ::1], f4[::1], f4[::1])")
def quick_backward(grad, x, weight, eps, dx, dweight, dbias):
    if not (grad.shape == x.shape == dx.shape and weight.shape == dweight.shape == dbias.shape == x.shape[1:]):
        return False
    for out in (dweight, dbias):
        if not (apart(out, grad) and apart(out, x) and apart(out, weight) and apart(out, dx)):
            return False
    if not (apart(dx, grad) and apart(dx, x) and apart(dx, weight) and apart(dweight, dbias)):
        return False
    backward_row_by_row(grad, x, weight, eps, dx, dweight, dbias)
    return True


LADDER = (in_steps, row_by_row)
LADDER_BACKWARD = (backward_in_steps, backward_row_by_row)


def layer_norm(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float = 1e-5, out: np.ndarray | None = None
) -> np.ndarray:
    """x, out: float32 (rows, cols); weight, bias: float32 (cols,).

    Raises TypeError or ValueError for arrays that do not fit, and for an `out` that shares memory with another.
    """
    out = np.empty(np.shape(x), np.float32) if out is None else out
    try:
        if all_plain(x, weight, bias, out) and quick.run(x, weight, bias, eps, out):
            return out
    except DOES_NOT_FIT:
        pass
    check_array("x", x, 2)
    _check_columns(x, weight=weight, bias=bias)
    check_output(out, x.shape, x=x, weight=weight, bias=bias)
    row_by_row(x, weight, bias, float(eps), out)
    return out


def layer_norm_backward(
    grad: np.ndarray, x: np.ndarray, weight: np.ndarray, eps: float = 1e-5, out: tuple | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """grad, x: float32 (rows, cols); weight: float32 (cols,). Returns dx, (rows, cols), dweight and dbias, (cols,).

    out: three arrays for them. Raises TypeError or ValueError for arrays that do not fit or share memory.
    """
    if out is None:
        out = tuple(np.empty(np.shape(like), np.float32) for like in (x, weight, weight))
    try:
        if all_plain(grad, x, weight, *out) and quick_backward.run(grad, x, weight, eps, *out):
            return tuple(out)
    except DOES_NOT_FIT:
        pass
    check_array("x", x, 2)
    check_array("grad", grad, 2)
    check_shape("grad", grad, x.shape, "x")
    _check_columns(x, weight=weight)
    check_outputs(out, (x.shape, weight.shape, weight.shape), grad=grad, x=x, weight=weight)
    backward_row_by_row(grad, x, weight, float(eps), *out)
    return tuple(out)


def _check_columns(x: np.ndarray, **vectors: np.ndarray) -> None:
    for name, vector in vectors.items():
        check_array(name, vector, 1)
        check_shape(name, vector, (x.shape[1],), "x")
