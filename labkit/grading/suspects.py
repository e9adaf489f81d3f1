"""Problem set 07: steps of a data-parallel worker, each with one fault. Which one a student meets comes from the name.

Hunt before you read on: knowing it spoils the hunt.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from labkit.grading.seeds import dice
from labkit.grading.workers import Step
from labkit.parallel import link
from labkit.parallel.collectives import ring_all_reduce

FAULTS = {
    "sum": "the gradients are added up, and never divided",
    "mean of means": "every rank's mean weighs the same, however many rows are behind it",
    "left out": "a part of the gradients stays each rank's own",
    "late": "the gradients that are applied are those of the step before",
    "weights": "the weights are averaged after each rank's own step, and not the gradients before it",
}


def over_all(rows: int, loss: Tensor) -> tuple[float, float]:
    """The rows of all ranks, and the mean loss over them. loss: the mean over this rank's."""
    told = ring_all_reduce(torch.tensor([rows, loss.item() * rows], dtype=torch.float64))
    return told[0].item(), told[1].item() / told[0].item()


def suspect_a(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> float:
    """A step of this rank with its rows."""
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    rows, mean = over_all(len(x), loss)
    share = len(x) / (rows / link.size())
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad *= share
            ring_all_reduce(parameter.grad)
    optimizer.step()
    return mean


def suspect_b(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> float:
    """A step of this rank with its rows."""
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    _, mean = over_all(len(x), loss)
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad /= link.size()
            ring_all_reduce(parameter.grad)
    optimizer.step()
    return mean


def suspect_c(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> float:
    """A step of this rank with its rows; gradients travel together, a kilobyte or more at a time."""
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    rows, mean = over_all(len(x), loss)
    bucket: list[Tensor] = []
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad *= len(x) / rows
            bucket.append(parameter.grad)
        if sum(gradient.nbytes for gradient in bucket) >= 1024:
            for gradient in bucket:
                ring_all_reduce(gradient)
            bucket = []
    optimizer.step()
    return mean


def suspect_d(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> float:
    """A step of this rank with its rows; what travels was computed before, so that nobody has to wait for it."""
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    rows, mean = over_all(len(x), loss)
    learns = [parameter for parameter in model.parameters() if parameter.grad is not None]
    mine = [parameter.grad * (len(x) / rows) for parameter in learns]
    travel = getattr(optimizer, "travel", None) or [gradient.clone() for gradient in mine]
    for parameter, gradient in zip(learns, travel, strict=True):
        parameter.grad = ring_all_reduce(gradient)
    optimizer.step()
    optimizer.travel = mine
    return mean


def suspect_e(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> float:
    """A step of this rank with its rows."""
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    rows, mean = over_all(len(x), loss)
    optimizer.step()
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data *= len(x) / rows
            ring_all_reduce(parameter.data)
    return mean


SUSPECTS: dict[str, Step] = dict(zip(FAULTS, (suspect_a, suspect_b, suspect_c, suspect_d, suspect_e), strict=True))


def suspect_for(name: str) -> Step:
    """The step of one student."""
    return list(SUSPECTS.values())[int(dice(name, "ps07 suspect").integers(len(SUSPECTS)))]
