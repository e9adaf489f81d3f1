"""Parameters laid end to end in one vector, so that a collective sees one tensor, and each rank owns a shard of it.

The cuts between shards fall where they fall, in the middle of a parameter too: so all ranks own equally much, to one
element. AdamW does not mind, it treats each element by itself.
"""

import itertools
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from labkit.errors import WrongUse
from labkit.parallel import link
from labkit.parallel.checkpoint.pieces import Piece
from labkit.parallel.collectives import broadcast, reduce_scatter, shards


class Flat:
    """values: (P,), of which the parameters become views. own: this rank's slice of it; shard: the elements there.

    Rank 0's values are the ones that all ranks start from. Raises WrongUse.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]):
        _check(parameters)
        self.parameters = dict(parameters)
        self.shapes = [parameter.shape for parameter in parameters.values()]
        self.values = broadcast(torch.cat([parameter.detach().flatten() for parameter in parameters.values()]))
        self.own = shards(len(self.values), link.size())[link.rank()]
        self.shard = nn.Parameter(self.values[self.own])  # shares memory with values
        self.point_at(self.views(self.values))

    @property
    def places(self) -> list[slice]:
        """Where each parameter lies in the vector."""
        ends = itertools.accumulate((shape.numel() for shape in self.shapes), initial=0)
        return [slice(start, end) for start, end in itertools.pairwise(ends)]

    def views(self, vector: Tensor) -> list[Tensor]:
        """The parts of a vector (P,) that belong to the parameters, in their shapes."""
        return [vector[place].view(shape) for place, shape in zip(self.places, self.shapes, strict=True)]

    def point_at(self, tensors: list[Tensor]) -> None:
        """Let each parameter be one of these tensors, without a copy."""
        for parameter, tensor in zip(self.parameters.values(), tensors, strict=True):
            parameter.data = tensor

    def pieces(self, shard: Tensor) -> list[Piece]:
        """What of each parameter lies in a vector like `shard`, such as one of its moments."""
        return [_overlap(place, self.own, shard) for place in self.places]

    def reduce_gradients(self) -> None:
        """Add this rank's shard of the ranks' mean gradient to `shard.grad`, and free the whole gradients."""
        whole = torch.zeros_like(self.values)  # (P,)
        for parameter, gradient in zip(self.parameters.values(), self.views(whole), strict=True):
            if parameter.grad is not None:
                gradient.copy_(parameter.grad)
                parameter.grad = None
        self.shard.grad += reduce_scatter(whole) / link.size()


def _overlap(place: slice, own: slice, shard: Tensor) -> Piece:
    start, end = max(place.start, own.start), min(place.stop, own.stop)
    if start >= end:
        return Piece(shard.detach()[:0], 0, place.stop - place.start)
    return Piece(shard.detach()[start - own.start : end - own.start], start - place.start, place.stop - place.start)


def _check(parameters: Mapping[str, nn.Parameter]) -> None:
    kinds = {parameter.dtype for parameter in parameters.values()}
    if len(kinds) > 1:
        raise WrongUse(f"Parameters in one flat vector are of one type, not {', '.join(sorted(map(str, kinds)))}.")
