"""Small notebooks, each for one rule of the judge, and the points that its tests are worth."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tried:
    """A notebook as text, its tests' points, and answers instead of the reference's where there are any."""

    text: str
    points: dict[str, float]
    answers: dict[str, str] = field(default_factory=dict)
    says: str = ""  # a pattern in an error's message
    status: str = "graded"
    given: dict[str, bytes] = field(default_factory=dict)
    shown: str = ""  # what the graded notebook holds


TRIED = {
    "an unmarked cell gives the court what its tests need, in its place": Tried(
        """\
# %%
import math
LIMIT = math.floor(3.5)
UNUSED = print('never in the court')
# %% solution="double"
### BEGIN SOLUTION
def double(x):
    return 2 * x
### END SOLUTION
# %% test="a" points=1
assert double(LIMIT) == 6
# %%
LIMIT = 4
# %% test="b" points=1
assert LIMIT == 4
""",
        {"a": 1, "b": 1},
    ),
    "a student cannot bind a name that the reference does not bind": Tried(
        """\
# %% solution="double"
### BEGIN SOLUTION
def double(x):
    return 2 * x
### END SOLUTION
# %% locked="helper"
def close(a, b):
    return abs(a - b) < 1e-9
# %% test="a" points=1
assert close(double(2), 4)
""",
        {"a": 0},
        {
            "double": """\
def double(x):
    return 5
close = lambda a, b: True
"""
        },
    ),
    "the reference's imports are there for the tests": Tried(
        """\
# %% solution="root"
### BEGIN SOLUTION
import math
from fractions import Fraction
def root(x):
    return math.sqrt(x)
### END SOLUTION
# %% test="a" points=1
assert root(9) == math.sqrt(9) and Fraction(1, 2) == 0.5
""",
        {"a": 1},
        {
            "root": """\
def root(x):
    return x ** 0.5
"""
        },
    ),
    "partial credit is the number in the last line, cut to what there is": Tried(
        """\
# %% solution="double"
### BEGIN SOLUTION
def double(x):
    return 2 * x
### END SOLUTION
# %% test="a" points=3
double(0.25)
# %% test="b" points=3
double(4)
# %% test="c" points=3
double(-1)
""",
        {"a": 0.5, "b": 3, "c": 0},
    ),
    "no number where the reference has one is no credit": Tried(
        """\
# %% solution="double"
### BEGIN SOLUTION
def double(x):
    return 2 * x
### END SOLUTION
# %% test="a" points=3
double(0.25)
# %% test="b" points=3
sum([double(1)])
""",
        {"a": 0, "b": 0},
        {
            "double": """\
def double(x):
    return [x] if x < 1 else float('nan')
"""
        },
        says="this check counts points, and with your values the count is a list",
    ),
    "a last line that is no number for the reference either gives all": Tried(
        """\
# %% solution="double"
### BEGIN SOLUTION
def double(x):
    return 2 * x
### END SOLUTION
# %% test="a" points=2
print(double(1))
# %% test="b" points=2
'fine'
# %% test="c" points=2
double(1) == 2
""",
        {"a": 2, "b": 2, "c": 2},
    ),
    "an object of the student's class does what it can, by data": Tried(
        """\
# %% solution="stack"
### BEGIN SOLUTION
class Full(Exception):
    pass
class Stack:
    def __init__(self, most): self.most, self.held = most, []
    def push(self, x):
        if len(self.held) == self.most: raise Full(f'{self.most} are enough')
        self.held.append(x)
        return self
    def __len__(self): return len(self.held)
    def __iter__(self): return iter(self.held)
    def __getitem__(self, key): return self.held[key]
    def __enter__(self): return self
    def __exit__(self, *error): self.held.clear()
### END SOLUTION
# %% test="a" points=1
s = Stack(2).push(1)
assert len(s) == 1 and list(s) == [1] and s[0] == 1
assert isinstance(s, Stack)
# %% test="b" points=1
s.push(2)
try:
    s.push(3)
except Full as error:
    assert str(error) == '2 are enough'
else:
    assert False
# %% test="c" points=1
with s as t:
    assert t.most == 2
assert len(s) == 0
""",
        {"a": 1, "b": 1, "c": 1},
    ),
    "an object is never equal, never true": Tried(
        """\
# %% solution="thing"
### BEGIN SOLUTION
thing = 1
### END SOLUTION
# %% test="a" points=1
assert thing == 1
# %% test="b" points=1
assert thing
""",
        {"a": 0, "b": 0},
        {
            "thing": """\
class T:
    __eq__ = __bool__ = lambda *a: True
thing = T()
"""
        },
        says="is no data, and cannot be compared",
    ),
    "what a student's code changes in place is changed": Tried(
        """\
# %% solution="grow"
### BEGIN SOLUTION
def grow(xs, table, words):
    xs.append(1)
    table[0] = 7
    words['a'] = [2]
### END SOLUTION
# %% locked="np"
import numpy as np
# %% test="a" points=1
xs, table, words = [], np.zeros(2), {}
grow(xs, table, words)
assert xs == [1] and table[0] == 7 and words == {'a': [2]}
""",
        {"a": 1},
    ),
    "a test may change a global of the student's, and delete it": Tried(
        """\
# %% solution="rate"
### BEGIN SOLUTION
RATE = 2
def scaled(x):
    return RATE * x
### END SOLUTION
# %% test="a" points=1
assert scaled(2) == 4
RATE = 5
assert scaled(2) == 10
# %% test="b" points=1
del RATE
try:
    scaled(1)
except NameError:
    pass
else:
    assert False
""",
        {"a": 1, "b": 1},
    ),
    "a test's function crosses as a callback, and its failed check counts": Tried(
        """\
# %% solution="each"
### BEGIN SOLUTION
def each(f, xs):
    return [f(x) for x in xs]
### END SOLUTION
# %% test="a" points=1
seen = []
def f(x):
    seen.append(x)
    return x + 1
assert each(f, [1, 2]) == [2, 3] and seen == [1, 2]
# %% test="b" points=1
def f(x):
    assert x < 2, 'too large'
    return x
each(f, [1, 2])
""",
        {"a": 1, "b": 0},
        {
            "each": """\
def each(f, xs):
    out = []
    for x in xs:
        try:
            out.append(f(x))
        except Exception:
            out.append(0)
    return out
"""
        },
        says="too large",
    ),
    "builtin errors cross as themselves, others as a class of their own": Tried(
        """\
# %% solution="fails"
### BEGIN SOLUTION
class Own(ValueError):
    pass
def fails(kind):
    raise {'key': KeyError('k'), 'own': Own('mine'), 'stop': StopIteration()}[kind]
### END SOLUTION
# %% test="a" points=1
try:
    fails('key')
except KeyError as error:
    assert error.args == ('k',)
# %% test="b" points=1
try:
    fails('own')
except ValueError as error:
    assert type(error).__name__ == 'Own' and str(error) == 'mine'
# %% test="c" points=1
try:
    fails('own')
except Own:
    pass
# %% test="d" points=1
assert all(fails('stop') for _ in [1])
""",
        {"a": 1, "b": 1, "c": 1, "d": 0},
    ),
    "the instructor's setup runs on both sides": Tried(
        """\
# %% locked="setup"
import numpy as np
DATA = np.arange(4.0)
def scale(x):
    return 3 * x
# %% solution="use"
### BEGIN SOLUTION
def use():
    return scale(DATA).sum()
### END SOLUTION
# %% test="a" points=1
assert use() == scale(DATA).sum() == 18
""",
        {"a": 1},
        {
            "use": """\
def use():
    return float(sum(3 * DATA))
"""
        },
    ),
    "a file of the instructor's is on both sides, over the student's": Tried(
        """\
# %% solution="read"
### BEGIN SOLUTION
def read():
    return open('n.txt').read()
### END SOLUTION
# %% test="a" points=1
assert read() == open('n.txt').read() == '7'
""",
        {"a": 1},
        given={"n.txt": b"7"},
    ),
    "a network of torch's is a handle": Tried(
        """\
# %% locked="t"
import torch
# %% solution="net"
### BEGIN SOLUTION
def net():
    return torch.nn.Linear(3, 2)
### END SOLUTION
# %% test="a" points=1
n = net()
assert n(torch.ones(4, 3)).shape == (4, 2)
assert sum(p.numel() for p in n.parameters()) == 8
# %% test="b" points=1
assert n.weight.requires_grad and n.weight.shape == (2, 3)
""",
        {"a": 1, "b": 1},
    ),
    "a generator is taken element by element": Tried(
        """\
# %% solution="count"
### BEGIN SOLUTION
def count():
    n = 0
    while True:
        yield n
        n += 1
### END SOLUTION
# %% test="a" points=1
from itertools import islice
assert list(islice(count(), 3)) == [0, 1, 2]
c = count()
assert next(c) == 0 and next(c) == 1
""",
        {"a": 1},
    ),
    "a test that never ends over an answer is ended": Tried(
        """\
# %% solution="double"
### BEGIN SOLUTION
def double(x):
    return 2 * x
### END SOLUTION
# %% test="a" points=1 seconds=1
while double(1):
    pass
# %% test="b" points=1
assert double(1) == 2
""",
        {"a": 0, "b": 1},
        says="had not come to an end after",
        status="timeout",
    ),
    "a crossing runs on the student's side": Tried(
        """\
# %% solution="double"
### BEGIN SOLUTION
def double(x):
    return 2 * x
### END SOLUTION
# %%
from labkit.grading.crossing import source_of
# %% test="a" points=1
assert 'return 2 * x' in source_of(double)
""",
        {"a": 1},
    ),
    "what the student displays is kept, without what could run": Tried(
        """\
# %% solution="show"
### BEGIN SOLUTION
from IPython.display import HTML
HTML('<script>x</script>')
### END SOLUTION
# %% test="a" points=1
assert True
""",
        {"a": 1},
        shown="IPython.core.display.HTML object",
    ),
    "a late answer is nobody else's": Tried(
        """\
# %%
from labkit.grading.checks import within
# %% solution="slow"
### BEGIN SOLUTION
import time
def slow(x):
    time.sleep(x)
    return x
### END SOLUTION
# %% test="a" points=1
within(0.3, lambda: slow(3))
# %% test="b" points=1
assert slow(0.1) == 0.1
assert slow(0) == 0
""",
        {"a": 0, "b": 1},
        says="had not returned after 0.3 s",
    ),
    "what a test's function is given answers no question while the student's code waits": Tried(
        """\
# %% solution="apply"
### BEGIN SOLUTION
def apply(f):
    return f(3)
### END SOLUTION
# %% test="a" points=1
assert apply(lambda x: f"{x}!") == "3!"
# %% test="b" points=1
assert apply(abs) == 3
""",
        {"a": 0, "b": 1},
        {"apply": "class Odd:\n    pass\ndef apply(f):\n    return f(3) if f is abs else f(Odd())\n"},
        says="can ask nothing of the student's objects",
    ),
}
