"""Checkpoints of a run on many ranks, which load at another number of ranks: `save`, `load`, `latest`, `resume`.

`pieces` says which elements a rank holds, `planner` tells torch.distributed.checkpoint, `files` keeps whole
checkpoints apart from half-written ones.

The ranks save their shards as they are, and never gather them: gathered, the whole state would have to fit one rank,
which under ZeRO it may not, and one rank would write what n can write at once.
"""

from labkit.parallel.checkpoint.files import latest, load, resume, save
from labkit.parallel.checkpoint.pieces import Piece, replicated

__all__ = ["Piece", "latest", "load", "replicated", "resume", "save"]
