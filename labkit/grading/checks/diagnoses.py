"""What wrong numbers look like: guesses that are only made when they explain every number."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np

# Factors that mean something where there is only one number: 2 for a forgotten half, 1000 for a unit, 1024 for KiB.
TELLING = (2, 3, 4, 8, 10, 16, 32, 60, 64, 100, 1000, 1024, 3600, 10**6, 2**20, 10**9, 2**30)


@dataclass(frozen=True)
class Tolerance:
    """|got - expected| <= atol + rtol * |expected|."""

    rtol: float
    atol: float

    def allowed(self, expected: np.ndarray) -> np.ndarray:
        """How far each number may be off."""
        return self.atol + self.rtol * np.abs(expected)

    def agree(self, got: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Which numbers are close, NaN to NaN and inf to inf. Shapes: equal."""
        with np.errstate(all="ignore"):
            near = (np.abs(got - expected) <= self.allowed(expected)) & np.isfinite(expected)
            return near | (got == expected) | (np.isnan(got) & np.isnan(expected))

    def all_agree(self, got: np.ndarray, expected: np.ndarray) -> bool:
        """Whether shapes are equal and all numbers close."""
        return got.shape == expected.shape and bool(self.agree(got, expected).all())


def shape_diagnosis(got: tuple, expected: tuple) -> str:
    """What a wrong shape looks like, or ""."""
    if len(got) > 1 and sorted(got) == sorted(expected):
        return "is it transposed?"
    if [n for n in got if n != 1] == [n for n in expected if n != 1]:
        many = len(got) - len(expected)
        return f"an axis of length 1 is {'too many' if many > 0 else 'missing' if many < 0 else 'misplaced'}"
    if prod(got) == prod(expected):
        return "the numbers are as many as asked for: is a reshape missing, or a wrong one?"
    off = [(i, n - m) for i, (n, m) in enumerate(zip(got, expected, strict=False)) if n != m]
    if len(got) == len(expected) and len(off) == 1 and abs(off[0][1]) == 1:
        return f"there is one too {'many' if off[0][1] > 0 else 'few'} along axis {off[0][0]}"
    return ""


def diagnosis(got: np.ndarray, expected: np.ndarray, tolerance: Tolerance) -> str:
    """What wrong numbers look like, or "". got, expected: float64 or complex128 of the same shape."""
    with np.errstate(all="ignore"):
        return _diagnosis(got, expected, tolerance) if got.size else ""


def _diagnosis(got: np.ndarray, expected: np.ndarray, tolerance: Tolerance) -> str:
    tight = _tightened(tolerance, expected)
    if tight.all_agree(got, np.zeros_like(got)):  # then any small factor would explain it too
        return "" if got.any() or got.size == 1 else "all that came are zeros: is the result ever written?"
    if tight.all_agree(got, -expected):
        return "the sign is wrong, and nothing else" if got.size == 1 else "every number has the wrong sign"
    if np.ptp(got) == 0 and np.ptp(expected) == 0:  # one number, or the same everywhere
        return _single(got.ravel()[:1], expected.ravel()[:1], tight)
    guesses = ((_moved, tight), (_scaled, tight), (_offset, tight), (_region, tolerance), (_order, tight))
    return next((said for guess, allowed in guesses if (said := guess(got, expected, allowed))), "")


def _tightened(tolerance: Tolerance, expected: np.ndarray) -> Tolerance:
    """A guess has to explain the numbers well, where a check allows much: else every guess would do."""
    largest = np.max(np.abs(expected), initial=0, where=np.isfinite(expected))
    return Tolerance(min(tolerance.rtol, 1e-3), min(tolerance.atol, 1e-3 * float(largest)))


def _single(got: np.ndarray, expected: np.ndarray, tolerance: Tolerance) -> str:
    one, two = got.item(), expected.item()
    if one - two in (1, -1) and two.real > 2 and two == int(two.real):
        return f"one too {'many' if one - two == 1 else 'few'}: is an end counted twice, or not at all?"
    for factor in TELLING:
        if tolerance.all_agree(got, expected * factor):
            return f"it is {factor:,} times the expected number"
        if tolerance.all_agree(got, expected / factor):
            return f"it is the expected number divided by {factor:,}"
    return ""


def _moved(got: np.ndarray, expected: np.ndarray, tolerance: Tolerance) -> str:
    return next((said for moved, said in _moves(expected) if tolerance.all_agree(got, moved)), "") or next(
        (
            f"the numbers stand one place too {'late' if late else 'early'} along axis {axis}"
            for axis in range(got.ndim)
            if got.shape[axis] > 3  # of three numbers, two agree by chance
            for late in (True, False)
            if _shifted(np.moveaxis(got, axis, 0), np.moveaxis(expected, axis, 0), late, tolerance)
        ),
        "",
    )


def _moves(expected: np.ndarray) -> Iterator[tuple[np.ndarray, str]]:
    """The expected numbers, rearranged as people do it by mistake."""
    if expected.ndim > 1:
        yield expected.T, "it is transposed"
    if expected.ndim > 2:
        for one, two in combinations(range(expected.ndim), 2):
            yield np.swapaxes(expected, one, two), f"axes {one} and {two} are exchanged"
    for axis in range(expected.ndim):
        along = f" along axis {axis}" if expected.ndim > 1 else ""
        yield np.flip(expected, axis), f"it is reversed{along}"
    if expected.ndim == 2:
        yield np.reshape(expected.T, expected.shape), "the numbers were read column by column, not row by row"


def _shifted(got: np.ndarray, expected: np.ndarray, late: bool, tolerance: Tolerance) -> bool:
    """Whether got is expected, moved by one along axis 0; what was moved in at the end may be anything."""
    one, two = (got[1:], expected[:-1]) if late else (got[:-1], expected[1:])
    # Numbers that are all equal would agree wherever they stood.
    return tolerance.all_agree(one, two) and not tolerance.all_agree(two[1:], two[:-1])


def _scaled(got: np.ndarray, expected: np.ndarray, tolerance: Tolerance) -> str:
    ok = np.isfinite(expected) & np.isfinite(got)
    strength = float(np.sum(np.abs(expected[ok]) ** 2))
    if not 0 < strength < np.inf or np.unique(expected[ok]).size < 2:
        return ""
    factor = np.sum(got[ok] * np.conj(expected[ok])).item() / strength
    if not factor or not tolerance.all_agree(got, expected * factor):
        return ""
    if isinstance(factor, complex):
        return f"every number is {factor:.4g} times the expected one"
    inverse = 1 / factor
    if abs(factor) < 1 and abs(inverse - round(inverse)) < 1e-3 * abs(inverse):
        return f"every number is the expected one divided by {inverse:.4g}{_meaning(abs(inverse), expected.shape)}"
    return f"every number is {factor:.4g} times the expected one{_meaning(abs(factor), expected.shape)}"


def _meaning(factor: float, shape: tuple) -> str:
    """A factor that is the length of an axis, or the number of all numbers, is a mean taken or forgotten."""
    if factor < 3:
        return ""
    axis = next((i for i, n in enumerate(shape) if abs(factor - n) < 1e-3 * n), None)
    if axis is not None:
        return f", which is the length of axis {axis}: a sum for a mean, or the reverse?"
    return (
        ", which is how many there are: a sum for a mean, or the reverse?" if abs(factor - prod(shape)) < 1e-3 else ""
    )


def _offset(got: np.ndarray, expected: np.ndarray, tolerance: Tolerance) -> str:
    ok = np.isfinite(expected) & np.isfinite(got)
    if np.iscomplexobj(got) or np.iscomplexobj(expected) or np.unique(expected[ok]).size < 2:
        return ""
    off = float(np.mean(got[ok] - expected[ok]))
    # Where numbers are tiny beside what is allowed, adding anything would agree.
    if not tolerance.all_agree(got, expected + off) or abs(off) <= tolerance.atol:
        return ""
    return f"every number is {abs(off):.4g} too {'large' if off > 0 else 'small'}"


def _region(got: np.ndarray, expected: np.ndarray, tolerance: Tolerance) -> str:
    """All wrong numbers at one end of an axis: what a loop over tiles leaves undone."""
    wrong = ~tolerance.agree(got, expected)
    for axis in range(wrong.ndim):
        length = wrong.shape[axis]
        rows = np.flatnonzero(wrong.any(axis=tuple(i for i in range(wrong.ndim) if i != axis)))
        if length < 4 or len(rows) > length // 2:
            continue
        if rows[-1] == length - 1 and len(rows) == length - rows[0]:
            return f"wrong only from index {rows[0]} on along axis {axis}, of {length}: is the end handled?"
        if rows[0] == 0 and len(rows) == rows[-1] + 1:
            return f"wrong only up to index {rows[-1]} along axis {axis}, of {length}: is the start handled?"
    return ""


def _order(got: np.ndarray, expected: np.ndarray, tolerance: Tolerance) -> str:
    if tolerance.all_agree(np.sort(got, axis=None), np.sort(expected, axis=None)):
        return "these are the right numbers in a wrong order"
    return ""
