"""Problem set 07: what the checks of the hunt know. A step without a fault, and each suspect under another name."""

from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from labkit.grading import suspects
from labkit.grading.suspects import SUSPECTS, over_all
from labkit.grading.workers import Step
from labkit.parallel.collectives import ring_all_reduce


def right(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> float:
    """A step without a fault."""
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    rows, mean = over_all(len(x), loss)
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad *= len(x) / rows
            ring_all_reduce(parameter.grad)
    optimizer.step()
    return mean


def _disguised(letter: str, step: Step) -> Step:
    def walk(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> float:
        """A step of this rank with its rows."""
        return step(model, optimizer, x, y)

    walk.__name__ = walk.__qualname__ = f"disguised_{letter}"  # as it is found from the other side of the wall
    return walk


disguised_a, disguised_b = _disguised("a", suspects.suspect_a), _disguised("b", suspects.suspect_b)
disguised_c, disguised_d = _disguised("c", suspects.suspect_c), _disguised("d", suspects.suspect_d)
disguised_e = _disguised("e", suspects.suspect_e)


def disguised(suspect: Step) -> Step:
    """The same step under another name."""
    return globals()[suspect.__name__.replace("suspect", "disguised")]


def fault_of(suspect: Step) -> str:
    """Which of FAULTS a suspect has."""
    return next(fault for fault, step in SUSPECTS.items() if step is suspect)
