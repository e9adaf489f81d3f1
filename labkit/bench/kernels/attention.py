"""Causal attention against `F.scaled_dot_product_attention(is_causal=True)`, which has no `out`."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional

from labkit import kernels
from labkit.bench.kernels.case import Case, difference
from labkit.bench.kernels.peers import torch_compiled

BAR = 1.0
SIZES = ((1, 32, 256, 32), (1, 12, 1024, 64), (1, 8, 2048, 64))
WHY_MISSED = (
    "A pair of query and key costs 4 head_dim operations in the two products and some 20 for its exponential: with a "
    "head_dim of 32 that is a seventh of the work, and an exponential is no chain of multiply-adds as a tile is."
)


def cases() -> Iterator[Case]:
    return (_case(*size) for size in SIZES)


def first_call() -> None:
    kernels.attention(*np.zeros((3, 1, 1, 2, 4), np.float32))


def _case(batch: int, heads: int, time: int, head_dim: int) -> Case:
    q, k, v = np.random.default_rng(0).standard_normal((3, batch, heads, time, head_dim), dtype=np.float32)
    out, tensors = np.empty_like(q), [torch.from_numpy(each) for each in (q, k, v)]
    pairs = batch * heads * time * (time + 1) // 2  # of a query and a key that it sees
    later = torch.full((time, time), -torch.inf).triu(1)

    def theirs(q, k, v):
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    def formula(q, k, v):
        return torch.softmax(q @ k.transpose(-1, -2) / head_dim**0.5 + later, -1) @ v

    return Case(
        f"{batch}x{heads}x{time}x{head_dim}",
        ours=lambda: kernels.attention(q, k, v, out=out),
        torch=lambda: theirs(*tensors),
        moved=4 * q.nbytes,
        flops=pairs * (4 * head_dim + 20),  # two products; a maximum, a difference, an exponential, a sum
        error=lambda: difference(out, theirs(*tensors).numpy()),
        peers={"formula": lambda: formula(*tensors), "torch_compile": torch_compiled(formula, *tensors)},
    )
