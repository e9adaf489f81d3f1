"""Layer normalisation's gradients against `aten.native_layer_norm_backward`, which is given mean and deviation."""

from collections.abc import Iterator

import numpy as np
import torch

from labkit import kernels
from labkit.bench.kernels.case import Case, difference
from labkit.bench.kernels.layer_norm import SIZES

BAR = 1.2


def cases() -> Iterator[Case]:
    return (_case(*size) for size in SIZES)


def first_call() -> None:
    x = np.zeros((2, 3), np.float32)
    kernels.layer_norm_backward(x, x, np.ones(3, np.float32))


def _case(rows: int, cols: int) -> Case:
    draw = np.random.default_rng(0)
    grad, x, weight = (draw.standard_normal(shape, dtype=np.float32) for shape in ((rows, cols), (rows, cols), cols))
    out = np.empty_like(x), np.empty_like(weight), np.empty_like(weight)
    grads, values, weights = map(torch.from_numpy, (grad, x, weight))
    _, mean, rstd = torch.native_layer_norm(values, (cols,), weights, torch.zeros(cols), 1e-5)

    def theirs():
        return torch.ops.aten.native_layer_norm_backward(
            grads, values, (cols,), mean, rstd, weights, torch.zeros(cols), [True, True, True]
        )

    return Case(
        f"{rows}x{cols}",
        ours=lambda: kernels.layer_norm_backward(grad, x, weight, out=out),
        torch=theirs,
        moved=3 * x.nbytes,
        flops=23 * x.size,  # the statistics once more, two sums of products, three gradients
        error=lambda: max(difference(mine, other.numpy()) for mine, other in zip(out, theirs(), strict=True)),
        tolerance=1e-3,  # sums of thousands of rows, in another order
    )
