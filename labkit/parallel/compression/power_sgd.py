"""PowerSGD: send a gradient as the product of two thin matrices (Vogels, Karimireddy & Jaggi 2019, algorithms 1 and 2).

M (rows, cols) becomes P Q^T with P (rows, r) and Q (cols, r). One step of subspace iteration, warm: it begins with the
Q of the step before, and gradients change slowly. M Q and M^T P are linear in M, so that the ranks can sum them; what a
rank's own product leaves out is added to its next gradient (error feedback).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from labkit.errors import WrongUse
from labkit.parallel.collectives import ring_all_reduce
from labkit.parallel.data_parallel.buckets import AllReduce, sum_bucket, sum_together
from labkit.parallel.data_parallel.parameters import gradient, trainable


class PowerSGD:
    """A way to average gradients: `with power_sgd(model): ...backward()`. (rows + cols) r numbers a matrix travel.

    Vectors, and matrices that would not shrink, travel whole. error: what this rank has left out so far.
    """

    def __init__(self, rank: int, all_reduce: AllReduce = ring_all_reduce, seed: int = 0):
        if rank < 1:
            raise WrongUse(f"PowerSGD(rank={rank}) would send nothing: the rank is at least 1.")
        self.rank, self.all_reduce = rank, all_reduce
        self.error: dict[nn.Parameter, Tensor] = {}  # (rows, cols)
        self.q: dict[nn.Parameter, Tensor] = {}  # (cols, r), the same on every rank
        self._random = torch.Generator().manual_seed(seed)

    @contextmanager
    def __call__(self, model: nn.Module) -> Iterator[None]:
        yield
        with torch.no_grad():
            sum_bucket([w for w in trainable(model) if not self._shrinks(w)], self.all_reduce)
            self._compress([w for w in trainable(model) if self._shrinks(w)])

    def _compress(self, matrices: list[nn.Parameter]) -> None:
        m = {w: gradient(w).flatten(1) + self.error.get(w, 0) for w in matrices}
        p = {w: m[w] @ self._first_q(w) for w in matrices}
        sum_together(list(p.values()), self.all_reduce)
        p = {w: torch.linalg.qr(p[w]).Q for w in matrices}  # orthonormal columns
        q = {w: m[w].T @ p[w] for w in matrices}
        self.error.update({w: m[w] - p[w] @ q[w].T for w in matrices})
        sum_together(list(q.values()), self.all_reduce)
        for w in matrices:
            w.grad.copy_((p[w] @ q[w].T).view(w.shape))
        self.q.update(q)

    def _first_q(self, w: nn.Parameter) -> Tensor:
        if w not in self.q:
            self.q[w] = torch.randn(w[0].numel(), self.rank, generator=self._random, dtype=w.dtype)
        return self.q[w]

    def _shrinks(self, w: nn.Parameter) -> bool:
        return w.dim() > 1 and (len(w) + w[0].numel()) * self.rank < w.numel()
