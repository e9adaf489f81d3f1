"""When a bucket may leave: when it is full, and all buckets before it have left.

Two ranks whose rows take different ways through a model fill their buckets in different orders. Would each send what
is full first, one rank's bucket 2 would be added to another's bucket 1. Nothing here sends: `averaging` does.
"""

from collections.abc import Callable

from torch import nn

from labkit.errors import WrongUse
from labkit.parallel.data_parallel.buckets import Bucket


class InOrder:
    """The buckets of one backward pass. hand_over(bucket): called once for each, in the order of the plan."""

    def __init__(self, plan: list[Bucket], hand_over: Callable[[Bucket], object]):
        self.plan, self.hand_over = plan, hand_over
        self.number_of = {parameter: number for number, bucket in enumerate(plan) for parameter in bucket}
        self.missing = [set(bucket) for bucket in plan]
        self.next = 0

    def arrived(self, parameter: nn.Parameter) -> None:
        """A parameter's gradient is complete. Raises WrongUse where it has been before: it may have left already."""
        missing = self.missing[self.number_of[parameter]]
        if parameter not in missing:
            raise WrongUse(
                f"A parameter of shape {tuple(parameter.shape)} got a second gradient while the first may be on its "
                "way to the other ranks: call backward() once inside of `with overlapped(model):`, and for the "
                "micro-batches before the last one outside of it."
            )
        missing.remove(parameter)
        while self.next < len(self.plan) and not self.missing[self.next]:
            self._hand_over_next()

    def finish(self) -> None:
        """Backward is over: what is missing got no gradient on this rank, and the other ranks wait for it."""
        while self.next < len(self.plan):
            self._hand_over_next()

    def _hand_over_next(self) -> None:
        self.next += 1
        self.hand_over(self.plan[self.next - 1])
