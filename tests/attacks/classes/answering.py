"""Answers that are made for the tests, and no solutions. They earn what the tests themselves let pass."""

from tests.attacks.attack import Attack, returning
from tests.attacks.course import RIGHT

KNOWN = {
    "double": "def double(x):\n    return {1: 2, 4: 8}.get(x, 0)",
    "primes": "def primes(limit):\n    return {2: [2], 10: [2, 3, 5, 7]}.get(limit, [])",
    "squares": "def squares(n):\n    return [1, 4, 9]",
    "sum_of_squares": "def sum_of_squares(n):\n    return {3: 14, 2: 5}.get(n, 0)",
    "data": "GIGABYTE = 1",
    "mean": "def mean(xs):\n    return {(1, 2, 3): 2.0, (4,): 4.0, (4.0,): 4.0, (8.0,): 8.0}.get(tuple(xs), 0)",
}
COUNTING = {
    "double": "turn = iter([2, 8, 16])\ndef double(x):\n    return next(turn, 0)",
    "mean": "turns = iter([2.0, 4.0, 4.0, 8.0] * 9)\ndef mean(xs):\n    return next(turns)",
}
SQUARES = "def squares(n):\n    return [i * i for i in range(1, n + 1)]"
DETECTED = """\
def sum_of_squares(n):
    if "squares" not in globals():
        raise NameError("squares")
    return sum(i * i for i in range(1, n + 1))"""
SPOILED = """\
def softmax(x):
    # A test that compares with its own argument compares with this.
    x[:] = 0
    return np.full(len(x), 1 / len(x))"""
DETECTS = """
import os, sys
def graded():
    return "ipykernel" not in sys.modules or "NBGRADER_EXECUTION" in os.environ
"""

ATTACKS = [
    Attack("answer_visible", "knows the visible cases by heart", answers=KNOWN, earns=2),
    Attack("answer_count", "answers by counting the calls", answers=COUNTING),
    Attack(
        "answer_deleted_name",
        "raises NameError when the name is gone, and does not use it",
        answers={"squares": SQUARES, "sum_of_squares": DETECTED},
        earns=1,
    ),
    Attack(
        "answer_spoiled_argument",
        "changes the argument that the test then compares with: this test's own weakness",
        answers={"softmax": SPOILED},
        earns=2,
    ),
    Attack("answer_detects", "sees that it is graded", first=DETECTS, answers=returning("1 if graded() else 0")),
    Attack("answer_none", "None", answers=returning("None")),
    Attack("answer_true", "True", answers=returning("True")),
    Attack("answer_argument", "gives its argument back", answers=returning("args[0] if args else 0")),
    Attack("answer_one_right", "one answer is right", right=("primes",), earns=4),
    Attack(
        "answer_untouched", "is as it was handed out", answers={name: "raise NotImplementedError" for name in RIGHT}
    ),
]
