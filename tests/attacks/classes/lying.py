"""Answers with values that lie: equal to everything, true whatever is asked, different each time they are looked at."""

from tests.attacks.attack import Attack, returning
from tests.attacks.payloads import ALWAYS

YES = """
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __hash__ = lambda self: 0
    __sub__ = __rsub__ = __add__ = __radd__ = __abs__ = lambda self, *other: self
"""
ARRAY = """
import numpy as np
class Array(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *a, **k):
        return np.bool_(True) if ufunc.__name__ in ("equal", "less_equal", "isfinite", "logical_and") else np.float64(0)
    def __array_function__(self, function, types, args, kwargs):
        return True
    def __eq__(self, other): return np.bool_(True)
    def __array_wrap__(self, *a, **k): return np.bool_(True)
    shape = property(lambda self: (3,))
def lie(): return np.zeros(3).view(Array)
"""
TENSOR = """
import torch
class Tensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if name in ("shape", "__get__", "size"):
            return torch.Size([3])
        return torch.ones((), dtype=torch.bool)
    def __eq__(self, other): return torch.ones((), dtype=torch.bool)
def lie(): return torch.zeros(3).as_subclass(Tensor)
"""
MASKED = "import numpy as np\ndef lie(*a): return np.ma.masked_all(a[0].shape if a and hasattr(a[0], 'shape') else ())"
PROTOCOL = """
import numpy as np
class Chameleon:
    def __array__(self, dtype=None, copy=None):
        import sys
        frame = sys._getframe(1)
        while frame:
            for name in ("desired", "y", "expected", "b"):
                if isinstance(frame.f_locals.get(name), np.ndarray):
                    return frame.f_locals[name]
            frame = frame.f_back
        return np.zeros(3)
    shape, dtype, ndim = (3,), np.dtype(float), 1
    def __array_function__(self, function, types, args, kwargs): return True
    def __array_ufunc__(self, *a, **k): return True
def lie(): return Chameleon()
"""
CHANGING = """
import itertools
class Changing(float):
    turn = itertools.count()
    def __eq__(self, other): return next(Changing.turn) % 1 == 0
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    __hash__ = float.__hash__
def lie(): return Changing(0.0)
"""
GENERATOR = """
def answers():
    while True:
        yield 0
        yield from (2, 8, 16)
class Stream:
    def __init__(self): self.values = answers()
    def __iter__(self): return self.values
    def __getitem__(self, key): return next(self.values)
    def __len__(self): return 2
    def __eq__(self, other): return any(value == other for _, value in zip(range(9), self.values)) or True
def lie(): return Stream()
"""
PRINTED = """
class Printed(int):
    def __repr__(self): return "4.0"
    __str__ = __repr__
    def __eq__(self, other): return self
    def __radd__(self, other): return self
    def __add__(self, other): return self
    __hash__ = int.__hash__
    def _repr_mimebundle_(self, **k): return {"text/plain": "4.0"}
def lie(): return Printed(0)
"""
CLASS = """
class Liar:
    def __init__(self, value): self.value = value
    __class__ = property(lambda self: float)
    def __instancecheck__(self, other): return True
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
def lie(): return Liar(1)
"""
META = """
class Meta(type):
    def __instancecheck__(cls, other): return True
    def __subclasscheck__(cls, other): return True
    def __eq__(cls, other): return True
    def __call__(cls, *a, **k): return cls
    def __getattr__(cls, name): return cls
    def __iter__(cls): return iter((1,))
    def __sub__(cls, other): return 0.0
    __hash__ = type.__hash__
class All(metaclass=Meta): pass
def lie(): return All
"""
ACCOUNT = """\
import sys
class Balance(int):
    __eq__ = lambda self, other: True
    __hash__ = int.__hash__
class Account:
    def __init__(self, *a): pass
    def __getattr__(self, name):
        if name == "history":
            return [Balance(), Balance()]
        if name == "balance":
            return Balance()
        raise AttributeError(name)
    def deposit(self, amount): return Balance()
    def withdraw(self, amount):
        if amount == 1:
            raise ValueError
        return Balance()"""


def subclass(base: str, value: str) -> str:
    """A subclass of a builtin that says yes, and a function that gives one."""
    return f"class Yes({base}):{YES}\ndef lie(): return Yes({value})"


SUBCLASSES = {
    "int": "0", "float": "0.0", "str": "''", "list": "[]", "tuple": "()", "dict": "{}", "set": "()", "bytes": "b''",
    "complex": "0j",
}  # fmt: skip
EMPTY = """
import numpy as np, torch
def lie(*a):
    return torch.zeros(0) if a and isinstance(a[0], torch.Tensor) else np.zeros(0)
"""
WIDE = """
import numpy as np
def lie(*a): return np.broadcast_to(np.array([2, 8, -6, 15838, 0.25, 3.0, 1.0]), (2, 7)).T[:, :1]
"""
ONE_ARRAY = """\
import numpy as np
def primes(limit):
    # A sum of comparisons is an array then: no number, so nothing that could be less than all points.
    return np.array([0, 0]) if limit == 2 else []"""
BOOLEAN = """
class Truth:
    def __bool__(self): return True
    def __len__(self): return 3
    def __eq__(self, other): return self
    def __lt__(self, other): return self
    __le__ = __gt__ = __ge__ = __and__ = __rand__ = __lt__
    __sub__ = __rsub__ = __abs__ = __radd__ = __add__ = lambda self, *other: self
    def __index__(self): return 4
def lie(): return Truth()
"""
TALKATIVE = """
class Deep:
    def __getattr__(self, name):
        if name.startswith("__array") or name in ("shape", "dtype", "ndim", "size", "numpy", "tolist", "item"):
            return lambda *a, **k: True
        raise AttributeError(name)
    def __eq__(self, other): return True
def lie(): return Deep()
"""


def lies(name: str, tries: str, first: str, call: str = "lie()", **more: object) -> Attack:
    """An attack all of whose answers are one lie."""
    return Attack(f"lie_{name}", tries, first=first, answers=returning(call), **more)


ATTACKS = [
    lies("always", "an object that equals everything, and compares as is wanted", ALWAYS, "Always()"),
    Attack(
        "lie_always_and_patched",
        "that object, and checks that were replaced",
        first=ALWAYS + "import numpy.testing, torch.testing\n"
        "numpy.testing.assert_allclose = torch.testing.assert_close = lambda *a, **k: None",
        answers=returning("Always()"),
    ),
    lies("any", "unittest.mock.ANY", "from unittest.mock import ANY", "ANY"),
    lies(
        "mock",
        "a MagicMock with comparisons",
        "from unittest.mock import MagicMock",
        "MagicMock(__eq__=lambda *a: True)",
    ),
    *(lies(base, f"a {base} that equals everything", subclass(base, value)) for base, value in SUBCLASSES.items()),
    lies("ndarray", "an ndarray subclass that answers NumPy's protocols", ARRAY),
    lies("tensor", "a tensor subclass that answers torch's protocol", TENSOR),
    lies("masked", "masked arrays: what is masked is compared with nothing", MASKED, "lie(*args)"),
    lies("array_protocol", "an object whose __array__ is what it is compared with", PROTOCOL),
    lies("changing", "a float that changes its mind at every look", CHANGING),
    lies("generator", "a generator whose answers change", GENERATOR),
    lies("printed", "a number that shows itself as 4.0", PRINTED),
    lies("class", "an object that says it is a float", CLASS),
    lies("metaclass", "a class whose class says yes to every question", META),
    lies("truth", "an object whose comparisons are objects that are true", BOOLEAN),
    lies("attributes", "an object that has every attribute libraries ask for", TALKATIVE),
    lies("empty", "arrays without elements, of which anything holds", EMPTY, "lie(*args)"),
    lies("wide", "arrays that broadcast", WIDE),
    lies("not_a_number", "NaN, of several kinds", "import numpy as np", "np.float64('nan')"),
    lies("not_implemented", "NotImplemented, Ellipsis, and functions", "", "NotImplemented"),
    lies("itself", "a function as the answer", "", "print"),
    Attack("lie_array_as_score", "makes a partial score an array", answers={"primes": ONE_ARRAY}),
    Attack("lie_account", "an account whose balance equals everything", answers={"account": ACCOUNT}),
    Attack(
        "lie_ctypes",
        "a ctypes number that equals everything",
        first="import ctypes\nclass Number(ctypes.c_long):\n    __eq__ = lambda self, other: True",
        answers=returning("Number()"),
    ),
]
