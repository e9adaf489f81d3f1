"""One training step of the small GPT, 16 x 128 characters: forward, backward and AdamW, with kernels and with torch.

Both allocate what they make; that memory is warm.
"""

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from labkit.bench.harness import Call
from labkit.bench.kernels.case import Case
from labkit.kernels import torch_gpt
from labkit.kernels.torch_adamw import AdamW
from labkit.models import gpt as models

BAR = 1.15
BATCH = 16
WHY_MISSED = (
    "Nine tenths of a step's operations are matrix products, 9.8 of 10.7 GFLOP, where MKL leaves little: the gain is "
    "in GELU, attention and AdamW, about a quarter of torch's time."
)


def cases() -> Iterator[Case]:
    torch.manual_seed(0)
    model = models.Gpt()
    yield _case(model, BATCH)


def first_call() -> None:
    model = models.Gpt(models.GptConfig(layers=1, heads=1, width=16, time=4))
    tokens = torch.zeros(1, 4, dtype=torch.int64)
    _step(torch_gpt.with_kernels(model), torch_gpt.next_token_loss, AdamW(model.parameters()), tokens, tokens)


def _case(model: models.Gpt, batch: int) -> Case:
    config, losses = model.config, {}
    tokens, targets = torch.randint(config.vocabulary, (2, batch, config.time))
    twin, third = copy.deepcopy(model), copy.deepcopy(model)
    with_kernels, compiled = torch_gpt.with_kernels(model), torch.compile(third)

    def step(name: str, *how) -> Call:
        return lambda: losses.update({name: _step(*how, tokens, targets)})

    ours = step("ours", with_kernels, torch_gpt.next_token_loss, AdamW(model.parameters()))
    theirs = step("torch", twin, models.next_token_loss, torch.optim.AdamW(twin.parameters()))

    def error() -> float:
        """Of the losses after a step: the forward pass, the gradients and the update all show in them."""
        ours()
        theirs()
        return abs(losses["ours"] - losses["torch"])

    return Case(
        f"{batch}x{config.time} characters",
        ours=ours,
        torch=theirs,
        moved=28 * _count(model),  # what AdamW must read and write; all else could stay in a cache
        flops=_flops(model, batch),
        error=error,
        peers={"torch_compile": _compiled(step("compiled", compiled, models.next_token_loss, _fused(third)))},
    )


def _step(
    model: nn.Module, loss_of: Callable, optimizer: torch.optim.Optimizer, tokens: Tensor, targets: Tensor
) -> float:
    loss = loss_of(model, tokens, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _fused(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), fused=True)


def _compiled(call: Call) -> Call | str:
    """The compiled step, or a sentence why there is none."""
    try:
        call()
    except Exception as error:  # whatever stops a compiler must not stop the bench
        return f"torch.compile failed: {type(error).__name__}"
    return call


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _flops(model: models.Gpt, batch: int) -> int:
    """Two operations a weight and character, three times (forward, and both gradients); attention's seven products."""
    config = model.config
    weights = sum(each.weight.numel() for each in model.modules() if isinstance(each, nn.Linear))
    weights += config.vocabulary * config.width  # the embedding, read backwards
    pairs = batch * config.layers * config.time * (config.time + 1) // 2
    return 6 * weights * batch * config.time + 14 * config.width * pairs
