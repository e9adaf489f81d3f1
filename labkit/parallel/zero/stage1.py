"""ZeRO stage 1: the moments are sharded. Each rank has all parameters and gradients, and updates its shard.

    all-reduce, and n times the same update   ->   reduce-scatter, an n-th of the update, all-gather

An all-reduce is a reduce-scatter and an all-gather, so it moves no byte more: 2(n - 1)/n of the parameters' bytes a
rank and step (Rajbhandari et al. 2020, sections 5.1 and 7.1).
"""

import torch
from torch import nn

from labkit.errors import WrongUse
from labkit.parallel import link
from labkit.parallel.collectives import all_gather, reduce_scatter
from labkit.parallel.zero.flat import Flat
from labkit.parallel.zero.stage import Stage
from labkit.parallel.zero.units import learning


class Stage1(Stage):
    """AdamW over the ranks, its moments sharded. model: the same on every rank but for its values, which are rank 0's.

    adamw: what torch.optim.AdamW takes, but for parameter groups. Raises WrongUse.
    """

    def __init__(self, model: nn.Module, **adamw):
        self.flat = Flat(learning(model))
        self.gradients = torch.zeros_like(self.flat.values)  # (P,), of which the parameters' gradients are views
        super().__init__(model, [self.flat], adamw)
        self.zero_grad()

    def step(self) -> None:
        """Sum the gradients, update this rank's shard, gather the others'. The gradients are zero afterwards."""
        self._check()
        self.flat.shard.grad = reduce_scatter(self.gradients).div_(link.size())
        self.optimizer.step()
        all_gather(self.flat.values)
        self.zero_grad()

    def zero_grad(self) -> None:
        """Forget the gradients. To be called instead of the model's own, which would cut them off their vector."""
        self.gradients.zero_()
        for parameter, gradient in zip(self.flat.parameters.values(), self.flat.views(self.gradients), strict=True):
            parameter.grad = gradient

    def _check(self) -> None:
        theirs = self.gradients.untyped_storage().data_ptr()
        for name, parameter in self.flat.parameters.items():
            if parameter.grad is None or parameter.grad.untyped_storage().data_ptr() != theirs:
                raise WrongUse(
                    f"The gradient of {name} is no longer part of the flat one: call zero_grad() of this Stage1 "
                    "instead of the model's, and leave .grad as it is."
                )
