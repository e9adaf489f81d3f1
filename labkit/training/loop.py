"""The training loop of every notebook: draw a batch, measure the loss, step downhill; remember how it went.

Batch `step` is a pure function of the seed and the step, and a checkpoint holds all else that changes. So a run that
was killed and resumed goes through the same losses as one that was not.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Protocol

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from labkit.errors import WrongUse
from labkit.training import checkpoint
from labkit.training.checkpoint import Progress

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]
Evaluation = Callable[[nn.Module], dict[str, float]]


class Batched(Protocol):
    """Anything that gives batch number `step` when it is asked for it, and the same one when asked again."""

    def __getitem__(self, step: int) -> Sequence[Tensor]: ...


def train(
    model: nn.Module,
    batches: Batched,
    loss: Loss,
    steps: int,
    lr: float = 1e-3,
    evaluate: Evaluation | None = None,
    every: int = 100,
    folder: Path | None = None,
    progress_bar: bool = True,
) -> Progress:
    """Train in place with AdamW for `steps` steps in all, and return the losses and metrics.

    evaluate(model) is asked each `every` steps and at the end. With a `folder` a checkpoint is written at the same
    moments, and the run goes on from the last one it finds there. Raises WrongUse where the folder holds another run or
    a longer one, FloatingPointError where the loss is no longer a number.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    done = Progress(run=describe(model, batches, lr))
    if folder is not None:
        done = checkpoint.load_latest(folder, model, optimizer, done.run)
    if done.step > steps:
        raise WrongUse(
            f"{folder} holds {done.step} steps already, and {steps} are asked for: "
            "ask for more, or choose another folder."
        )
    bar = tqdm(total=steps, initial=done.step, desc="training", unit=" steps", disable=not progress_bar)
    try:
        while done.step < steps:
            start = perf_counter()
            _one_step(model, batches, loss, optimizer, done)
            done.seconds += perf_counter() - start
            bar.update()
            if done.step % every == 0 or done.step == steps:
                _look(model, evaluate, done, bar)
                if folder is not None:
                    checkpoint.save(folder, model, optimizer, done)
    finally:
        bar.close()
        model.eval()
    return done


def describe(model: nn.Module, batches: Batched, lr: float) -> dict:
    """What makes two runs the same run: compared before a checkpoint is resumed."""
    settings = {name: getattr(batches, name) for name in ("batch", "time", "seed") if hasattr(batches, name)}
    sizes = [list(parameter.shape) for parameter in model.parameters()]
    return {"model": type(model).__name__, "shapes": sizes, "lr": lr, **settings}


def _one_step(model: nn.Module, batches: Batched, loss: Loss, optimizer: torch.optim.Optimizer, done: Progress) -> None:
    model.train()
    value = loss(model, *batches[done.step])
    if not torch.isfinite(value):
        raise FloatingPointError(
            f"The loss is {value.item()} at step {done.step}: try a learning rate smaller than {done.run['lr']}."
        )
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    done.step += 1
    done.losses.append(value.item())


def _look(model: nn.Module, evaluate: Evaluation | None, done: Progress, bar: tqdm) -> None:
    if evaluate is None:
        return
    model.eval()
    metrics = evaluate(model)
    done.metrics.append({"step": done.step, **metrics})
    bar.set_postfix(metrics)
