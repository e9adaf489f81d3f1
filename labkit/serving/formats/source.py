"""What every format is written from: a module in evaluation mode, and its trace.

`torch.export` runs the module once on an example, of which it knows the shapes and not the values, and records every
operation. Python's `if` and `for` have been decided by then: the example stands for all inputs, except in the first
dimension, which stays free.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from labkit.errors import WrongUse
from labkit.serving.tensors import DATATYPES, Tensor

NAMES = {dtype.name: name for name, dtype in DATATYPES.items()}  # float32 -> FP32


@dataclass(frozen=True)
class Source:
    """A module that takes one tensor. example: its input, (rows, ...). inputs, outputs: the names that clients use."""

    module: nn.Module
    example: torch.Tensor
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def batch(self, rows: int) -> torch.Tensor:
        """The example's first row, `rows` times."""
        return self.example[:1].expand(rows, *self.example.shape[1:]).contiguous()

    def program(self, rows: int = 2, most: int | None = None) -> ExportedProgram:
        """The trace on a batch of `rows` (not one: torch.export takes 1 for a constant), free from 1 row to `most`."""
        batch = Dim("batch", min=1, max=most)
        return torch.export.export(self.module, (self.batch(rows),), dynamic_shapes=({0: batch},))


@dataclass(frozen=True)
class Written:
    """A format's file. max_rows: what one call of it may have at most; 0 is any number."""

    content: bytes
    max_rows: int = 0


def described(
    program: ExportedProgram, inputs: Sequence[str], outputs: Sequence[str]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The inputs and the outputs of a trace, by the names that clients use: torch keeps only its own."""
    signature = program.graph_signature
    if len(outputs) != len(signature.user_outputs):
        raise WrongUse(
            f"The module names {len(outputs)} outputs ({', '.join(outputs)}) and gives {len(signature.user_outputs)}. "
            "Its attribute `outputs` must name each."
        )
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    given, promised = zip(inputs, signature.user_inputs, strict=True), zip(outputs, signature.user_outputs, strict=True)
    return tuple(tensor(n, values[p]) for n, p in given), tuple(tensor(n, values[p]) for n, p in promised)


def tensor(name: str, value: torch.Tensor) -> Tensor:
    """The protocol's description of a traced tensor: a size that is not a number is the batch."""
    datatype = NAMES.get(str(value.dtype).removeprefix("torch."))
    if datatype is None:
        raise WrongUse(f"'{name}' is of {value.dtype}, which the protocol does not have. Convert it in the module.")
    return Tensor(name, datatype, tuple(size if isinstance(size, int) else -1 for size in value.shape))
