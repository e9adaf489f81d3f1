"""Many ranks in a notebook, and the hardware that they seem to run on.

`launch` starts them, `processes/` is their life and their end. `hardware/` is what they seem to run on: a plan as
data, and what carries it out. `link` is how they talk, over `gloo`; `timeline` is what each did. On top of `link`:
`collectives`, `data_parallel`, `zero`, `checkpoint`.

Importing this imports no torch: the first `ranks` does.
"""

import importlib

from labkit.parallel.hardware.device import Device
from labkit.parallel.launch import ranks
from labkit.parallel.processes.failures import Deadlock, RankFailed, RanksStopped, RanksTimeout
from labkit.parallel.timeline import Timeline
from labkit.parallel.work import compute, step

__all__ = [
    "Deadlock",
    "Device",
    "RankFailed",
    "RanksStopped",
    "RanksTimeout",
    "Timeline",
    "compute",
    "link",
    "ranks",
    "step",
]


def __getattr__(name: str):
    if name == "link":  # it needs torch
        return importlib.import_module("labkit.parallel.link")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell) -> None:
    """`%load_ext labkit.parallel` brings the cell magic `%%ranks n`."""
    from labkit.parallel import magic

    magic.load_ipython_extension(shell)
