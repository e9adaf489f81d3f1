"""Cross-entropy and its gradient against `F.cross_entropy` forward and backward."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional

from labkit import kernels
from labkit.bench.kernels.case import Case, difference
from labkit.bench.kernels.peers import torch_compiled

BAR = 3.0
SIZES = ((2048, 256), (1024, 8192), (512, 50257))


def cases() -> Iterator[Case]:
    return (_case(*size) for size in SIZES)


def first_call() -> None:
    kernels.cross_entropy(np.zeros((2, 3), np.float32), np.zeros(2, np.int64))


def _case(rows: int, classes: int) -> Case:
    draw = np.random.default_rng(0)
    logits, targets = draw.standard_normal((rows, classes), dtype=np.float32), draw.integers(0, classes, rows)
    out = np.empty_like(logits)
    values, labels = torch.from_numpy(logits), torch.from_numpy(targets)
    leaf = values.requires_grad_()

    def theirs():
        loss = functional.cross_entropy(leaf, labels)
        return loss, torch.autograd.grad(loss, leaf)[0]

    def compiled(logits, targets):  # the gradient's formula: the compiler has no part in autograd here
        weights = torch.softmax(logits, 1)
        return (weights - functional.one_hot(targets, classes)) / rows

    def error() -> float:
        loss, gradient = theirs()
        mine, _ = kernels.cross_entropy(logits, targets)
        return max(abs(mine - loss.item()), rows * difference(out, gradient.numpy()))

    return Case(
        f"{rows}x{classes}",
        ours=lambda: kernels.cross_entropy(logits, targets, out=out),
        torch=theirs,
        moved=2 * logits.nbytes,
        flops=23 * logits.size,  # as a softmax; the loss is a few more a row
        error=error,
        peers={"torch_compile": torch_compiled(compiled, values.detach(), labels)},
    )
