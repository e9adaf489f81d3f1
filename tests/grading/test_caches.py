"""Plans of a product, and a small cache, against the definitions."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.grading.caches import LINE, TILES, flaw, lines_of, misses, multiplies, multiply, product_for, steps_of
from labkit.grading.seeds import dice


def in_order(m, k, n, order="ipj"):
    """A plan of three loops."""
    places = np.indices([{"i": m, "p": k, "j": n}[one] for one in order]).reshape(3, -1)
    return np.stack([places[order.index(one)] for one in "ipj"], axis=1)


def by_tiles(m, k, n, tile):
    steps = in_order(m, k, n)
    return steps[np.lexsort((steps // tile).T[::-1])]


def as_defined(steps, m, k, n, lines):
    """Misses by the words of the exercise, without any haste."""
    held, missed = [], 0
    begin_b = -(-m * k // LINE)
    begin_c = begin_b + -(-k * n // LINE)
    for i, p, j in steps.tolist():
        for line in ((i * k + p) // LINE, begin_b + (p * n + j) // LINE, begin_c + (i * n + j) // LINE):
            if line in held:
                held.remove(line)
            else:
                missed += 1
            held = [*held, line][-lines:] if lines else []
    return missed


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(0, 12), st.randoms(use_true_random=False))
def test_misses_are_those_of_the_definition(m, k, n, lines, random):
    steps = in_order(m, k, n, random.choice([*map("".join, permutations("ipj"))]))
    if random.random() < 0.5:
        steps = steps[random.sample(range(len(steps)), len(steps))]
    assert misses(steps, m, k, n, lines) == as_defined(steps, m, k, n, lines)


def test_a_cache_that_holds_all_misses_each_line_once_and_no_steps_miss_nothing():
    steps = in_order(9, 10, 11)
    assert misses(steps, 9, 10, 11, 10_000) == len(np.unique(lines_of(steps, 9, 10, 11)))
    assert misses(in_order(0, 3, 3), 0, 3, 3, 8) == 0


def test_the_numbers_of_the_text_of_the_problem_set():
    orders = {order: misses(in_order(20, 64, 48, order), 20, 64, 48, 48) for order in map("".join, permutations("ipj"))}
    assert min(orders, key=orders.get) == "ipj"
    assert orders["ipj"] == 7960
    assert orders["ijp"] == 69_240
    assert misses(by_tiles(32, 48, 40, 8), 32, 48, 40, 48) == 2112


@pytest.mark.parametrize("sizes", [(50, 52, 26), (60, 50, 25)])
def test_the_order_of_the_reference_is_the_best_of_six(sizes):
    counts = [misses(in_order(*sizes, order), *sizes, 48) for order in ("ipj", *map("".join, permutations("ipj")))]
    assert counts[0] == min(counts)


def test_a_plan_that_does_each_step_once_multiplies():
    def plan(m, k, n, tile):
        return by_tiles(m, k, n, tile).tolist()

    assert multiplies(plan, 5, 7, 3, 2).shape == (105, 3)
    assert multiplies(plan, 0, 7, 3, 2).shape == (0, 3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda steps: steps[:-1], r"\(1, 2, 3\) never comes"),
        (lambda steps: [*steps[:-1], steps[0]], r"\(0, 0, 0\) comes more than once"),
        (lambda steps: [*steps, steps[5]], r"\(0, 1, 1\) comes more than once"),
        (lambda steps: [*steps[:-1], (2, 0, 0)], r"\(2, 0, 0\) lies outside"),
        (lambda steps: [*steps[:-1], (-1, 0, 0)], r"\(-1, 0, 0\) lies outside"),
        (lambda steps: [], r"\(0, 0, 0\) never comes"),
    ],
)
def test_a_plan_that_is_wrong_hears_which_step(change, says):
    steps = [tuple(step) for step in in_order(2, 3, 4).tolist()]
    with pytest.raises(AssertionError, match=says):
        multiplies(lambda m, k, n: iter(change(steps)), 2, 3, 4)


def test_a_plan_without_end_is_cut():
    def endless(m, k, n):
        while True:
            yield 0, 0, 0

    assert len(steps_of(endless, 2, 2, 2)) == 9
    with pytest.raises(AssertionError, match="more than once"):
        multiplies(endless, 2, 2, 2)


@pytest.mark.parametrize("made", [None, 7, [(1, 2)], [(0, 0, 0), (0, 0)], [0, 1], [(0.5, 0, 0)], [("0", "0", "0")]])
def test_what_is_no_plan_gets_a_sentence(made):
    with pytest.raises(TypeError, match=r"yield|came|three whole numbers"):
        steps_of(lambda m, k, n: made, 2, 2, 2)


def test_multiply_follows_the_steps_and_flaw_says_nothing_of_a_right_plan():
    random = dice("anybody", "product")
    a, b = random.normal(size=(5, 6)), random.normal(size=(6, 7))
    steps = random.permutation(in_order(5, 6, 7))
    assert flaw(steps, 5, 6, 7) == ""
    np.testing.assert_allclose(multiply(steps, a, b), a @ b)


def test_everybody_has_a_cache_in_which_tiles_matter():
    best = Counter()
    for number in range(40):
        own = product_for(f"student {number}")
        sizes = own["m"], own["k"], own["n"]
        counts = {tile: misses(by_tiles(*sizes, tile), *sizes, own["lines"]) for tile in TILES}
        assert min(counts.values()) < 0.45 * misses(in_order(*sizes), *sizes, own["lines"])
        best[min(counts, key=counts.get)] += 1
    assert len(best) >= 3
    assert max(best.values()) < 30
