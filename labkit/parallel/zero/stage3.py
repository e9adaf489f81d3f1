"""ZeRO stage 3: the parameters are sharded too. A unit, such as a block, has them only while it computes.

    forward of a unit:    all-gather its parameters, compute, free them
    backward of a unit:   all-gather them again, compute, reduce-scatter the gradients, free both

So 3(n - 1)/n of the parameters' bytes are moved a rank and step, half as much again as in data parallelism
(Rajbhandari et al. 2020, sections 5.3 and 7.2). torch calls the same FSDP (Zhao et al. 2023).
"""

import contextlib
from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from labkit.errors import WrongUse
from labkit.parallel.checkpoint.pieces import Piece
from labkit.parallel.collectives import all_gather
from labkit.parallel.zero.backward import at_its_end
from labkit.parallel.zero.flat import Flat
from labkit.parallel.zero.stage import Stage
from labkit.parallel.zero.units import divide


class Stage3(Stage):
    """AdamW over the ranks; parameters, gradients and moments sharded.

    model: the same on every rank but for its values, which are rank 0's. units: submodules of it whose parameters are
    gathered together, such as `model.blocks`; what is in none of them is gathered as long as the model itself computes.
    adamw: what torch.optim.AdamW takes, but for parameter groups.
    Raises WrongUse. All ranks must call the units in the same order: a gathering is a collective.
    """

    def __init__(self, model: nn.Module, units: Sequence[nn.Module], **adamw):
        self.units = [Unit(module, parameters) for module, parameters in divide(model, units)]
        super().__init__(model, [flat for unit in self.units for flat in unit.flats], adamw)
        self.zero_grad()

    def step(self) -> None:
        """Update this rank's shards: nothing is left to gather. The gradients are zero afterwards."""
        self.optimizer.step()
        self.zero_grad()

    def zero_grad(self) -> None:
        """Forget the gradients. To be called instead of the model's own, which does not know the shards."""
        for unit in self.units:
            unit.free()
        for flat in self.learning:
            flat.shard.grad = flat.shard.detach().new_zeros(len(flat.shard))

    @contextlib.contextmanager
    def gathered(self) -> Iterator[None]:
        """Within the block every rank has all parameters, to be read: what is written to them is lost."""
        for unit in self.units:
            unit.gather()
        try:
            yield
        finally:
            for unit in self.units:
                unit.free()

    def _parameters(self) -> dict[str, Piece]:
        named = [(flat.parameters, flat.pieces(flat.shard)) for flat in self.flats]
        return {f"parameters/{name}": piece for names, parts in named for name, piece in zip(names, parts, strict=True)}


class Sharded(Flat):
    """A vector of which each rank holds its shard alone. values: (P,), whose memory is there while it is gathered."""

    def __init__(self, parameters: dict[str, nn.Parameter]):
        super().__init__(parameters)
        self.shard = nn.Parameter(self.values[self.own].clone(), self.shard.requires_grad)
        self.size = self.values.untyped_storage().nbytes()

    def gather(self) -> None:
        """Fill the vector. Autograd has kept views of it since forward: they must see this very memory."""
        self.values.untyped_storage().resize_(self.size)
        self.values[self.own] = self.shard.detach()
        self.point_at(self.views(all_gather(self.values)))

    def free(self) -> None:
        """Give its memory back. Who reads a parameter now sees this rank's piece of it: no memory would be a crash."""
        self.point_at([piece.values for piece in self.pieces(self.shard)])
        self.values.untyped_storage().resize_(0)


class Unit:
    """A module and the parameters that are gathered for it: those that learn in one vector, those frozen in another."""

    def __init__(self, module: nn.Module, parameters: dict[str, nn.Parameter]):
        kinds = [{n: p for n, p in parameters.items() if p.requires_grad is learns} for learns in (True, False)]
        self.learning, self.frozen = ([Sharded(kind)] if kind else [] for kind in kinds)
        self.flats = self.learning + self.frozen
        self.is_gathered, self.in_backward = True, False
        self.free()
        module.register_forward_pre_hook(lambda module, arguments: self.gather())
        module.register_forward_hook(self._after_forward)
        for flat in self.learning:
            for parameter in flat.parameters.values():
                parameter.register_post_accumulate_grad_hook(self._arrived)

    def gather(self) -> None:
        """Have the parameters whole."""
        if not self.is_gathered:
            self.is_gathered = True
            for flat in self.flats:
                flat.gather()

    def free(self) -> None:
        """Have this rank's shards of them alone."""
        self.in_backward = False
        if self.is_gathered:
            self.is_gathered = False
            for flat in self.flats:
                flat.free()

    def _after_forward(self, module: nn.Module, arguments: tuple, output: object) -> None:
        for tensor in tensors(output):
            if tensor.requires_grad:
                tensor.register_hook(self._before_backward)
        if not self.in_backward:  # with activation checkpointing forward runs within backward
            self.free()

    def _before_backward(self, gradient: Tensor) -> None:
        """The gradient of an output is there."""
        if not self.in_backward:
            self.in_backward = True
            self.gather()
            at_its_end(self._finish)

    def _arrived(self, parameter: nn.Parameter) -> None:
        """A gradient is complete. When all are, no node of autograd needs a parameter of this unit any more.

        A frozen one has no gradient that says so: it stays until the end.
        """
        if not self.frozen and all(p.grad is not None for flat in self.learning for p in flat.parameters.values()):
            self._finish()

    def _finish(self) -> None:
        if self.in_backward:
            for flat in self.learning:
                flat.reduce_gradients()
            self.free()


def tensors(output: object) -> list[Tensor]:
    """The tensors in what a module has returned. Raises WrongUse."""
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, dict):
        return tensors(list(output.values()))
    if isinstance(output, list | tuple):
        return [tensor for part in output for tensor in tensors(part)]
    if output is None or isinstance(output, int | float | str):
        return []
    raise WrongUse(
        f"A unit of stage 3 returned a {type(output).__name__}, in which its tensors cannot be found: return a tensor, "
        "or tuples, lists or dictionaries of them."
    )
