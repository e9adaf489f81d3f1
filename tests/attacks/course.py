"""The course that the attacks are handed in to: every way in which a test cell asks for something, in 24 points.

`RIGHT` are the instructor's answers, worth all points; `WRONG` are answers worth none, on which every attack builds.
"""

import re
import shutil
from pathlib import Path

NAME = "ps00"
MOST = 24  # points that a machine gives; a person gives 3 more
SENTINEL = "quokka"  # stands in hidden tests only: whoever says it has seen one
TEXT = '''\
# %% [markdown]
# # All ways to ask

# %% locked="imports"
import numpy as np
import torch


def close(a, b):
    """The instructor's own helper."""
    return abs(a - b) <= 1e-6

# %% solution="double"
def double(x):
    """x + x, whatever x is."""
    ### BEGIN SOLUTION
    return x + x
    ### END SOLUTION

# %% test="double-plain" points=1
assert double(1) == 2, "double(1) is 2"
assert double(4) == 8, "double(4) is 8"
### BEGIN HIDDEN TESTS
assert double(7919) == 15838, "larger numbers too"
### END HIDDEN TESTS

# %% test="double-hidden" points=2
### BEGIN HIDDEN TESTS
assert double(-3) == -6
assert double("quokka") == "quokkaquokka"
assert double([1]) == [1, 1]
assert isinstance(double(2.5), float)
### END HIDDEN TESTS

# %% solution="softmax"
def softmax(x):
    """exp(x) / sum(exp(x)) of a vector, without overflow."""
    ### BEGIN SOLUTION
    e = np.exp(x - x.max())
    return e / e.sum()
    ### END SOLUTION

# %% test="softmax-numpy" points=2
np.testing.assert_allclose(softmax(np.zeros(4)), np.full(4, 0.25))
x = np.array([1.0, 2.0, 4.0])
np.testing.assert_allclose(softmax(x), np.exp(x) / np.exp(x).sum(), rtol=1e-6)
### BEGIN HIDDEN TESTS
np.testing.assert_allclose(softmax(np.array([1000.0, 1000.0])), [0.5, 0.5])
assert softmax(x).shape == (3,)
### END HIDDEN TESTS

# %% solution="relu"
def relu(x):
    """max(x, 0) of a tensor."""
    ### BEGIN SOLUTION
    return torch.clamp(x, min=0)
    ### END SOLUTION

# %% test="relu-torch" points=2
torch.testing.assert_close(relu(torch.tensor([-1.0, 0.0, 2.0])), torch.tensor([0.0, 0.0, 2.0]))
### BEGIN HIDDEN TESTS
t = torch.arange(-4, 4, dtype=torch.float64).reshape(2, 4)
torch.testing.assert_close(relu(t), t * (t > 0))
### END HIDDEN TESTS

# %% solution="primes"
def primes(limit):
    """The primes up to a limit, as a list."""
    ### BEGIN SOLUTION
    return [n for n in range(2, limit + 1) if all(n % k for k in range(2, n))]
    ### END SOLUTION

# %% test="primes-partial" points=4
score = sum(primes(limit) == known for limit, known in [(2, [2]), (10, [2, 3, 5, 7])])
### BEGIN HIDDEN TESTS
score += sum(primes(limit) == known for limit, known in [(3, [2, 3]), (30, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29])])
### END HIDDEN TESTS
score

# %% solution="smallest"
def smallest(f, xs):
    """The x of a list at which f(x) is smallest. f is expensive: it is called once for each x."""
    ### BEGIN SOLUTION
    return min(xs, key=f)
    ### END SOLUTION

# %% test="smallest-callback" points=2
calls = []


def parabola(x):
    calls.append(x)
    return (x - 3) ** 2


assert smallest(parabola, [1, 2, 3, 4]) == 3
assert sorted(calls) == [1, 2, 3, 4], "f is called once for each x"
### BEGIN HIDDEN TESTS
calls.clear()
assert smallest(parabola, [9, 8]) == 8
assert len(calls) == 2
### END HIDDEN TESTS

# %% solution="account"
class Account:
    """Holds a balance. `withdraw` raises ValueError for more than there is."""
    ### BEGIN SOLUTION
    def __init__(self, balance=0):
        self.balance = balance
        self.history = []

    def deposit(self, amount):
        self.balance += amount
        self.history.append(amount)
        return self.balance

    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError(f"there are only {self.balance}")
        return self.deposit(-amount)
    ### END SOLUTION

# %% test="account-class" points=2
ours, theirs = Account(10), Account()
assert ours.deposit(5) == 15
assert ours.withdraw(7) == 8
assert (ours.balance, theirs.balance) == (8, 0), "two accounts have two balances"
### BEGIN HIDDEN TESTS
try:
    theirs.withdraw(1)
except ValueError:
    pass
else:
    raise AssertionError("more than there is cannot be withdrawn")
assert list(ours.history) == [5, -7]
assert isinstance(ours, Account)
### END HIDDEN TESTS

# %% solution="shift"
def shift(x):
    """Takes the mean from an array, in place. Returns None."""
    ### BEGIN SOLUTION
    x -= x.mean()
    ### END SOLUTION

# %% test="shift-in-place" points=2
x = np.array([1.0, 2.0, 6.0])
assert shift(x) is None
np.testing.assert_allclose(x, [-2.0, -1.0, 3.0])
### BEGIN HIDDEN TESTS
table = np.arange(6.0).reshape(2, 3)
shift(table[1])
np.testing.assert_allclose(table, [[0.0, 1.0, 2.0], [-1.0, 0.0, 1.0]])
### END HIDDEN TESTS

# %% solution="total"
def total(rows):
    """The sum of all numbers of an array, which stays as it is."""
    ### BEGIN SOLUTION
    return float(rows.sum())
    ### END SOLUTION

# %% test="total-leaves-it" points=1
rows = np.arange(12.0).reshape(3, 4)
before = rows.copy()
assert total(rows) == before.sum()
assert np.array_equal(rows, before), "the array stays as it is"
### BEGIN HIDDEN TESTS
numbers = np.array([[0.5, -2.0]])
wanted = [numbers.sum(), total(numbers)]
assert wanted == [-1.5, -1.5]
### END HIDDEN TESTS

# %% solution="squares"
def squares(n):
    """[1, 4, ..., n * n]"""
    ### BEGIN SOLUTION
    return [i * i for i in range(1, n + 1)]
    ### END SOLUTION

# %% solution="sum_of_squares"
def sum_of_squares(n):
    """The sum of squares(n)."""
    ### BEGIN SOLUTION
    return sum(squares(n))
    ### END SOLUTION

# %% test="squares-sum" points=1
assert squares(3) == [1, 4, 9]
assert sum_of_squares(3) == 14
### BEGIN HIDDEN TESTS
assert sum_of_squares(10) == 385
### END HIDDEN TESTS

# %% test="squares-deleted" points=2
assert sum_of_squares(2) == 5
kept = squares
del squares
try:
    sum_of_squares(1)
except NameError:
    pass
else:
    raise AssertionError("sum_of_squares does not use squares")
finally:
    squares = kept
### BEGIN HIDDEN TESTS
def squares(n):
    return [n, 100]


assert sum_of_squares(5) == 105
squares = kept
assert sum_of_squares(4) == 30
### END HIDDEN TESTS

# %% solution="data"
GIGABYTE = ...  # in bytes
### BEGIN SOLUTION
GIGABYTE = 10**9
### END SOLUTION

# %% test="data-name" points=1
assert GIGABYTE > 0, "a number of bytes"
### BEGIN HIDDEN TESTS
assert GIGABYTE == 1_000_000_000
### END HIDDEN TESTS

# %% solution="mean"
def mean(xs):
    """The mean of a list of numbers."""
    ### BEGIN SOLUTION
    return sum(xs) / len(xs)
    ### END SOLUTION

# %% test="mean-names" points=2
expected = {(1, 2, 3): 2.0, (4,): 4.0}
assert all(close(mean(list(xs)), y) for xs, y in expected.items())
assert sum(np.isclose(mean([2 * y]), 2 * y) for y in expected.values()) == len(expected)
### BEGIN HIDDEN TESTS
more = [([0.5, 0.25], 0.375), ([-1, 1, 3], 1.0)]
assert all(map(lambda case: close(mean(case[0]), case[1]), more))
### END HIDDEN TESTS

# %% [markdown] task="why" points=3
# Why does softmax subtract the largest number first?
# ### BEGIN MARK SCHEME
# Because exp overflows: 3 points.
# ### END MARK SCHEME

# %% [markdown]
# *Your words here.*
'''
WRONG = {
    "double": "def double(x):\n    return 0",
    "softmax": "def softmax(x):\n    return np.zeros(3)",
    "relu": "def relu(x):\n    return torch.ones(1)",
    "primes": "def primes(limit):\n    return []",
    "smallest": "def smallest(f, xs):\n    return None",
    "account": """\
class Account:
    def __init__(self, balance=0):
        self.balance = self.history = -1

    def deposit(self, amount):
        return -1

    def withdraw(self, amount):
        return -1""",
    "shift": "def shift(x):\n    return 0",
    "total": "def total(rows):\n    return -1.0",
    "squares": "def squares(n):\n    return []",
    "sum_of_squares": "def sum_of_squares(n):\n    return -1",
    "data": "GIGABYTE = 0",
    "mean": "def mean(xs):\n    return -1.0",
}
POINTS = {name: float(points) for name, points in re.findall(r'test="([\w-]+)" points=(\d+)', TEXT)}
# What each answer is worth alone. Both answers about squares are needed for either of their tests.
WORTH = {
    "double": 3, "softmax": 2, "relu": 2, "primes": 4, "smallest": 2, "account": 2,
    "shift": 2, "total": 1, "squares": 0, "sum_of_squares": 3, "data": 1, "mean": 2,
}  # fmt: skip


def cells() -> dict[str, tuple[str, str]]:
    """Each named cell: its kind (locked, solution, test, task) and its source, in order."""
    found = {}
    for block in re.split(r"^# %% ?", TEXT, flags=re.MULTILINE)[1:]:
        head, _, source = block.partition("\n")
        if named := re.search(r'(locked|solution|test|task)="([\w-]+)"', head):
            found[named[2]] = (named[1], source.strip("\n"))
    return found


def _right(source: str) -> str:
    return "\n".join(line for line in source.split("\n") if "### " not in line)


RIGHT = {name: _right(source) for name, (kind, source) in cells().items() if kind == "solution"}


def make(folder: Path, settings: Path, more: str = "") -> Path:
    """A clone with this course: these settings (with `more` lines at their end), this assignment."""
    assignments = folder / "assignments"
    for name in ("text", "wrong_solutions"):
        (assignments / name).mkdir(parents=True)
    (folder / "notebooks").mkdir()
    (assignments / "text" / f"{NAME}.py").write_text(TEXT)
    shutil.copy(settings, assignments / "nbgrader_config.py")
    with (assignments / "nbgrader_config.py").open("a") as file:
        file.write(more)
    return folder
