"""ZeRO stage 2: the gradients are sharded too. They never exist all at once.

Backward computes the gradients from the last layer to the first. As soon as a bucket of them is complete it is reduced
and scattered, each rank keeps its shard of the sum, and the whole ones are freed (Rajbhandari et al. 2020, section
5.2). Bytes moved as in stage 1: 2(n - 1)/n of the parameters' a rank and step.
"""

from torch import nn

from labkit.parallel.collectives import all_gather
from labkit.parallel.data_parallel.buckets import buckets
from labkit.parallel.zero.backward import at_its_end
from labkit.parallel.zero.flat import Flat
from labkit.parallel.zero.stage import Stage
from labkit.parallel.zero.units import learning


class Stage2(Stage):
    """AdamW over the ranks, its moments and the gradients sharded.

    model: the same on every rank but for its values, which are rank 0's. bucket: bytes of gradients, at most, that are
    reduced together; a larger one is alone. adamw: what torch.optim.AdamW takes, but for parameter groups.
    Raises WrongUse.
    """

    def __init__(self, model: nn.Module, bucket: int = 1 << 18, **adamw):
        names = {parameter: name for name, parameter in learning(model).items()}
        plan = buckets(names, bucket)
        super().__init__(model, [Flat({names[weight]: weight for weight in part}) for part in plan], adamw)
        for flat in self.flats:
            for parameter in flat.parameters.values():
                parameter.register_post_accumulate_grad_hook(self._arrived)
        self.zero_grad()

    def step(self) -> None:
        """Update this rank's shards, gather the others'. The gradients are zero afterwards."""
        self.optimizer.step()
        for flat in self.flats:
            all_gather(flat.values)
        self.zero_grad()

    def zero_grad(self) -> None:
        """Forget the gradients. To be called instead of the model's own, which does not know the shards."""
        self.waiting: list[Flat] = []  # buckets that this backward pass has not reduced yet
        for flat in self.flats:
            flat.shard.grad = flat.shard.detach().new_zeros(len(flat.shard))
            for parameter in flat.parameters.values():
                parameter.grad = None

    def _arrived(self, parameter: nn.Parameter) -> None:
        """A gradient is complete. The buckets are reduced in a fixed order: each must meet its own on other ranks."""
        if not self.waiting:
            self.waiting = list(self.flats)
            at_its_end(self._finish)
        while self.waiting and all(p.grad is not None for p in self.waiting[0].parameters.values()):
            self.waiting.pop(0).reduce_gradients()

    def _finish(self) -> None:
        """Those with a parameter that this rank's batch has not used."""
        while self.waiting:
            self.waiting.pop(0).reduce_gradients()
