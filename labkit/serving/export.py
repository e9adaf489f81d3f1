"""Export: a torch module becomes a file that answers without torch.

`torch.export` runs the module once on an example and records every operation; what comes out is a graph in ONNX with
the weights inside, one file. Python's `if` and `for` have been decided by then: the example stands for all inputs,
except in the first dimension, which stays free.
"""

import contextlib
import inspect
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx
import torch
from torch import nn

from labkit import __version__
from labkit.serving import manifest
from labkit.serving.tensors import DATATYPES, Tensor

FILE_NAME = "model.onnx"
# What torch's exporter is written in; a lower one would be a conversion, a higher one is not read everywhere.
OPSET = 18


def export(
    module: nn.Module,
    example: torch.Tensor,
    directory: Path,
    name: str,
    labels: Sequence[str] = (),
    training: dict | None = None,
    version: str = "1",
) -> Path:
    """Write `module` into the model directory as `name`, and return its folder.

    module: takes one tensor; its outputs are named by its attribute `outputs`.
    example: the input's shape and datatype; its number of rows does not matter.
    labels: the names of the classes. training: what is known of the run (steps, seed, metrics).
    """
    graph = to_onnx(module, example)
    folder = Path(directory) / name
    folder.mkdir(parents=True, exist_ok=True)
    manifest.replace(folder / FILE_NAME, graph.SerializeToString(deterministic=True))
    promise = manifest.Manifest(
        name=name,
        version=version,
        inputs=tuple(map(tensor, graph.graph.input)),
        outputs=tuple(map(tensor, graph.graph.output)),
        labels=tuple(labels),
        files={"onnx": manifest.describe(folder / FILE_NAME)},
        training=dict(training or {}),
        created_by=f"labkit {__version__}, torch {torch.__version__}",
    )
    manifest.write(promise, folder)
    return folder


def to_onnx(module: nn.Module, example: torch.Tensor) -> onnx.ModelProto:
    """The graph of a module in evaluation mode, its first dimension free in input and outputs."""
    (argument,) = inspect.signature(module.forward).parameters
    rows = example[:1].expand(2, *example.shape[1:])  # with one row, torch.export would take 1 for a constant
    was_training = module.training
    try:
        with quietly():
            program = torch.onnx.export(
                module.eval(),
                (rows,),
                dynamo=True,
                input_names=[argument],
                output_names=list(getattr(module, "outputs", ("output",))),
                dynamic_shapes={argument: {0: torch.export.Dim("batch")}},
                opset_version=OPSET,
                verbose=False,
            )
    finally:
        module.train(was_training)
    graph = program.model_proto
    forget_sources(graph)
    onnx.checker.check_model(graph)
    return graph


def tensor(value: onnx.ValueInfoProto) -> Tensor:
    """The protocol's description of a graph's input or output."""
    kind = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
    datatype = next(name for name, known in DATATYPES.items() if known == dtype)
    return Tensor(value.name, datatype, tuple(-1 if size.dim_param else size.dim_value for size in kind.shape.dim))


def forget_sources(model: onnx.ModelProto) -> None:
    """Take out what the exporter notes of where the code lay: it names the author's folders, and changes the hash."""
    for owner in (model, model.graph, *model.functions):
        owner.ClearField("metadata_props")
        owner.ClearField("doc_string")
    for graph in (model.graph, *model.functions):
        parts = [graph.node, graph.value_info]
        if isinstance(graph, onnx.GraphProto):
            parts += [graph.input, graph.output, graph.initializer]
        for part in (entry for entries in parts for entry in entries):
            part.ClearField("metadata_props")
            part.ClearField("doc_string")


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """The exporter remarks on packages that this kit does not use, and on its own parts; neither concerns a student."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
