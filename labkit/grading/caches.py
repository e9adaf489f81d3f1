"""Problem set 05: plans of a matrix product, and what they miss in a small cache.

A plan is data: the steps (i, p, j) of C[i, j] += A[i, p] * B[p, j] in the order in which they are done.
A: (m, k), B: (k, n), C: (m, n), float64 by rows; each begins at the beginning of a line.
"""

from collections import OrderedDict
from collections.abc import Callable
from itertools import islice

import numpy as np

from labkit.grading.checks import close
from labkit.grading.crossing import crossing
from labkit.grading.seeds import dice

LINE = 8  # float64 numbers in a line of 64 bytes
TILES = (4, 8, 12, 16, 24)  # those that a student chooses from


@crossing
def steps_of(plan: Callable, m: int, k: int, n: int, *more: object) -> np.ndarray:
    """The steps of plan(m, k, n, *more), int64 (steps, 3); of a plan that goes on, one more than there should be.

    Raises TypeError where they are no steps.
    """
    made = plan(m, k, n, *more)
    if not hasattr(made, "__iter__"):
        raise TypeError(
            "a plan yields steps, and None came: is a `yield` missing?" if made is None else "no steps came"
        )
    taken = list(islice(made, m * k * n + 1))
    if not taken:
        return np.empty((0, 3), np.int64)
    try:
        steps = np.array(taken)
    except ValueError:  # rows of unequal length
        steps = np.empty(0)
    if steps.shape != (len(taken), 3) or steps.dtype.kind not in "iu":
        raise TypeError("a step is a tuple (i, p, j) of three whole numbers")
    return steps.astype(np.int64)


def flaw(steps: np.ndarray, m: int, k: int, n: int) -> str:
    """What is wrong with the steps of a product, as a sentence; "" where each comes exactly once."""
    sizes = np.array([m, k, n])
    outside = ((steps < 0) | (steps >= sizes)).any(axis=1)
    if outside.any():
        return f"the step {_first(steps, outside)} lies outside: there are {m}, {k} and {n} values of i, p and j"
    times = np.bincount(steps @ np.array([k * n, n, 1]), minlength=m * k * n)
    for wrong, what in ((times > 1, "comes more than once"), (times == 0, "never comes")):
        if wrong.any():
            one = np.stack(np.unravel_index(np.flatnonzero(wrong)[:1], (m, k, n)), axis=1)
            return f"the step {_first(one, np.array([True]))} {what}"
    return ""


def multiply(steps: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What a plan computes. a: (m, k), b: (k, n). Returns float64 (m, n)."""
    i, p, j = steps.T
    c = np.zeros((a.shape[0], b.shape[1]))
    np.add.at(c, (i, j), a[i, p] * b[p, j])
    return c


def multiplies(plan: Callable, m: int, k: int, n: int, *more: object) -> np.ndarray:
    """Check that a plan does each step of an (m, k) times (k, n) product exactly once, and return its steps.

    Raises AssertionError.
    """
    __tracebackhide__ = True
    steps = np.asarray(steps_of(plan, m, k, n, *more))
    if steps.ndim != 2 or steps.shape[1] != 3 or steps.dtype != np.int64:  # only the judge's other side could say so
        raise AssertionError("no steps came")
    given = f"with m, k, n = {m}, {k}, {n}" + "".join(f" and tile {one}" for one in more)
    if wrong := flaw(steps, m, k, n):
        raise AssertionError(f"{given}, {wrong}")
    random = np.random.default_rng([m, k, n])
    a, b = random.integers(-9, 10, (m, k)).astype(float), random.integers(-9, 10, (k, n)).astype(float)
    close(multiply(steps, a, b), a @ b, what=f"C {given}")  # whole numbers: the order of the sums does not matter
    return steps


def misses(steps: np.ndarray, m: int, k: int, n: int, lines: int) -> int:
    """How often a plan asks for a line that a cache of `lines` lines does not hold: it throws out the one not used for
    longest. A step asks for A[i, p], then B[p, j], then C[i, j]; the cache is empty at first."""
    asked = lines_of(steps, m, k, n)
    if lines >= 3 and len(asked):  # a step that asks for the lines of the one before hits, and changes nothing
        asked = asked[np.append(True, (asked[1:] != asked[:-1]).any(axis=1))]
    held: OrderedDict[int, None] = OrderedDict()  # the one not used for longest is first
    missed = 0
    for line in asked.ravel().tolist():
        if line in held:
            held.move_to_end(line)
            continue
        missed += 1
        held[line] = None
        if len(held) > lines:
            held.popitem(last=False)
    return missed


def lines_of(steps: np.ndarray, m: int, k: int, n: int) -> np.ndarray:
    """The lines that each step asks for, int64 (steps, 3): those of A come first in memory, then B's, then C's."""
    i, p, j = steps.T
    of_b = -(-m * k // LINE)
    of_c = of_b - (-k * n // LINE)
    return np.stack([(i * k + p) // LINE, of_b + (p * n + j) // LINE, of_c + (i * n + j) // LINE], axis=1)


def product_for(name: str) -> dict[str, int]:
    """The product of one student, and the cache for it: m, k, n and lines. No matrix fits into the cache."""
    random = dice(name, "ps05 tiles")
    m, k, n = (int(size) for size in random.choice([32, 40, 48], 3))
    few, many = random.integers(26, 38), random.integers(44, 91)
    return {"m": m, "k": k, "n": n, "lines": int(random.choice([few, many]))}


def _first(steps: np.ndarray, where: np.ndarray) -> str:
    return str(tuple(int(number) for number in steps[where][0]))
