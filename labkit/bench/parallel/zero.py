"""ZeRO: the bytes of state that a rank holds after a step, against the paper's formula for its stage."""

from collections.abc import Callable

import torch

from labkit.models.gpt import Gpt, GptConfig, next_token_loss
from labkit.parallel import ranks
from labkit.parallel.zero import Stage1, Stage2, Stage3, formula

SHAPE = GptConfig(vocabulary=80, time=64, layers=2, heads=2, width=64)  # 109,312 parameters
STAGES: dict[int, Callable[[Gpt], Stage1 | Stage2 | Stage3]] = {
    1: Stage1,
    2: Stage2,
    3: lambda model: Stage3(model, model.blocks),
}


def bytes_error() -> tuple[float, list[dict]]:
    """The largest relative error of any rank, for each stage on 2, 3 and 4 ranks. A row for each."""
    rows = [_row(stage, n) for stage in STAGES for n in (2, 3, 4)]
    return max(row["error"] for row in rows), rows


def _row(stage: int, n: int) -> dict:
    held = ranks(lambda: _held(stage), n)
    expected = formula(_parameters(), n, stage)
    farthest = max(held, key=lambda size: abs(size - expected))
    error = abs(farthest / expected - 1)
    return {"stage": stage, "ranks": n, "bytes": farthest, "formula": expected, "error": error}


def _held(stage: int) -> int:
    """On each rank."""
    model = Gpt(SHAPE)
    optimizer = STAGES[stage](model)
    tokens = torch.zeros(1, SHAPE.time, dtype=torch.int64)
    next_token_loss(model, tokens, tokens).backward()
    optimizer.step()
    return optimizer.state_bytes().total


def _parameters() -> int:
    return sum(parameter.numel() for parameter in Gpt(SHAPE).parameters())
