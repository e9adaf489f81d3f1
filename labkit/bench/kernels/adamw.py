"""One step of AdamW against `torch.optim.AdamW(fused=True).step()`, each on its own parameters."""

from collections.abc import Iterator
from itertools import count

import numpy as np
import torch

from labkit import kernels
from labkit.bench.kernels.case import Case, difference

BAR = 1.4
SIZES = {"100k": 100_000, "10M": 10_000_000}


def cases() -> Iterator[Case]:
    return (_case(*size) for size in SIZES.items())


def first_call() -> None:
    kernels.adamw_step(*np.zeros((4, 3), np.float32), step=1)


def _case(name: str, size: int) -> Case:
    draw = np.random.default_rng(0)
    param, grad = draw.standard_normal((2, size), dtype=np.float32)
    first, second = np.zeros_like(param), np.zeros_like(param)
    theirs = torch.from_numpy(param.copy()).requires_grad_()
    theirs.grad = torch.from_numpy(grad)
    optimizer, steps = torch.optim.AdamW([theirs], fused=True), count(1)
    return Case(
        name,
        ours=lambda: kernels.adamw_step(param, grad, first, second, next(steps)),
        torch=optimizer.step,
        moved=7 * param.nbytes,  # four arrays read, three of them written
        flops=14 * size,
        error=lambda: difference(param, theirs.detach().numpy()),
    )
