"""The parameters that ranks share: the same before the first step, and which of them have a gradient."""

import torch
from torch import Tensor, nn

from labkit.parallel.collectives import broadcast


def broadcast_parameters(model: nn.Module, root: int = 0) -> None:
    """Give every rank the parameters and buffers of rank `root`. Raises WrongUse where there is no such rank.

    Once, before the first step: ranks that then apply equal gradients stay equal. Buffers do not: batch norm's running
    mean is of a rank's own rows.
    """
    for tensor in (*model.parameters(), *model.buffers()):  # torch lists a tied one once
        broadcast(tensor, root)


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that get a gradient, in the order of the model; a tied one once, a frozen one never."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def gradient(parameter: nn.Parameter) -> Tensor:
    """Its gradient. Zeros where this rank's rows never used it: another rank's may have, and waits for all ranks."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad
