"""One step of AdamW, fused and in place.

m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  p = (1 - lr wd) p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)

28 bytes a parameter have to move: four arrays read, three of them written. Beyond the caches that is all there is to
win; step by step, with arrays between, it is 44 and more. The ladder: `reference` -> `in_steps` -> `fused`.
"""

import math

import numpy as np
from numba import prange

from labkit.kernels.arguments import FLOAT32, all_plain, apart, check_apart, check_array, check_shape, check_writable
from labkit.kernels.jit import DOES_NOT_FIT, door, jit


def reference(param, grad, exp_avg, exp_avg_sq, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
    """The oracle (Loshchilov & Hutter 2019, algorithm 2). Returns new param, exp_avg, exp_avg_sq in float64."""
    param, grad, exp_avg, exp_avg_sq = (np.asarray(a, np.float64) for a in (param, grad, exp_avg, exp_avg_sq))
    b1, b2 = betas
    exp_avg = b1 * exp_avg + (1 - b1) * grad
    exp_avg_sq = b2 * exp_avg_sq + (1 - b2) * grad**2
    update = (exp_avg / (1 - b1**step)) / (np.sqrt(exp_avg_sq / (1 - b2**step)) + eps)
    return (1 - lr * weight_decay) * param - lr * update, exp_avg, exp_avg_sq


@jit
def in_steps(param, grad, exp_avg, exp_avg_sq, b1, new, b2, new_sq, keep, rate, inverse_root, eps):
    """A step for whole arrays at a time, as array libraries do: each loop reads and writes memory again."""
    for i in range(param.size):
        exp_avg[i] = exp_avg[i] * b1 + new * grad[i]
    for i in range(param.size):
        exp_avg_sq[i] = exp_avg_sq[i] * b2 + new_sq * grad[i] * grad[i]
    denominator = np.empty_like(param)
    for i in range(param.size):
        denominator[i] = np.sqrt(exp_avg_sq[i]) * inverse_root + eps
    for i in range(param.size):
        param[i] = param[i] * keep - rate * exp_avg[i] / denominator[i]


@jit(parallel=True)
def fused(param, grad, exp_avg, exp_avg_sq, b1, new, b2, new_sq, keep, rate, inverse_root, eps):
    """Everything about a parameter while it is in a register. All arrays: (n,)."""
    for i in prange(param.size):
        g = grad[i]
        m = b1 * exp_avg[i] + new * g
        v = b2 * exp_avg_sq[i] + new_sq * g * g
        exp_avg[i] = m
        exp_avg_sq[i] = v
        param[i] = keep * param[i] - rate * m / (np.sqrt(v) * inverse_root + eps)


@door(f"b1({'f4[::1], ' * 4}{', '.join(['f8'] * 8)})")
def quick(param, grad, exp_avg, exp_avg_sq, b1, new, b2, new_sq, keep, rate, inverse_root, eps):
    if not param.size == grad.size == exp_avg.size == exp_avg_sq.size:
        return False
    if not (apart(param, grad) and apart(param, exp_avg) and apart(param, exp_avg_sq)):
        return False
    if not (apart(exp_avg, grad) and apart(exp_avg, exp_avg_sq) and apart(exp_avg_sq, grad)):
        return False
    f4 = np.float32
    scalars = f4(b1), f4(new), f4(b2), f4(new_sq), f4(keep), f4(rate), f4(inverse_root), f4(eps)
    fused(param, grad, exp_avg, exp_avg_sq, *scalars)
    return True


LADDER = (in_steps, fused)


def adamw_step(
    param: np.ndarray,
    grad: np.ndarray,
    exp_avg: np.ndarray,
    exp_avg_sq: np.ndarray,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
) -> None:
    """Update param, exp_avg and exp_avg_sq in place. All: float32, C-contiguous, of one shape. step: 1 for the first.

    Raises TypeError or ValueError for arrays that do not fit or share memory, and for a step or beta out of range.
    """
    scalars = factors(step, lr, betas, eps, weight_decay)
    try:
        if all_plain(param, grad, exp_avg, exp_avg_sq) and quick.run(param, grad, exp_avg, exp_avg_sq, *scalars):
            return
    except DOES_NOT_FIT:
        pass
    arrays = {"param": param, "grad": grad, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
    _check_arrays(arrays)
    fused(*(array.reshape(-1) for array in arrays.values()), *map(np.float32, scalars))


def factors(step: int, lr: float, betas: tuple[float, float], eps: float, weight_decay: float) -> tuple:
    """The scalar arguments of the rungs, in float64: in float32, 1 - 0.999 would be off by 1e-5."""
    b1, b2 = betas
    if step < 1:
        raise ValueError(f"step is {step}; the first step is 1.")
    if not (0 <= b1 < 1 and 0 <= b2 < 1):
        raise ValueError(f"betas are {betas}; both are at least 0 and below 1.")
    keep, rate, inverse_root = 1 - lr * weight_decay, lr / (1 - b1**step), 1 / math.sqrt(1 - b2**step)
    return b1, 1 - b1, b2, 1 - b2, keep, rate, inverse_root, eps


def _check_arrays(arrays: dict[str, np.ndarray]) -> None:
    param = arrays["param"]
    written = ("param", "exp_avg", "exp_avg_sq")
    for name, array in arrays.items():
        check_array(name, array, getattr(param, "ndim", 1), FLOAT32)
        check_shape(name, array, param.shape, "param")
    for name in written:
        check_writable(name, arrays[name])
        check_apart(name, arrays[name], **{other: array for other, array in arrays.items() if other != name})
