"""What the three stages have in common: AdamW over the shards, what a checkpoint holds, and how many bytes that is."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from labkit.errors import WrongUse
from labkit.parallel.checkpoint.pieces import Piece, of_model, started
from labkit.parallel.collectives import broadcast
from labkit.parallel.zero.flat import Flat


@dataclass(frozen=True)
class StateBytes:
    """Bytes of tensors that one rank holds between two steps."""

    parameters: int
    gradients: int
    optimizer: int

    @property
    def total(self) -> int:
        """All of them together."""
        return self.parameters + self.gradients + self.optimizer


def formula(parameters: int, n: int, stage: int) -> float:
    """Bytes a rank that ZeRO needs at a stage from 0, plain data parallelism, to 3. Raises WrongUse.

    Four bytes each for a float32 parameter, its gradient and its two moments (Rajbhandari et al. 2020, section 5, where
    parameters and gradients have two).
    """
    if stage not in range(4) or n < 1:
        raise WrongUse(f"formula(parameters, n={n}, stage={stage}) needs at least one rank and a stage from 0 to 3.")
    shared = {0: 0, 1: 8, 2: 12, 3: 16}[stage]
    return parameters * (16 - shared + shared / n)


class Stage:
    """AdamW of which each rank updates its shards alone. The gradient is the mean over the ranks' own batches.

    A parameter that no batch has used counts as one with gradient zero; torch's own AdamW skips it.
    """

    def __init__(self, model: nn.Module, flats: list[Flat], adamw: dict):
        self.model, self.flats = model, flats
        self.optimizer = torch.optim.AdamW([flat.shard for flat in self.learning], **adamw)
        started(self.optimizer)
        flattened = {parameter for flat in flats for parameter in flat.parameters.values()}
        for tensor in [*model.parameters(), *model.buffers()]:
            if tensor not in flattened:
                broadcast(tensor.detach())

    @property
    def learning(self) -> list[Flat]:
        """The flat vectors that are not frozen."""
        return [flat for flat in self.flats if next(iter(flat.parameters.values())).requires_grad]

    def state(self) -> dict[str, Piece]:
        """What `labkit.parallel.checkpoint` saves and loads: parameters, buffers and moments, by their names."""
        state = of_model(self.model) | self._parameters()
        for flat in self.learning:
            moments = self.optimizer.state[flat.shard]
            for moment in ("exp_avg", "exp_avg_sq"):
                for name, piece in zip(flat.parameters, flat.pieces(moments[moment]), strict=True):
                    state[f"optimizer/{name}/{moment}"] = piece
            state |= {f"optimizer/{name}/step": Piece.whole(moments["step"]) for name in flat.parameters}
        return state

    def _parameters(self) -> dict[str, Piece]:
        """Those parameters of which this rank holds a piece only."""
        return {}

    def state_bytes(self) -> StateBytes:
        """What this rank holds, counted in its tensors' memory."""
        vectors = [vector for flat in self.flats for vector in (flat.values, flat.shard)]
        parameters = [*self.model.parameters(), *vectors]
        moments = [tensor for entry in self.optimizer.state.values() for tensor in entry.values()]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        return StateBytes(held(parameters), held(gradients), held(moments))


def held(tensors: Iterable[Tensor]) -> int:
    """Bytes of memory behind these tensors. What several of them share counts once."""
    memory = {tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(memory.values())
