"""Export: a torch module becomes files that answer without it, and a manifest that promises what they do."""

import contextlib
import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from labkit import __version__
from labkit.errors import WrongUse
from labkit.serving import formats as known
from labkit.serving import manifest
from labkit.serving.formats.source import Source, described
from labkit.serving.tensors import Tensor


def export(
    module: nn.Module,
    example: torch.Tensor,
    directory: Path,
    name: str,
    labels: Sequence[str] = (),
    training: dict | None = None,
    version: str = "1",
    formats: Sequence[str] = ("onnx",),
    ranges: Mapping[str, tuple[int, int]] | None = None,
) -> Path:
    """Write `module` into the model directory as `name`, and return its folder. What was there before is replaced.

    module: takes one tensor; its outputs are named by its attribute `outputs`.
    example: the input's shape and datatype; its number of rows does not matter.
    labels: the names of the classes. training: what is known of the run (steps, seed, metrics).
    formats: for which engines (`labkit.serving.formats`). ranges: the smallest and the largest integer that an input
    may hold, by its name, where its type has more.
    Raises WrongUse for a format or an input that there is not, or for a datatype that the protocol does not have.
    """
    with evaluated(module), quietly():
        writers = {kind: known.writer(kind) for kind in formats}  # before any work: what is missing is soon said
        if not writers:
            raise WrongUse(f"A model needs at least one format. Choose among: {', '.join(known.FILE_NAMES)}.")
        source = source_of(module, example)
        inputs, outputs = described(source.program(), source.inputs, source.outputs)
        inputs = narrowed(inputs, ranges or {})
        written = {kind: writer.write(source) for kind, writer in writers.items()}
    promise = manifest.Manifest(
        name=name,
        version=version,
        inputs=inputs,
        outputs=outputs,
        labels=tuple(labels),
        files={
            kind: manifest.describe(known.FILE_NAMES[kind], each.content, each.max_rows)
            for kind, each in written.items()
        },
        training=dict(training or {}),
        created_by=f"labkit {__version__}, torch {torch.__version__}",
    )
    folder = Path(directory) / name
    folder.mkdir(parents=True, exist_ok=True)
    manifest.write(promise, folder, {known.FILE_NAMES[kind]: each.content for kind, each in written.items()})
    for kind in known.FILE_NAMES.keys() - written.keys():
        (folder / known.FILE_NAMES[kind]).unlink(missing_ok=True)  # of an older export, and named by no manifest now
    return folder


def source_of(module: nn.Module, example: torch.Tensor) -> Source:
    (argument,) = inspect.signature(module.forward).parameters
    return Source(module, example, (argument,), tuple(getattr(module, "outputs", ("output",))))


def narrowed(inputs: Sequence[Tensor], ranges: Mapping[str, tuple[int, int]]) -> tuple[Tensor, ...]:
    """The inputs with their ranges."""
    names = [tensor.name for tensor in inputs]
    for name in ranges:
        if name not in names:
            raise WrongUse(f"There is no input '{name}' to have a range; this module takes '{', '.join(names)}'.")
    return tuple(
        replace(tensor, range=tuple(ranges[tensor.name])) if tensor.name in ranges else tensor for tensor in inputs
    )


@contextlib.contextmanager
def evaluated(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, and afterwards as it was."""
    was_training = module.training
    try:
        module.eval()
        yield
    finally:
        module.train(was_training)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Exporters remark on packages that this kit does not use, and on their own parts; neither concerns a student."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
