"""What a checkpoint holds: vectors with names, of which each rank has a piece, or all.

A parameter is saved as one vector under its own name, and so is each of its moments. Where the ranks cut it is nowhere
in the names: a state saved at four ranks under ZeRO can be loaded at three, at another stage, or without ZeRO.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from labkit.errors import WrongUse

Optimizer = torch.optim.Optimizer


@dataclass(frozen=True)
class Piece:
    """Part of a vector of `length` elements: those from `start` on. values: (part,), a view that a load fills."""

    values: Tensor
    start: int
    length: int

    @classmethod
    def whole(cls, tensor: Tensor) -> "Piece":
        """All of a tensor, any shape, contiguous, flattened. Raises WrongUse."""
        if not tensor.is_contiguous():
            raise WrongUse(
                f"A checkpoint holds tensors that lie in one piece; this one, of shape {tuple(tensor.shape)}, does "
                "not: make it contiguous."
            )
        values = tensor.detach().view(-1)
        return cls(values, 0, values.numel())


def of_model(model: nn.Module) -> dict[str, Piece]:
    """The parameters and buffers of a model that every rank holds whole. Raises WrongUse."""
    persistent = model.state_dict()
    buffers = [(name, buffer) for name, buffer in model.named_buffers() if name in persistent]
    found = {f"parameters/{name}": Piece.whole(parameter) for name, parameter in model.named_parameters()}
    return found | {f"buffers/{name}": Piece.whole(buffer) for name, buffer in buffers}


def replicated(model: nn.Module, optimizer: Optimizer) -> dict[str, Piece]:
    """The state of a data-parallel run, or of a single process: every rank holds all of it.

    optimizer: AdamW, Adam or SGD. Raises WrongUse for another one, and for tensors that are not contiguous.
    """
    names = {parameter: name for name, parameter in model.named_parameters()}
    state = of_model(model)
    for parameter, moments in started(optimizer).items():
        if parameter not in names:
            raise WrongUse("The optimizer has a parameter that is none of the model's: give it model.parameters().")
        for moment, tensor in moments.items():
            state[f"optimizer/{names[parameter]}/{moment}"] = Piece.whole(tensor)
    return state


def started(optimizer: Optimizer) -> dict[Tensor, dict[str, Tensor]]:
    """The optimizer's state of each parameter that learns, made with zeros where no step has made it yet.

    A checkpoint is loaded into tensors, and torch makes these at the first step only. Raises WrongUse.
    """
    learning = [(p, group) for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
    for parameter, group in learning:
        state = optimizer.state[parameter]
        for name, zeros in _zeros(optimizer, parameter, group).items():
            if state.get(name) is None:
                state[name] = zeros
    return {parameter: dict(optimizer.state[parameter]) for parameter, _ in learning}


def _zeros(optimizer: Optimizer, parameter: Tensor, group: dict) -> dict[str, Tensor]:
    """The state that makes the first step come out as from no state at all."""
    if isinstance(optimizer, torch.optim.Adam) and not group["amsgrad"]:  # AdamW is one
        moments = {name: torch.zeros_like(parameter.detach()) for name in ("exp_avg", "exp_avg_sq")}
        return {"step": torch.zeros(())} | moments
    if isinstance(optimizer, torch.optim.SGD) and not group["dampening"]:
        return {"momentum_buffer": torch.zeros_like(parameter.detach())} if group["momentum"] else {}
    raise WrongUse(
        f"{type(optimizer).__name__} with these settings cannot be saved: use AdamW or Adam without amsgrad, or SGD "
        "without dampening."
    )
