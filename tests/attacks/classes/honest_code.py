"""Honest answers, written in unusual ways. All are right."""

from tests.attacks.attack import honest
from tests.attacks.course import RIGHT

NUMBA = (
    "import numba\n@numba.njit\ndef total(rows):\n    s = 0.0\n    for x in rows.ravel():\n        s += x\n    return s"
)
WARNS = """\
import warnings
def mean(xs):
    warnings.warn("mean is slow", UserWarning)
    return sum(xs) / len(xs)"""
STRICT = """\
import warnings
warnings.simplefilter("error")
def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)"""
PRINTS = """\
import sys, logging
def double(x):
    print("doubling", x)
    print("doubling", x, file=sys.stderr)
    logging.warning("doubling %s", x)
    return x + x"""
HELPERS = """\
from collections.abc import Iterator
def _sieve(limit: int) -> "Iterator[int]":
    found: "list[int]" = []
    for n in range(2, limit + 1):
        if all(n % p for p in found):
            found.append(n)
            yield n
class Primes:
    def __call__(self, limit):
        return list(_sieve(limit))
primes = Primes()"""
PARTIAL = "import functools, operator\ntotal = functools.partial(lambda scale, rows: scale * float(rows.sum()), 1.0)"
CACHED = "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef primes(limit):\n" + "\n".join(
    RIGHT["primes"].split("\n")[1:]
)
DECORATED = """\
import functools, time
def timed(function):
    @functools.wraps(function)
    def inner(*a, **k):
        began = time.perf_counter()
        try:
            return function(*a, **k)
        finally:
            inner.seconds = time.perf_counter() - began
    return inner
@timed
def mean(xs):
    return sum(xs) / len(xs)
@timed
@timed
def double(x):
    return x + x"""
DATACLASS = """\
from __future__ import annotations
from dataclasses import dataclass, field
@dataclass
class Account:
    balance: float = 0
    history: list[float] = field(default_factory=list)
    parent: Account | None = None
    def deposit(self, amount: float) -> float:
        self.balance += amount
        self.history.append(amount)
        return self.balance
    def withdraw(self, amount: float) -> float:
        if amount > self.balance:
            raise ValueError("too much")
        return self.deposit(-amount)"""
PROPERTIES = """\
from abc import ABC, abstractmethod
class TooMuch(ValueError):
    def __init__(self, missing):
        super().__init__(f"{missing} missing")
        self.missing = missing
class Base(ABC):
    __slots__ = ("_history", "_start")
    @abstractmethod
    def deposit(self, amount): ...
    @property
    def balance(self):
        return self._start + sum(self._history)
    @property
    def history(self):
        return tuple(self._history)
class Account(Base):
    def __init__(self, balance=0):
        self._start, self._history = balance, []
    def deposit(self, amount):
        self._history.append(amount)
        return self.balance
    def withdraw(self, amount):
        if amount > self.balance:
            raise TooMuch(amount - self.balance)
        return self.deposit(-amount)"""
GENERATORS = """\
def _walk(f, xs):
    for x in xs:
        yield f(x), x
def smallest(f, xs):
    return min(_walk(f, xs), key=lambda pair: pair[0])[1]"""
MAPPED = "def smallest(f, xs):\n    values = list(map(f, xs))\n    return xs[int(np.argmin(values))]"
POOLED = """\
from concurrent.futures import ThreadPoolExecutor
def smallest(f, xs):
    with ThreadPoolExecutor(1) as pool:
        values = list(pool.map(f, xs))
    return xs[values.index(min(values))]"""
NUMPY_VALUES = {
    "mean": "def mean(xs):\n    return np.mean(xs)",
    "total": "def total(rows):\n    return rows.sum()",
    "data": "GIGABYTE = np.int64(10) ** 9",
    "softmax": "def softmax(x):\n    e = np.exp(np.float64(x - max(x)))\n    return e / e.sum()",
}
SUBCLASSES = {
    "data": "from enum import IntEnum\nclass Size(IntEnum):\n    GIGA = 10**9\nGIGABYTE = Size.GIGA",
    "squares": "class Squares(list):\n    pass\ndef squares(n):\n    return Squares(i * i for i in range(1, n + 1))",
    "mean": "from fractions import Fraction\ndef mean(xs):\n    return float(sum(map(Fraction, xs)) / len(xs))",
}
NAMED = """\
from collections import Counter, namedtuple, OrderedDict, defaultdict
Result = namedtuple("Result", "mean count")
def _mean(xs):
    return Result(sum(xs) / len(xs), len(xs))
def mean(xs):
    counted = Counter(xs)
    return _mean(list(counted.elements())).mean"""
GRADIENT = """\
def relu(x):
    weight = torch.nn.Parameter(torch.ones((), dtype=x.dtype))
    return torch.relu(x * weight)"""
MODULE = """\
class Relu(torch.nn.Module):
    def forward(self, x):
        with torch.no_grad():
            return torch.where(x > 0, x, torch.zeros_like(x))
relu = Relu()"""
FUNCTIONAL = "import torch.nn.functional as F\nrelu = F.relu"
LIBRARY = {
    "softmax": "def softmax(x):\n    return torch.softmax(torch.from_numpy(x), 0).numpy()",
    "relu": "relu = torch.relu",
}
VIEW = "def shift(x):\n    v = x[:]\n    v[...] = v - v.mean()"
OUT = "def shift(x):\n    np.subtract(x, x.mean(), out=x)"
UNICODE = """\
π, größe = 3.14159, "groß"
def средний(числа):
    return sum(числа) / len(числа)
mean = средний"""
STATE = """\
_cache, _calls = {}, 0
def squares(n):
    global _calls
    _calls += 1
    _cache[n] = [i ** 2 for i in range(1, n + 1)]
    return _cache[n]"""
RECURSION = """\
import sys
sys.setrecursionlimit(5000)
def squares(n):
    return squares(n - 1) + [n * n] if n else []"""
ASYNC = """\
import asyncio
async def _double(x):
    await asyncio.sleep(0)
    return x + x
def double(x):
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_double(x))
    finally:
        loop.close()"""
THREADED = """\
import threading
def double(x):
    box = []
    one = threading.Thread(target=lambda: box.append(x + x))
    one.start()
    one.join()
    return box[0]"""
PROCESSES = """\
import multiprocessing
def _sum(row):
    return float(row.sum())
def total(rows):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return sum(pool.map(_sum, list(rows)))"""
SUBPROCESS = """\
import subprocess, sys
def mean(xs):
    text = ",".join(map(repr, xs))
    code = f"x = [{text}]; print(sum(x) / len(x))"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)"""
LAMBDAS = {
    "double": "double = lambda x: x + x",
    "mean": "mean = lambda xs: sum(xs) / len(xs)",
    "squares": "squares = lambda n: [*map(lambda i: i * i, range(1, n + 1))]",
    "sum_of_squares": "sum_of_squares = lambda n: sum(squares(n))",
}
CALLABLE_CLASS = "class double:\n    def __new__(cls, x):\n        return x + x"
STATIC = """\
class Tools:
    @staticmethod
    def mean(xs): return sum(xs) / len(xs)
    @classmethod
    def double(cls, x): return x + x
mean, double = Tools.mean, Tools().double"""
MATCHING = """\
def double(x):
    match x:
        case [*items]:
            return [*items, *items]
        case str() | int() | float():
            return x * 2"""
CONTEXT = """\
from contextlib import contextmanager, ExitStack
@contextmanager
def _open(xs):
    yield iter(xs)
def mean(xs):
    with ExitStack() as stack:
        return sum(stack.enter_context(_open(xs))) / len(xs)"""
SEEDED = """\
import random
random.seed(0); np.random.seed(0); torch.manual_seed(0)
def mean(xs):
    xs = list(xs)
    random.shuffle(xs)
    return sum(xs) / len(xs)"""
FINALLY = """\
def sum_of_squares(n):
    try:
        return sum(squares(n))
    except ZeroDivisionError:
        return 0
    finally:
        pass"""
GLOBAL_NAMES = {
    "double": RIGHT["double"] + "\nx = rows = calls = expected = score = kept = 'mine'",
    "data": RIGHT["data"],
}


def written(name: str, tries: str, *answers: tuple[str, str], **more: object) -> object:
    """Right, with these answers."""
    return honest(f"honest_{name}", tries, answers=dict(answers), **more)


ATTACKS = [
    written("plain", "as the instructor would"),
    written("numba", "compiled by numba", ("total", NUMBA)),
    written("warns", "warns", ("mean", WARNS)),
    written("strict", "makes errors of warnings", ("softmax", STRICT)),
    written("prints", "prints, also to standard error, and logs", ("double", PRINTS)),
    written("helpers", "helpers, an instance that is called, forward references", ("primes", HELPERS)),
    written("partial", "a functools.partial", ("total", PARTIAL)),
    written("cached", "an lru_cache", ("primes", CACHED)),
    written("decorated", "decorators", ("double", DECORATED), ("mean", "# above")),
    written("dataclass", "a dataclass", ("account", DATACLASS)),
    written("properties", "properties, slots, an abstract class, an error of its own", ("account", PROPERTIES)),
    written("generators", "generators", ("smallest", GENERATORS)),
    written("mapped", "the function goes through map", ("smallest", MAPPED)),
    written("pooled", "the function is called in a thread", ("smallest", POOLED)),
    written("numpy_values", "NumPy's numbers", *NUMPY_VALUES.items()),
    written("subclasses", "enums, subclasses of list, fractions", *SUBCLASSES.items()),
    written("named", "namedtuples and counters", ("mean", NAMED)),
    written("gradient", "a tensor with a gradient's graph", ("relu", GRADIENT)),
    written("torch_module", "a torch module", ("relu", MODULE)),
    written("functional", "a library's function under another name", ("relu", FUNCTIONAL)),
    written("library", "a library's own softmax", *LIBRARY.items()),
    written("view", "in place, through a view", ("shift", VIEW)),
    written("out", "in place, by out=", ("shift", OUT)),
    written("unicode", "names of other scripts", ("mean", UNICODE)),
    written("state", "global state", ("squares", STATE)),
    written("recursion", "recursion", ("squares", RECURSION)),
    written("async", "a coroutine", ("double", ASYNC)),
    written("threads", "a thread", ("double", THREADED)),
    written("processes", "processes", ("total", PROCESSES)),
    written("subprocess", "another Python", ("mean", SUBPROCESS)),
    written("lambdas", "lambdas", *LAMBDAS.items()),
    written("class_as_function", "a class whose call is the answer", ("double", CALLABLE_CLASS)),
    written("methods", "static and class methods", ("double", STATIC), ("mean", "# above")),
    written("matching", "match", ("double", MATCHING)),
    written("contexts", "context managers", ("mean", CONTEXT)),
    written("seeded", "seeds the dice", ("mean", SEEDED)),
    written("finally", "try, except, finally", ("sum_of_squares", FINALLY)),
    written("same_names", "binds names that the tests bind too", *GLOBAL_NAMES.items()),
]
