"""Benches: `labkit bench NAME` runs one and prints ratios, the rows behind them and the machine that ran it."""

from importlib import import_module
from inspect import signature

from labkit.errors import WrongUse

NAMES = ("engines", "grading", "kernels", "parallel", "serving")


def run(name: str, **options: object) -> dict:
    """Run one bench. Returns {"machine", "rows", "summary"}; raises WrongUse for a name or option that there is not.

    options: what `labkit bench` was given, handed to the bench; None stands for not given.
    """
    if name not in NAMES:
        raise WrongUse(f"There is no bench {name!r}; there is: {', '.join(NAMES)}.")
    from labkit.bench.harness import ForeignLoad, machine

    measure = import_module(f"labkit.bench.{name}").measure
    given = {option: value for option, value in options.items() if value is not None}
    if unknown := given.keys() - signature(measure).parameters:
        raise WrongUse(f"The bench {name} has no --{min(unknown)}.")
    with ForeignLoad() as load:
        result = measure(**given)
    return {"machine": {**machine(), "foreign_load": round(load.share, 3)}, **result}


def as_text(result: dict) -> str:
    """A bench's result for people."""
    rows = [", ".join(f"{key} {_digits(value)}" for key, value in row.items()) for row in result["rows"]]
    summary = [f"{key}: {_digits(value)}" for key, value in result["summary"].items()]
    taken = f"others took {result['machine']['foreign_load']:.0%} of the processors"
    return "\n".join([*rows, *summary, taken])


def _digits(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
