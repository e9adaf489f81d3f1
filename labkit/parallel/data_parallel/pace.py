"""A layer that takes its time, so that a backward pass spreads over its layers as a real device's does.

`compute("backward", seconds)` sleeps at the end of its block: too late for anything to overlap with it.
"""

import time

import torch
from torch import Tensor, nn


class Paced(nn.Module):
    """A layer with one input and one output that takes `forward` and `backward` more seconds, asleep.

    The backward sleep comes before the layer's own gradients are there. A device's `slow` does not reach in here: it
    stretches the whole `compute` block, at its end.
    """

    def __init__(self, layer: nn.Module, forward: float, backward: float):
        super().__init__()
        self.layer, self.forward_seconds, self.backward_seconds = layer, forward, backward

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(self.forward_seconds)
        return _SleepBackward.apply(self.layer(x), self.backward_seconds)


class _SleepBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y: Tensor, seconds: float) -> Tensor:
        ctx.seconds = seconds
        return y.view_as(y)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        time.sleep(ctx.seconds)
        return gradient, None
