"""Bias and GELU in one against `F.gelu(x + bias, approximate="tanh")`."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional

from labkit import kernels
from labkit.bench.kernels.case import Case, difference
from labkit.bench.kernels.peers import onnx_model, onnx_session, torch_compiled

BAR = 4.0
SIZES = ((64, 1024), (2048, 3072))


def cases() -> Iterator[Case]:
    return (_case(*size) for size in SIZES)


def first_call() -> None:
    kernels.bias_gelu(np.zeros((2, 3), np.float32), np.zeros(3, np.float32))


def _case(rows: int, cols: int) -> Case:
    draw = np.random.default_rng(0)
    x, bias = (draw.standard_normal(shape, dtype=np.float32) for shape in ((rows, cols), cols))
    out = np.empty_like(x)
    tensors = torch.from_numpy(x), torch.from_numpy(bias)
    steps = [("Add", ["x", "bias"], "v", {}), ("Gelu", ["v"], "y", {"approximate": "tanh"})]

    def theirs(x, bias):
        return functional.gelu(x + bias, approximate="tanh")

    return Case(
        f"{rows}x{cols}",
        ours=lambda: kernels.bias_gelu(x, bias, out=out),
        torch=lambda: theirs(*tensors),
        moved=2 * x.nbytes,
        flops=27 * x.size,  # a bias, five for the exponent, 19 for the exponential, a sum, a division
        error=lambda: difference(out, theirs(*tensors).numpy()),
        peers={
            "torch_compile": torch_compiled(theirs, *tensors),
            "onnxruntime": onnx_session(onnx_model(steps, {"x": x, "bias": bias}), {"x": x, "bias": bias}),
        },
    )
