"""PyTorch tensors and dtypes on their way: values, dtype, shape, and whether a leaf wants a gradient.

A tensor arrives contiguous and on the CPU, without its gradient and its graph. PyTorch itself is imported only where a
tensor arrives.
"""

import math
import sys
from typing import TYPE_CHECKING

import numpy as np

from labkit.grading.judge.arrays import check_size, shape_of
from labkit.grading.judge.limits import BIG, Malformed

if TYPE_CHECKING:
    import torch

    from labkit.grading.judge.reading import Reader
    from labkit.grading.judge.writing import Writer

# Quantised and sub-byte types are not here: PyTorch itself cannot copy them.
INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
FLOATS = ("float16", "bfloat16", "float32", "float64", "complex32", "complex64", "complex128")
TINY = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2")
NAMES = frozenset({"bool", *INTEGERS, *FLOATS, *TINY})


def write_dtype(out: "Writer", dtype: "torch.dtype", depth: int) -> list:
    """["Y", name]"""
    name = str(dtype).removeprefix("torch.")
    return ["Y", name] if name in NAMES else out.foreign(dtype)


def read_dtype(source: "Reader", node: list, depth: int) -> "torch.dtype":
    """The dtype again."""
    (name,) = source.parts(node, 1)
    return _dtype(name)


def _dtype(name: object) -> "torch.dtype":
    import torch

    dtype = getattr(torch, name, None) if type(name) is str and name in NAMES else None
    if dtype is None:
        raise Malformed("no dtype of a tensor that can cross")
    return dtype


def write_tensor(out: "Writer", tensor: "torch.Tensor", depth: int) -> list:
    """["T", dtype, shape, requires_grad], and its bytes."""
    torch = sys.modules["torch"]
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        name = str(tensor.dtype).removeprefix("torch.")
        if name not in NAMES or tensor.layout is not torch.strided or tensor.is_nested or tensor.device.type == "meta":
            return out.foreign(tensor)
        shape = list(tensor.shape)
        check_size(tuple(shape), tensor.dtype.itemsize, out)  # an expanded tensor is small only until it is copied
        wanted = tensor.requires_grad and tensor.is_leaf
        plain = tensor.as_subclass(torch.Tensor).detach().cpu().resolve_conj().resolve_neg().contiguous()
        row = plain.as_strided((plain.numel(),), (1,))  # not reshape: a single number may keep any stride
        out.payload(memoryview(row.view(torch.uint8).numpy()) if plain.numel() else b"")
    return ["T", name, shape, wanted]


def read_tensor(source: "Reader", node: list, depth: int) -> "torch.Tensor":
    """The tensor again, contiguous and on the CPU."""
    import torch

    name, shape, wanted = source.parts(node, 3)
    dtype, shape = _dtype(name), shape_of(shape, source)
    check_size(shape, dtype.itemsize, source)
    differentiable = dtype.is_floating_point or dtype.is_complex
    if type(wanted) is not bool or (wanted and not differentiable):
        raise Malformed("a tensor that cannot have a gradient wants one")
    count = math.prod(shape) * dtype.itemsize
    data = source.take(count)
    if count == 0:
        return torch.empty(shape, dtype=dtype, requires_grad=wanted)
    if count < BIG or data.readonly:
        data = memoryview(bytearray(data))
    if dtype is torch.bool and np.frombuffer(data, np.uint8).max() > 1:
        raise Malformed("a bool that is neither true nor false")
    tensor = torch.frombuffer(data, dtype=torch.uint8).view(dtype).reshape(shape)
    # A small one owns its memory, like any other tensor: it can be resized.
    tensor = tensor.clone() if count < BIG else tensor
    return tensor.requires_grad_(wanted) if wanted else tensor
