"""Layer normalisation against `F.layer_norm`, which has no `out`: its results go to memory that is warm."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional

from labkit import kernels
from labkit.bench.kernels.case import Case, difference
from labkit.bench.kernels.peers import onnx_node, torch_compiled

BAR = 1.4
SIZES = ((64, 256), (2048, 768), (8192, 2048))


def cases() -> Iterator[Case]:
    return (_case(*size) for size in SIZES)


def first_call() -> None:
    kernels.layer_norm(np.zeros((2, 3), np.float32), np.ones(3, np.float32), np.zeros(3, np.float32))


def _case(rows: int, cols: int) -> Case:
    draw = np.random.default_rng(0)
    x, weight, bias = (draw.standard_normal(shape, dtype=np.float32) for shape in ((rows, cols), cols, cols))
    out = np.empty_like(x)
    tensors = tuple(map(torch.from_numpy, (x, weight, bias)))

    def theirs(x, weight, bias):
        return functional.layer_norm(x, (cols,), weight, bias)

    return Case(
        f"{rows}x{cols}",
        ours=lambda: kernels.layer_norm(x, weight, bias, out=out),
        torch=lambda: theirs(*tensors),
        moved=2 * x.nbytes,
        flops=9 * x.size,  # a sum; a difference, a square, two sums; a difference, a factor, a weight, a bias
        error=lambda: difference(out, theirs(*tensors).numpy()),
        peers={
            "torch_compile": torch_compiled(theirs, *tensors),
            "onnxruntime": onnx_node("LayerNormalization", {"x": x, "weight": weight, "bias": bias}, epsilon=1e-5),
        },
    )
