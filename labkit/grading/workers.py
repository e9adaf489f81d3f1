"""Problem set 07: runs of a small model on many workers, and the same run on one.

A worker's step is a function step(model, optimizer, x, y): x (rows, features) and y (rows, 1), float64, are the rows of
this rank. It changes the model as one worker with all rows would, and returns the mean loss over all rows.
"""

from collections.abc import Callable, Sequence

import torch
import torch._dynamo  # the first optimizer imports it, in 1 s: once for all submissions, not in each rank
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.errors import WrongUse
from labkit.parallel.data_parallel import broadcast_parameters

FEATURES = 12
MODELS, OPTIMIZERS = ("plain", "tied", "frozen"), ("sgd", "adam")
Start = Callable[[nn.Module], None]
Step = Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor], float]


class Tied(nn.Module):
    """One weight in two places, as the embedding and the head of a language model."""

    def __init__(self) -> None:
        super().__init__()
        self.there = nn.Linear(FEATURES, FEATURES)
        self.back = nn.Linear(FEATURES, FEATURES)
        self.back.weight = self.there.weight
        self.head = nn.Linear(FEATURES, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (rows, features). Returns (rows, 1)."""
        return self.head(torch.tanh(self.back(torch.tanh(self.there(x)))))


def model_for(kind: str, seed: int) -> nn.Module:
    """A small model in float64. kind: "plain", "tied" (a weight in two places) or "frozen" (a layer does not learn)."""
    _check("model", kind, MODELS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "tied":
            return Tied().double()
        model = nn.Sequential(nn.Linear(FEATURES, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1))
    if kind == "frozen":
        model[2].requires_grad_(False)
    return model.double()


def optimizer_for(kind: str, model: nn.Module) -> torch.optim.Optimizer:
    """kind: "sgd" or "adam". Over what learns."""
    _check("optimizer", kind, OPTIMIZERS)
    learns = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if kind == "adam":
        return torch.optim.Adam(learns, lr=0.02)
    return torch.optim.SGD(learns, lr=0.2)


def rows_for(sizes: Sequence[int], seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """For each rank x (rows, features) and y (rows, 1). The ranks' rows are unlike each other, as real shards are."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(FEATURES, 1, generator=generator, dtype=torch.float64)
    found = []
    for rank, size in enumerate(sizes):
        x = torch.randn(size, FEATURES, generator=generator, dtype=torch.float64) + 0.3 * rank
        found.append((x, torch.sin(x @ weight) + 0.2 * rank))
    return found


def start(model: nn.Module) -> None:
    """Give all ranks the weights of rank 0."""
    broadcast_parameters(model)


def train(start: Start, step: Step, x: Tensor, y: Tensor, asked: dict) -> dict:
    """One rank's run. asked: model, optimizer, steps, and seed, of its own for each rank.

    Returns losses, one a step, and parameters, all in one vector.
    """
    model = model_for(asked["model"], asked["seed"])
    start(model)
    optimizer = optimizer_for(asked["optimizer"], model)
    losses = [float(step(model, optimizer, x, y)) for _ in range(asked["steps"])]
    return {"losses": losses, "parameters": flat(model)}


def begun(start: Start, kind: str, seed: int) -> Tensor:
    """One rank's parameters after `start`, in one vector."""
    model = model_for(kind, seed)
    start(model)
    return flat(model)


def given(sizes: Sequence[int], model: str = "plain", optimizer: str = "sgd", steps: int = 3) -> list[tuple]:
    """What `train` is given on each rank: its rows, and what is asked. No two ranks draw the same first weights."""
    _check("model", model, MODELS)
    _check("optimizer", optimizer, OPTIMIZERS)
    asked = {"model": model, "optimizer": optimizer, "steps": steps}
    return [(x, y, {**asked, "seed": rank}) for rank, (x, y) in enumerate(rows_for(sizes))]


def alone(arguments: list[tuple]) -> dict:
    """The same run on one worker that has all rows and the first weights of rank 0. Returns what `train` returns."""
    x, y = (torch.cat([one[part] for one in arguments]) for part in (0, 1))
    return train(lambda model: None, whole_step, x, y, arguments[0][2])


def whole_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    """The step of a single worker."""
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def flat(model: nn.Module) -> Tensor:
    """All parameters in one vector, those in two places once."""
    return torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])


def gradient_bytes(model: str) -> int:
    """Of all that learns, those in two places once."""
    return sum(8 * one.numel() for one in model_for(model, 0).parameters() if one.requires_grad)


def _check(what: str, kind: str, kinds: tuple[str, ...]) -> None:
    if kind not in kinds:
        raise WrongUse(f"{what} is one of {', '.join(kinds)}, and not {kind!r}.")
