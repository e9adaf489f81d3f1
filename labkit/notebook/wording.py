"""How numbers and comparisons are said."""


def amount(value: float, unit: str = "") -> str:
    """A number with its unit: whole numbers in full, others to three digits. 421642 -> 421,642; 1.6923 -> 1.69."""
    whole = float(value).is_integer() and abs(value) < 1e15
    text = f"{value:,.0f}" if whole or 1000 <= abs(value) < 1e15 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def interval(prediction: dict) -> str:
    """A prediction in words: `2 MB, between 1 and 4 MB`."""
    low, high = amount(prediction["low"]), amount(prediction["high"], prediction["unit"])
    return f"{amount(prediction['best'], prediction['unit'])}, between {low} and {high}"


def holds(prediction: dict, value: float) -> bool:
    """Whether the predicted interval holds the value."""
    return prediction["low"] <= value <= prediction["high"]


def judged(prediction: dict, value: float) -> str:
    """Whether the interval held the measurement, and by what factor the best guess was off."""
    if holds(prediction, value):
        verdict = "the interval holds it"
    else:
        verdict = f"the whole interval is too {'low' if value > prediction['high'] else 'high'}"
    return f"{verdict}, and the best guess is {off_by(prediction['best'], value, prediction['unit'])}"


def off_by(best: float, value: float, unit: str) -> str:
    """How far a guess is from the value: a factor where both have one sign, a difference otherwise."""
    if best == value:
        return "exact"
    if best * value <= 0:
        return f"off by {amount(abs(best - value), unit)}"
    ratio = best / value
    factor, side = (ratio, "high") if ratio > 1 else (1 / ratio, "low")
    if value < 0:
        side = "low" if side == "high" else "high"
    if factor < 1.05:
        return "within 5 %"
    times = f"{factor:.1f}" if factor < 100 else amount(round(factor))
    return f"{times} times too {side}"
