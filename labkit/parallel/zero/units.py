"""Which parameters are sharded, and which are gathered together: each belongs to the innermost unit around it."""

from collections.abc import Sequence

from torch import nn

from labkit.errors import WrongUse

Parameters = dict[str, nn.Parameter]


def learning(model: nn.Module) -> Parameters:
    """A model's parameters that are not frozen, tied ones once. Raises WrongUse where there is none."""
    found = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not found:
        raise WrongUse("ZeRO needs a model with at least one parameter that learns: here none has requires_grad.")
    return found


def divide(model: nn.Module, units: Sequence[nn.Module]) -> list[tuple[nn.Module, Parameters]]:
    """The units, and the model itself last, with the parameters of each by their names in the model.

    A parameter that is tied over units is the model's own: it has to be there whenever any of them computes. Raises
    WrongUse.
    """
    _check(model, units)
    names = {parameter: name for name, parameter in model.named_parameters()}
    owners: dict[nn.Parameter, set[nn.Module]] = {}
    for path, parameter in model.named_parameters(remove_duplicate=False):
        owners.setdefault(parameter, set()).add(_innermost(model, path, units))
    divided: dict[nn.Module, Parameters] = {module: {} for module in [*units, model]}
    for parameter, modules in owners.items():
        owner = modules.pop() if len(modules) == 1 else model
        divided[owner][names[parameter]] = parameter
    return [(module, parameters) for module, parameters in divided.items() if parameters]


def _innermost(model: nn.Module, path: str, units: Sequence[nn.Module]) -> nn.Module:
    """The unit deepest on the way from the model to a parameter; the model itself where there is none."""
    found = module = model
    for name in path.split(".")[:-1]:
        module = getattr(module, name)
        found = module if module in units else found
    return found


def _check(model: nn.Module, units: Sequence[nn.Module]) -> None:
    learning(model)  # raises where there is nothing
    inside = set(model.modules())
    for unit in units:
        if unit not in inside:
            raise WrongUse(f"units are submodules of the model, and this {type(unit).__name__} is none.")
        if isinstance(unit, nn.ModuleList | nn.ModuleDict):
            raise WrongUse(f"A {type(unit).__name__} is never called itself: give its members as units.")
