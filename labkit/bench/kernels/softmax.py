"""Row softmax against `torch.softmax(x, -1, out=)`."""

from collections.abc import Iterator

import numpy as np
import torch

from labkit import kernels
from labkit.bench.kernels.case import Case, difference
from labkit.bench.kernels.peers import onnx_node, torch_compiled

BAR = 1.4
SIZES = ((64, 128), (4096, 256), (2048, 4096))


def cases() -> Iterator[Case]:
    return (_case(*size) for size in SIZES)


def first_call() -> None:
    kernels.softmax(np.zeros((2, 3), np.float32))


def _case(rows: int, cols: int) -> Case:
    x = np.random.default_rng(0).standard_normal((rows, cols), dtype=np.float32)
    out, theirs = np.empty_like(x), np.empty_like(x)
    tensor, tensor_out = torch.from_numpy(x), torch.from_numpy(theirs)
    return Case(
        f"{rows}x{cols}",
        ours=lambda: kernels.softmax(x, out=out),
        torch=lambda: torch.softmax(tensor, -1, out=tensor_out),
        moved=2 * x.nbytes,
        flops=23 * x.size,  # a maximum, a difference, 19 for the exponential, a sum, a product
        error=lambda: difference(out, theirs),
        peers={
            "torch_compile": torch_compiled(lambda x: torch.softmax(x, -1), tensor),
            "onnxruntime": onnx_node("Softmax", {"x": x}, axis=-1),
        },
    )
