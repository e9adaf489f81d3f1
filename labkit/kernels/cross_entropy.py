"""Cross-entropy of logits and its gradient, fused.

loss = mean_i (log sum_j exp(z[i, j]) - z[i, t_i]),  dlogits[i, j] = (softmax(z)[i, j] - [j = t_i]) / rows

Loss and gradient need the same exponentials, and a training step needs both: at least 8 bytes a logit move, where two
separate ops move 20 and more. The ladder: `reference` -> `two_ops` -> `fused`.
"""

import math

import numpy as np
from numba import prange

from labkit.kernels.arguments import check_array, check_shape, output
from labkit.kernels.jit import jit
from labkit.kernels.simd import ONE, ZERO, exp_normal
from labkit.kernels.softmax import row_maximum

INT64 = np.dtype(np.int64)


def reference(logits: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """The oracle. logits: (rows, classes); targets: integers (rows,). Returns the loss and float64 (rows, classes)."""
    logits = np.asarray(logits, np.float64)
    rows = np.arange(len(logits))
    with np.errstate(invalid="ignore", divide="ignore"):
        largest = logits.max(axis=1, keepdims=True, initial=-np.inf)
        powers = np.exp(logits - largest)
        total = powers.sum(axis=1, keepdims=True)
        losses = largest[:, 0] + np.log(total[:, 0]) - logits[rows, targets]
        gradient = powers / total
        gradient[rows, targets] -= 1
        return np.float64(losses.sum()) / np.float64(len(rows)), gradient / np.float64(len(rows))


@jit
def two_ops(logits, targets, out):
    """What two separate ops do: log-softmax into an array, then the gradient from it, with the C library's exp."""
    rows, classes = logits.shape
    logs, loss = np.empty_like(logits), 0.0
    for row in range(rows):
        largest, total = row_maximum(logits[row]), ZERO
        for j in range(classes):
            total += math.exp(logits[row, j] - largest)
        for j in range(classes):
            logs[row, j] = logits[row, j] - largest - math.log(total)
    for row in range(rows):
        loss -= logs[row, targets[row]]
        for j in range(classes):
            out[row, j] = math.exp(logs[row, j]) / np.float32(rows)
        out[row, targets[row]] -= ONE / np.float32(rows)
    return loss / rows


@jit(parallel=True)
def fused(logits, targets, out):
    """The exponentials of a row are kept where the gradient goes, and scaled there while they are in the cache."""
    rows = logits.shape[0]
    share, loss = ONE / np.float32(rows), 0.0
    for row in prange(rows):
        values, gradient, target = logits[row], out[row], targets[row]
        largest, total = row_maximum(values), ZERO
        for j in range(values.size):
            power = exp_normal(values[j] - largest)
            gradient[j] = power
            total += power
        loss += np.float64(largest - values[target]) + math.log(np.float64(total))
        scale = share / total
        for j in range(values.size):
            gradient[j] *= scale
        gradient[target] -= share
    return loss / np.float64(rows)


@jit
def first_outside(targets, classes):
    """The first row whose target is no class, or -1."""
    for row in range(targets.size):
        if targets[row] < 0 or targets[row] >= classes:
            return row
    return -1


LADDER = (two_ops, fused)


def cross_entropy(logits: np.ndarray, targets: np.ndarray, out: np.ndarray | None = None) -> tuple[float, np.ndarray]:
    """Mean loss and its gradient. logits, out: float32 (rows, classes); targets: int64 (rows,).

    No rows: the loss is NaN, as torch's is. Raises TypeError or ValueError for arrays that do not fit, for a target
    that is no class (there is no index to ignore), and for an `out` that shares memory with the logits.
    """
    check_array("logits", logits, 2)
    check_array("targets", targets, 1, INT64)
    check_shape("targets", targets, (logits.shape[0],), "logits")
    out = output(out, logits.shape, logits=logits, targets=targets)
    if (row := first_outside(targets, logits.shape[1])) >= 0:
        raise ValueError(f"targets[{row}] is {targets[row]}, and logits has the classes 0 to {logits.shape[1] - 1}.")
    return fused(logits, targets, out), out
