"""Checkpoints on disk: a folder `step-00000100/` each, which is there whole or not at all.

All ranks write into `.partial-00000100/`; when all are done and the disk has it, rank 0 renames it. A run that is
killed at any moment leaves a partial one, which nobody takes for a checkpoint and the next `save` clears away. Ranks
on several hosts need a folder that all of them see.
"""

import contextlib
import pickle
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint.metadata import Metadata

from labkit.errors import WrongUse
from labkit.parallel.checkpoint.pieces import Piece
from labkit.parallel.checkpoint.planner import LoadPieces, SavePieces
from labkit.training.durable import flush, replace

KEPT = 2  # the last one, and the one before it in case the disk loses the last


def save(folder: Path | str, step: int, state: Mapping[str, Piece]) -> Path:
    """Write the checkpoint after `step` steps, together with all ranks, and drop those before the last two.

    state: `replicated(model, optimizer)`, or the `state()` of a ZeRO stage. The random-number generator of each rank
    goes with it. Returns the checkpoint's folder.
    """
    partial, target = (Path(folder) / f"{kind}-{step:08d}" for kind in (".partial", "step"))
    if _rank() == 0:
        _clear(partial)
    _barrier()
    everything = {**state, "step": _whole(step), _randomness(): Piece.whole(torch.get_rng_state())}
    writer = dcp.FileSystemWriter(partial, single_file_per_rank=True, sync_files=True)
    with _alone_or_not():
        dcp.save(_values(everything), storage_writer=writer, planner=SavePieces(everything))
    if _rank() == 0:
        flush(partial)
        replace(partial, target)
        _forget_old(target.parent)
    _barrier()
    return target


def load(checkpoint: Path | str, state: Mapping[str, Piece]) -> int:
    """Fill `state` from a checkpoint that any number of ranks has saved. Returns how many steps had been made.

    Each rank's random-number generator goes on too where as many ranks saved it; at another number it stays as it is.
    Raises WrongUse where there is no whole checkpoint, or one of another model. Reads pickles: load only your own.
    """
    checkpoint = Path(checkpoint)
    saved = _metadata(checkpoint)
    if saved is None:
        raise WrongUse(f"There is no whole checkpoint in {checkpoint}: `latest(folder)` finds the newest one there is.")
    step, randomness = _whole(0), Piece.whole(torch.get_rng_state())
    everything = {**state, "step": step}
    if _randomness() in saved.state_dict_metadata:
        everything[_randomness()] = randomness
    _compare(checkpoint, everything, saved)
    reader = dcp.FileSystemReader(checkpoint)
    with _alone_or_not():
        dcp.load(_values(everything), storage_reader=reader, planner=LoadPieces(everything))
    torch.set_rng_state(randomness.values)
    return int(step.values)


def latest(folder: Path | str) -> Path | None:
    """The newest whole checkpoint in a folder; None where there is none."""
    return next((path for path in reversed(_in_order(folder)) if _metadata(path)), None)


def resume(folder: Path | str, state: Mapping[str, Piece]) -> int:
    """Load the newest whole checkpoint. Returns how many steps had been made; 0, and nothing changed, without one."""
    newest = latest(folder)
    return 0 if newest is None else load(newest, state)


def _metadata(checkpoint: Path) -> Metadata | None:
    """What a checkpoint says that it holds; None where its files do not hold that much: a copy that broke off."""
    try:
        metadata = dcp.FileSystemReader(checkpoint).read_metadata()
        sizes = {path.name: path.stat().st_size for path in checkpoint.iterdir()}
    except (OSError, EOFError, pickle.UnpicklingError):
        return None
    parts = metadata.storage_data.values()
    whole = all(part.offset + part.length <= sizes.get(part.relative_path, -1) for part in parts)
    return metadata if whole else None


def _compare(checkpoint: Path, state: Mapping[str, Piece], saved: Metadata) -> None:
    lengths = {name: entry.size[0] for name, entry in saved.state_dict_metadata.items()}
    for name, piece in state.items():
        if lengths.get(name) != piece.length:
            there = f"{lengths[name]} elements" if name in lengths else "none"
            raise WrongUse(
                f"{checkpoint} is of another run: of {name} it has {there}, this run {piece.length} elements. Build "
                "the model that was saved, or choose another folder."
            )


def _whole(number: int) -> Piece:
    return Piece.whole(torch.tensor([number]))


def _values(state: Mapping[str, Piece]) -> dict[str, Tensor]:
    return {name: piece.values for name, piece in state.items()}


def _randomness() -> str:
    return f"random numbers/rank {_rank()} of {dist.get_world_size() if dist.is_initialized() else 1}"


def _rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def _barrier() -> None:
    if dist.is_initialized():
        dist.barrier()


@contextlib.contextmanager
def _alone_or_not() -> Iterator[None]:
    """A single process without a group is no reason for a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled, unavailable or uninitialized")
        yield


def _clear(partial: Path) -> None:
    """No file of a run that was killed may stay in it: its ranks may have been more."""
    for leftover in partial.parent.glob(".partial-*"):
        shutil.rmtree(leftover)
    partial.mkdir(parents=True)


def _forget_old(folder: Path) -> None:
    for path in _in_order(folder)[:-KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def _in_order(folder: Path | str) -> list[Path]:
    steps = [path for path in Path(folder).glob("step-*") if path.name.removeprefix("step-").isdigit()]
    return sorted(steps, key=lambda path: int(path.name.removeprefix("step-")))
