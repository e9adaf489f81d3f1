"""AdamW as an optimizer of torch: one pass of the kernel over each parameter, instead of a dozen operators."""

from collections.abc import Iterable

import torch
from torch import Tensor

from labkit import kernels


class AdamW(torch.optim.Optimizer):
    """`torch.optim.AdamW` for float32 parameters on the CPU. Its state has the same names, so that either loads it."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            settings = {name: group[name] for name in ("lr", "betas", "eps", "weight_decay")}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, settings)
        return loss

    def _update(self, parameter: Tensor, settings: dict) -> None:
        if not parameter.is_contiguous():
            raise ValueError(
                f"A parameter of shape {tuple(parameter.shape)} does not lie row by row: it cannot be updated."
            )
        state = self.state[parameter]
        if not state:
            zeros = (torch.zeros_like(parameter, memory_format=torch.contiguous_format) for _ in range(2))
            state["step"] = torch.tensor(0.0)
            state["exp_avg"], state["exp_avg_sq"] = zeros
        state["step"] += 1
        arrays = (parameter, parameter.grad.contiguous(), state["exp_avg"], state["exp_avg_sq"])
        kernels.adamw_step(*(each.detach().view(-1).numpy() for each in arrays), int(state["step"]), **settings)
