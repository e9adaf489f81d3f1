"""Engines: what computes an answer from a model's file.

An engine is small enough to be exchanged: it reads one format, says what the graph takes and gives, and infers. That is
all the server knows of it, so that another one, in another language even, can stand in its place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from labkit.errors import WrongUse
from labkit.serving import manifest
from labkit.serving.tensors import Tensor


class Engine(Protocol):
    """One loaded graph. Its inputs and outputs are what the graph itself says, not what the manifest promises."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def infer(self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> dict[str, np.ndarray]: ...


class OnnxRuntime:
    """The ONNX Runtime on one thread."""

    TYPES = {"float": "FP32", "double": "FP64", "float16": "FP16"} | {
        f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
    }

    def __init__(self, path: Path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # One thread, asleep when idle: a pool that spins for work takes the core from its neighbours, itself included.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs = tuple(map(self._tensor, self.session.get_inputs()))
        self.outputs = tuple(map(self._tensor, self.session.get_outputs()))

    def _tensor(self, promised) -> Tensor:
        # "tensor(float)" -> FP32; a dimension with a name instead of a size is the batch.
        element = promised.type.removeprefix("tensor(").removesuffix(")")
        shape = tuple(size if isinstance(size, int) else -1 for size in promised.shape)
        return Tensor(promised.name, self.TYPES.get(element, promised.type), shape)

    def infer(self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> dict[str, np.ndarray]:
        return dict(zip(outputs, self.session.run(list(outputs), dict(inputs)), strict=True))


class Torch:
    """torch itself on one thread, operation by operation: what the model would cost without an engine of its own.

    Only for files of your own: where torch cannot read a part of such a file as data, it reads it as a pickle, and a
    pickle is a program. No hash in the manifest beside it helps against that.
    """

    def __init__(self, path: Path):
        import torch

        from labkit.serving.formats import source, torch_file

        program, names = torch_file.read(path)
        self.inputs, self.outputs = source.described(program, names["inputs"], names["outputs"])
        self.torch, self.run = torch, program.module()

    def infer(self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> dict[str, np.ndarray]:
        threads = self.torch.get_num_threads()
        self.torch.set_num_threads(1)  # for this answer only: the process may be a notebook with a training of its own
        try:
            with self.torch.inference_mode():
                answers = self.run(*(self.torch.from_numpy(inputs[tensor.name]) for tensor in self.inputs))
        finally:
            self.torch.set_num_threads(threads)
        answers = answers if isinstance(answers, tuple) else (answers,)
        named = {tensor.name: answer.numpy() for tensor, answer in zip(self.outputs, answers, strict=True)}
        return {name: named[name] for name in outputs}


@dataclass(frozen=True)
class Kind:
    """An engine that can be asked for by name: the format that it reads, and how it is opened."""

    format: str
    open: Callable[[Path], Engine]


ENGINES = {"onnxruntime": Kind("onnx", OnnxRuntime), "torch": Kind("torch", Torch)}


@dataclass(frozen=True)
class Model:
    """A model ready to answer."""

    manifest: manifest.Manifest
    engine: Engine
    platform: str

    def infer(self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """Arrays by the names of the outputs; all of them where none is named."""
        return self.engine.infer(inputs, outputs or [tensor.name for tensor in self.manifest.outputs])


def kind_named(engine: str) -> Kind:
    if engine not in ENGINES:
        raise WrongUse(f"There is no engine '{engine}'. Choose one of: {', '.join(ENGINES)}.")
    return ENGINES[engine]


def load(folder: Path, engine: str = "onnxruntime") -> Model:
    """Open one model's folder. Raises WrongUse where its files are not what its manifest says."""
    kind = kind_named(engine)
    promised = manifest.read(folder)
    if kind.format not in promised.files:
        raise WrongUse(
            f"{engine} reads {kind.format}, and {folder} has only {', '.join(promised.files) or 'a manifest'}. "
            "Export the model for this engine, or choose another."
        )
    path = Path(folder) / promised.files[kind.format].name
    try:
        opened = kind.open(path)
    except Exception as error:  # every engine has its own kind of error for a file that it cannot read
        raise WrongUse(f"{engine} cannot read {path}: {first_line(error)}. {manifest.AGAIN}") from error
    for direction in ("inputs", "outputs"):
        check_agreement(direction, getattr(opened, direction), getattr(promised, direction), path)
    return Model(promised, opened, f"{engine}_{kind.format}")


def load_all(directory: Path, engine: str = "onnxruntime") -> dict[str, Model]:
    """Every model of a model directory by name. A directory that is itself a model counts as one."""
    kind_named(engine)
    models = [load(folder, engine) for folder in model_folders(directory)]
    return {model.manifest.name: model for model in models}


def model_folders(directory: Path) -> list[Path]:
    """The folders of the models in a model directory, which may itself be one. Raises WrongUse where there is none."""
    directory = Path(directory)
    if not directory.is_dir():
        raise WrongUse(f"There is no model directory {directory}. `labkit serve export-example DIR` writes one.")
    if (directory / manifest.FILE_NAME).is_file():
        return [directory]
    folders = sorted(entry for entry in directory.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not folders:
        raise WrongUse(f"{directory} holds no model. `labkit serve export-example DIR` writes two.")
    return folders


def check_agreement(direction: str, actual: Sequence[Tensor], promised: Sequence[Tensor], path: Path) -> None:
    # Without their ranges, of which a graph says nothing.
    if sorted(map(interface, actual)) != sorted(map(interface, promised)):
        raise WrongUse(
            f"The manifest beside {path} promises {direction} {listed(promised)}, but the graph has {listed(actual)}. "
            f"{manifest.AGAIN}"
        )


def interface(tensor: Tensor) -> tuple[str, str, tuple[int, ...]]:
    return tensor.name, tensor.datatype, tensor.shape


def listed(tensors: Sequence[Tensor]) -> str:
    return "; ".join(f"{tensor.name} {tensor.datatype} {list(tensor.shape)}" for tensor in tensors) or "none"


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
