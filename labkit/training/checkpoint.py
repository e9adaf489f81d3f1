"""Checkpoints: a run killed at any moment finds its last one whole.

A checkpoint is a folder `step-00000100/` with `model.safetensors`, `optimizer.safetensors` and `checkpoint.json`. It is
written under another name, flushed to the disk and then renamed, which happens entirely or not at all.
"""

import errno
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from labkit.errors import WrongUse
from labkit.training.durable import flush, replace

KEPT = 2  # the last one, and the one before it in case the disk loses the last


@dataclass
class Progress:
    """How far a run has come. losses: one a step; metrics: {"step": ..., name: value} at each evaluation.

    seconds: what the steps took, without the evaluations and checkpoints.
    """

    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    metrics: list[dict[str, float]] = field(default_factory=list)
    run: dict = field(default_factory=dict)  # what the run is: a folder of another run is not resumed


def save(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> Path:
    """Write a checkpoint and drop those before the last two. Raises WrongUse where the disk is full."""
    target = folder / f"step-{progress.step:08d}"
    partial = folder / f".partial-{progress.step:08d}-{os.getpid()}"
    try:
        _write(partial, model, optimizer, progress)
        replace(partial, target)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        if _disk_is_full(error):
            raise WrongUse(
                f"The disk that holds {folder} is full: the checkpoint of step {progress.step} was not written, the "
                "one before it is whole. Free some space and run the same cell again; it goes on from there."
            ) from error
        raise
    _forget_old(folder)
    return target


def load_latest(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, run: dict) -> Progress:
    """Restore the last whole checkpoint in place; a fresh Progress where there is none.

    Raises WrongUse where the folder belongs to another run (other model, data, seed or settings).
    """
    saved = sorted(folder.glob("step-*"))
    if not saved:
        return Progress(run=run)
    progress = Progress(**json.loads((saved[-1] / "checkpoint.json").read_text()))
    if progress.run != run:
        raise WrongUse(
            f"{folder} holds the checkpoints of another run ({_differences(progress.run, run)}). "
            "Choose another folder, or delete this one to start anew."
        )
    model.load_state_dict(load_file(saved[-1] / "model.safetensors"))
    _load_optimizer(optimizer, load_file(saved[-1] / "optimizer.safetensors"))
    return progress


def _write(partial: Path, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, partial / "model.safetensors")
    save_file(_optimizer_tensors(optimizer), partial / "optimizer.safetensors")
    (partial / "checkpoint.json").write_text(json.dumps(vars(progress)))
    for file in partial.iterdir():
        flush(file)


def _forget_old(folder: Path) -> None:
    leftovers = [path for path in folder.glob(".partial-*") if not path.name.endswith(f"-{os.getpid()}")]
    for path in [*leftovers, *sorted(folder.glob("step-*"))[:-KEPT]]:
        shutil.rmtree(path, ignore_errors=True)


def _disk_is_full(error: Exception) -> bool:
    # safetensors reports the operating system's error as text.
    return getattr(error, "errno", None) == errno.ENOSPC or "os error 28" in str(error).lower()


def _differences(there: dict, here: dict) -> str:
    names = sorted(name for name in there.keys() | here.keys() if there.get(name) != here.get(name))
    return ", ".join(f"{name}: {there.get(name)} there, {here.get(name)} here" for name in names)


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as flat names, `3.exp_avg` for the fourth parameter's first moment."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": tensor for index, entry in state.items() for name, tensor in entry.items()}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
