"""`close`: equal numbers but for rounding. Says shape, what is not finite, the largest error, and its likely cause."""

import numpy as np

from labkit.grading.checks.data import DEEPEST, array_of, detached, kind_of, members
from labkit.grading.checks.diagnoses import Tolerance, diagnosis, shape_diagnosis
from labkit.grading.checks.equality import array_shape, arrays, dicts, difference, sequences
from labkit.grading.checks.numbers import NoNumbers, Numbers, WrongShape, numbers
from labkit.grading.checks.words import place, show


def close(
    got: object,
    expected: object,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    what: str = "your answer",
    dtype: object = None,
) -> None:
    """Check that |got - expected| <= atol + rtol * |expected| in float64, NaN and inf where they are expected.

    Numbers, lists, arrays and tensors, of any shape; dicts and tuples of them; what is no number must be the same.
    dtype: "float32", torch.int64, ... asks for exactly it, and "float", "int" or "bool" for any of that kind.
    Raises AssertionError.
    """
    __tracebackhide__ = True
    if not (0 <= rtol < np.inf and 0 <= atol < np.inf):
        raise ValueError(f"what is allowed is finite and not below 0: rtol={rtol}, atol={atol}")
    tolerance, asked = Tolerance(rtol, atol), dtype_name(dtype)

    def compare(one: object, two: object, path: tuple = ()) -> str:
        return _difference(one, two, path, tolerance, asked, compare)

    if found := compare(got, expected):
        raise AssertionError(f"{what}{found}")


def _difference(got, expected, path: tuple, tolerance: Tolerance, asked: str, compare) -> str:
    """As equality.difference, with numbers compared as arrays. It is `expected` that says what is an array."""
    wanted, found = kind_of(expected), kind_of(got)
    if len(path) > DEEPEST:
        return difference(got, expected, path)
    if wanted == found == "dict":
        return dicts(got, expected, path, compare)
    try:
        target = None if _holds_arrays(expected, wanted) else numbers(expected)
    except NoNumbers:
        target = None
    if target is not None:
        try:
            return _arrays(numbers(got, path, target.values.shape), target, path, tolerance, asked)
        except NoNumbers as error:
            return str(error)
        except WrongShape as error:
            return _wrong_shape(error.shape, target.values.shape, path)
    if wanted in ("list", "tuple") and found in ("list", "tuple", "array", "tensor"):
        rows = members(expected, wanted)
        if found in ("array", "tensor") and array_shape(got)[:1] != (len(rows),):
            return f"{place(path)}: {len(rows)} arrays expected, {show(got)} found"
        return sequences(_rows(got, found), rows, path, compare)
    return difference(got, expected, path, compare)


def _holds_arrays(value: object, kind: str) -> bool:
    """Whether a list holds arrays: each of them is then compared on its own, and has its own diagnosis."""
    return kind in ("list", "tuple") and any(
        kind_of(one) == "tensor" or (kind_of(one) == "array" and array_of(one).ndim) for one in members(value, kind)
    )


def _rows(value: object, kind: str) -> list:
    if kind in ("list", "tuple"):
        return members(value, kind)
    return list(array_of(value) if kind == "array" else detached(value))


def _arrays(got: Numbers, expected: Numbers, path: tuple, tolerance: Tolerance, asked: str) -> str:
    one, two = got.values, expected.values
    if one.shape != two.shape:
        return _wrong_shape(one.shape, two.shape, path)
    if asked and asked not in (got.kind, got.dtype):
        return f"{place(path)}: datatype {asked} is asked for, and {got.dtype or got.kind} came"
    if one.size and "bool" in (got.kind, expected.kind) and got.kind != expected.kind:
        asked_for = "True or False" if expected.kind == "bool" else "numbers"
        return f"{place(path)}: {asked_for} expected, and {got.dtype or got.kind} came"
    if got.kind == "complex" and expected.kind != "complex":
        return f"{place(path)}: real numbers are expected, and complex ones came"
    if expected.kind == "bool":
        return arrays(one.astype(bool), two.astype(bool), path)
    return _not_finite(one, two, path) or _too_far(one, two, path, tolerance)


def _wrong_shape(got: tuple, expected: tuple, path: tuple) -> str:
    return f"{place(path)}: shape {expected} expected, {got} found{_then(shape_diagnosis(got, expected))}"


def _not_finite(got: np.ndarray, expected: np.ndarray, path: tuple) -> str:
    """NaN and inf that are not where they are expected, or of another sign."""
    unusual = ~np.isfinite(got) | ~np.isfinite(expected)
    agree = (got == expected) | (np.isnan(got) & np.isnan(expected))
    wrong = unusual & ~agree
    if not wrong.any():
        return ""
    where = _first(wrong)
    cause = "" if np.isfinite(got[where]) else ": a division by 0, a logarithm of 0, or an overflow?"
    return (
        f"{_at(path, where)}: {_show(expected[where])} expected, {_show(got[where])} found"
        f" ({int(wrong.sum())} of {wrong.size} such places){cause}"
    )


def _too_far(got: np.ndarray, expected: np.ndarray, path: tuple, tolerance: Tolerance) -> str:
    """The number that is farthest beyond what is allowed."""
    wrong = ~tolerance.agree(got, expected)
    if not wrong.any():
        return ""
    with np.errstate(all="ignore"):
        error, allowed = np.abs(got - expected), tolerance.allowed(expected)
        where = _first(np.where(wrong, error - allowed, -np.inf))
    one, two = got[where], expected[where]
    digits = (f"{two:.6g}", f"{one:.6g}") if f"{one:.6g}" != f"{two:.6g}" else (_show(two), _show(one))
    count = f"; {int(wrong.sum())} of {wrong.size} numbers are wrong" if wrong.size > 1 else ""
    return (
        f"{_at(path, where)}: {digits[0]} expected, {digits[1]} found (off by {error[where]:.3g}, allowed "
        f"{allowed[where]:.3g}){count}{_then(diagnosis(got, expected, tolerance))}"
    )


def _first(numbers_or_mask: np.ndarray) -> tuple:
    """The index of the largest number, or of the first True."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(numbers_or_mask)), numbers_or_mask.shape))


def _at(path: tuple, where: tuple) -> str:
    return place((*path, ", ".join(map(str, where))) if where else path)


def _show(number: np.generic) -> str:
    return repr(number.item())


def _then(said: str) -> str:
    return f". {said[0].upper()}{said[1:]}" if said else ""


def dtype_name(dtype: object) -> str:
    """The name of a datatype, however it was given: NumPy's, torch's, a builtin type, or text."""
    if dtype is None:
        return ""
    if any(dtype is one for one in (bool, int, float, complex)):  # np.dtype("float64") == float
        return dtype.__name__
    if isinstance(dtype, str):
        return dtype
    return str(dtype).removeprefix("torch.") if kind_of(dtype) == "dtype" else np.dtype(dtype).name
