"""A run that survives the death of a rank: torchrun starts all ranks anew, and they go on from the last checkpoint.

    TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 torchrun --standalone --max-restarts 2 --nproc-per-node 2 script.py

    for number in steps(folder, optimizer.state(), until=100, every=10):
        loss(model, batches[number]).backward()
        optimizer.step()

The losses are those of a run that nothing disturbed if batch `number` depends on the number alone, and the script has
called `torch.manual_seed` before `ranks`: a rank may die before the first checkpoint.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from labkit.errors import WrongUse
from labkit.parallel.checkpoint import Piece, resume, save
from labkit.parallel.work import step


def steps(folder: Path | str, state: Mapping[str, Piece], until: int, every: int = 1) -> Iterator[int]:
    """The numbers of the steps still to make, the last one until - 1; saves after each `every` of them and the last.

    Begins with the newest whole checkpoint in the folder. state: what `labkit.parallel.checkpoint.save` takes. Raises
    WrongUse.
    """
    if every < 1:
        raise WrongUse(f"every={every} is the number of steps from one checkpoint to the next: at least 1.")
    _check_store()
    for number in range(resume(folder, state), until):
        step(number)
        yield number
        if (number + 1) % every == 0 or number + 1 == until:
            save(folder, number + 1, state)


def _check_store() -> None:
    restarts = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0"))
    if restarts > 0 and os.environ.get("TORCH_DISABLE_SHARE_RDZV_TCP_STORE") != "1":
        raise WrongUse(
            "Ranks that torchrun restarts would read the addresses of the dead ones (pytorch #135712): start torchrun "
            "with TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in its environment."
        )
