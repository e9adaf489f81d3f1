"""Matrix product against `torch.mm(out=)`, which is Intel's MKL."""

from collections.abc import Iterator

import numpy as np
import torch

from labkit import kernels
from labkit.bench.kernels.case import Case, difference
from labkit.bench.kernels.peers import onnx_node, torch_compiled

BAR = 1.0
SIZES = (512, 1024, 2048)
WHY_MISSED = (
    "2 n^3 operations on 12 n^2 bytes, 85 a byte at n = 512 and more beyond: the multipliers are the limit, of which "
    "MKL and this kernel both reach 80 % and more. On a processor that MKL knows better than LLVM does, it may win."
)


def cases() -> Iterator[Case]:
    return (_case(size) for size in SIZES)


def first_call() -> None:
    kernels.matmul(np.zeros((2, 3), np.float32), np.zeros((3, 4), np.float32))


def _case(n: int) -> Case:
    a, b = np.random.default_rng(0).standard_normal((2, n, n), dtype=np.float32)
    out, theirs = np.empty_like(a), torch.empty(n, n)
    tensors = torch.from_numpy(a), torch.from_numpy(b)
    return Case(
        f"{n}x{n}x{n}",
        ours=lambda: kernels.matmul(a, b, out=out),
        torch=lambda: torch.mm(*tensors, out=theirs),
        moved=3 * a.nbytes,
        flops=2 * n**3,
        error=lambda: difference(out, theirs.numpy()),
        tolerance=1e-3,  # differences of sums of up to 2048 terms, some of them near zero
        peers={
            "torch_compile": torch_compiled(torch.mm, *tensors),
            "onnxruntime": onnx_node("MatMul", {"a": a, "b": b}),
        },
    )
