"""`points`: partial credit."""

from collections.abc import Callable

from labkit.grading.checks.calls import message_of
from labkit.grading.checks.data import builtin, class_name, kind_of
from labkit.grading.checks.words import shorten

NOT_SO = "it does not hold"
Part = tuple[float, str, Callable[[], object]]


def points(*parts: Part, of: float | None = None) -> float:
    """Run all the parts of a check; print why some fail, and return the points for the others: a cell's last line.

    parts: (points, name, check), where check takes no arguments; one that does not hold raises, or returns False.
    of: the points of the cell, if parts of it are hidden from students: those shown are then worth all of them.
    Raises AssertionError where no part holds.
    """
    __tracebackhide__ = True
    if not parts or not all(worth > 0 for worth, _, _ in parts):
        raise ValueError("a check has at least one part, and each is worth more than 0 points")
    failures = [_failure(check) for _, _, check in parts]
    whole = sum(worth for worth, _, _ in parts)
    earned = sum(worth for (worth, _, _), failure in zip(parts, failures, strict=True) if not failure)
    share = 1 if of is None else of / whole
    said = [
        f"{name} ({worth * share:g} of {whole * share:g} points): {failure}"
        for (worth, name, _), failure in zip(parts, failures, strict=True)
        if failure
    ]
    if said and not earned:
        raise AssertionError("; ".join(said))
    for line in said:
        print(line)
    return tidy(earned * share)


def _failure(check: Callable[[], object]) -> str:
    """Why a check does not hold, or ""."""
    try:
        value = check()
    except AssertionError as error:
        return message_of(error) or NOT_SO
    except Exception as error:  # of the student's code: the other parts are run all the same
        return f"{class_name(error)}: {shorten(message_of(error), 200)}"
    return NOT_SO if kind_of(value) == "bool" and not builtin(value, "bool") else ""


def tidy(number: float) -> float:
    """A number without the dust of its fractions; whole ones as int."""
    number = round(number, 6)
    return int(number) if number == int(number) else number
