"""One training step, the same line for all ways to average gradients."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.optim import Optimizer

from labkit.parallel import link
from labkit.parallel.collectives import shards
from labkit.parallel.data_parallel.averaging import Way
from labkit.parallel.data_parallel.batch import rows_of, share
from labkit.parallel.work import compute, step


def training_step(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    batch: tuple[Tensor, Tensor],
    optimizer: Optimizer,
    way: Way,
    number: int,
    micro_batches: int = 1,
) -> float:
    """One step on this rank's rows of a batch that all ranks have. Returns its part of the batch's mean loss.

    loss(output, targets): a mean over rows. The parts of all ranks add up to the mean over the batch. way: naive,
    bucketed, overlapped, or any context manager like them. micro_batches: how many passes share one exchange.
    """
    inputs, targets = batch
    mine = rows_of(len(inputs), link.rank(), link.size())
    x, y = inputs[mine], targets[mine]
    *earlier, last = shards(len(x), micro_batches)
    step(number)
    optimizer.zero_grad()
    part = sum(_pass(model, loss, x[rows], y[rows], len(inputs)) for rows in earlier)
    with way(model):
        part += _pass(model, loss, x[last], y[last], len(inputs))
    optimizer.step()
    return part


def _pass(model: nn.Module, loss: Callable, x: Tensor, y: Tensor, length: int) -> float:
    """Forward and backward of a few of a batch's `length` rows."""
    if len(x) == 0:  # the mean of nothing is NaN, and NaN times 0 too
        return 0.0
    with compute("forward"):
        part = loss(model(x), y) * share(len(x), length)
    with compute("backward"):
        part.backward()
    return part.item()
