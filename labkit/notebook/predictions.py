"""Predict, then measure: a student commits to a low, a best and a high number before the machine answers."""

import math
from numbers import Real

from labkit.notebook import example
from labkit.notebook.records import everything, journal
from labkit.notebook.session import current_lab
from labkit.notebook.show import show
from labkit.notebook.stops import NotQuite, PredictFirst, wait_for
from labkit.notebook.wording import amount, interval, judged

_asked: dict[tuple[str, str], str] = {}  # (lab, name) -> unit of what this kernel asked and nobody answered yet


def predict(name: str, unit: str, low=..., best=..., high=...) -> None:
    """Commit to a prediction in `unit`. `...` is unanswered, None in all three gives up; the first answer stands.

    Raises NotQuite (a ValueError) for numbers that cannot be a prediction, or another unit than before.
    """
    numbers, by = (low, best, high), example.STUDENT
    _check_words(name, unit)
    if any(number is ... for number in numbers) and example.present():
        numbers, by = _from_example(name), example.EXAMPLE
    _asked[current_lab(), name] = unit
    if any(number is ... for number in numbers):
        kept = everything().of("prediction", lab=current_lab(), name=name)
        return show(_said(kept[0]) if kept else _question(name, unit))
    numbers = _checked(name, numbers)
    with journal() as kept:
        earlier = kept.of("prediction", lab=current_lab(), name=name)
        if earlier and earlier[0]["unit"] != unit:
            raise NotQuite(f'"{name}" was predicted in {earlier[0]["unit"]}, and its unit cannot change to {unit}.')
        fields = dict(zip(("low", "best", "high"), numbers, strict=True))
        first = (
            earlier[0]
            if earlier
            else kept.append("prediction", lab=current_lab(), name=name, unit=unit, by=by, **fields)
        )
    changed = any(first[end] != fields[end] for end in fields)
    return show(_said(first) + (" That was the first answer, and it stands." if changed else ""))


def measured(name: str, value: float, unit: str | None = None) -> None:
    """Show a measurement beside its prediction, and keep it. Shows and keeps nothing while the prediction is open.

    Raises PredictFirst (in a notebook) while it is unanswered, NotQuite for a name that no cell predicts.
    """
    kept = everything()
    predictions = kept.of("prediction", lab=current_lab(), name=name)
    if not predictions:
        return _unpredicted(name)
    prediction = predictions[0]
    if unit is not None and unit != prediction["unit"]:
        raise NotQuite(f'"{name}" was predicted in {prediction["unit"]} but measured in {unit}. Convert it first.')
    if not _is_number(value):
        raise NotQuite(f'The measurement "{name}" is {value!r}, not a finite number.')
    with journal() as kept:
        kept.append("measurement", lab=current_lab(), name=name, unit=prediction["unit"], value=float(value))
    return show(_compared(prediction, float(value)))


def _unpredicted(name: str) -> None:
    if (current_lab(), name) not in _asked:
        names = sorted({r["name"] for r in everything().of("prediction", lab=current_lab())} | {n for _, n in _asked})
        there = f"There are: {', '.join(names)}." if names else "Run the cell with predict(...) first."
        raise NotQuite(f'Nothing called "{name}" was predicted. {there}')
    sentence = f'Predict first: "{name}" was measured, and is shown once its cell above has your numbers (or None).'
    wait_for(PredictFirst, sentence)


def _check_words(name: str, unit: str) -> None:
    if not isinstance(name, str) or not name.strip():
        raise NotQuite("A prediction needs a name, the first argument, in words.")
    if not isinstance(unit, str):
        raise NotQuite(f'The unit of "{name}" is {unit!r}; write it as text, "" for a plain number.')


def _checked(name: str, numbers: tuple) -> tuple:
    """The three numbers as floats, or three None. Raises NotQuite."""
    if all(number is None for number in numbers):
        return numbers
    for end, number in zip(("low", "best", "high"), numbers, strict=True):
        if number is None:
            raise NotQuite(f'"{name}" needs three numbers; to give up, write None for all three.')
        if not _is_number(number):
            raise NotQuite(f'"{name}": {end} is {number!r}, not a finite number. Write it without unit or quotes.')
    if not numbers[0] <= numbers[1] <= numbers[2]:
        said = ", ".join(amount(number) for number in numbers)
        raise NotQuite(f'"{name}": low, best, high must be in this order, and {said} are not.')
    return tuple(float(number) for number in numbers)


def _is_number(value) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _from_example(name: str) -> tuple:
    numbers = example.answer("predictions", name)
    if numbers == "given up":
        return None, None, None
    if not isinstance(numbers, list) or len(numbers) != 3:
        raise NotQuite(f'The example student\'s prediction "{name}" must be [low, best, high] or "given up".')
    return tuple(numbers)


def _question(name: str, unit: str) -> str:
    asked = f" (in {unit})" if unit else ""
    return (
        f"**Your turn: {name}{asked}?** Write your lowest, best and highest guess in place of the `...` and run the "
        "cell again. Choose them so that you would be surprised to be wrong. `None` in all three gives up."
    )


def _said(prediction: dict) -> str:
    who = prediction["by"].capitalize()
    if prediction["best"] is None:
        return f"**{prediction['name']}**: {who} gave up on this one."
    return f"**{prediction['name']}**: {who} predicted {interval(prediction)}."


def _compared(prediction: dict, value: float) -> str:
    shown = f"**{prediction['name']}: {amount(value, prediction['unit'])}.**"
    who = prediction["by"].capitalize()
    if prediction["best"] is None:
        return f"{shown} {who} made no prediction."
    return f"{shown} {who} predicted {interval(prediction)}: {judged(prediction, value)}."
