"""What torch itself counts, as an oracle for arithmetic on paper."""

import copy

from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def torch_flops(model: nn.Module, inputs: Tensor, training: bool = False) -> int:
    """FLOPs of the convolutions and matrix products in one forward pass; with `training`, of the backward pass too.

    inputs: (batch, ...). Nothing is computed: the meta device knows shapes only. Attention is counted as its two matrix
    products, because the counter does not know the processor's fused kernel.
    """
    model, inputs = copy.deepcopy(model).to("meta"), inputs.to("meta")
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        answer = model(inputs)
        if training:
            answer.sum().backward()
    return counter.get_total_flops()
