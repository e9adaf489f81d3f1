"""Turns the function that a test passes against the test."""

from tests.attacks.attack import Attack

RIGHT = "    found = {x: f(x) for x in xs}\n    found = {x: f(x) for x in xs}\n    best = min(found, key=found.get)\n"


def calling(name: str, tries: str, code: str, **more: object) -> Attack:
    """An attack in the function that is given a function."""
    return Attack(f"call_{name}", tries, answers={"smallest": code}, **more)


TWICE = f"def smallest(f, xs):\n{RIGHT}    return best"
GLOBALS = f"""\
def smallest(f, xs):
{RIGHT}    calls = f.__globals__["calls"]
    calls[:] = xs
    return best"""
CLOSURE = f"""\
import gc
def smallest(f, xs):
{RIGHT}    for thing in gc.get_referents(f) + [getattr(f, name, None) for name in dir(f)]:
        if isinstance(thing, dict) and isinstance(thing.get("calls"), list):
            thing["calls"][:] = xs
    return best"""
CODE = f"""\
def smallest(f, xs):
    kept = f.__code__
{RIGHT}    f.__code__ = (lambda x: 0).__code__
    f.__globals__["len"] = lambda x: 2
    f.__globals__["sorted"] = lambda x: [1, 2, 3, 4]
    return best"""
MANY = "def smallest(f, xs):\n    for _ in range(200_000):\n        f(1)\n    return 3"
ENDLESS = "def smallest(f, xs):\n    while True:\n        f(1)"
JUNK = """\
class Odd:
    def __sub__(self, other): return self
    def __pow__(self, other): return self
    def __lt__(self, other): return True
    def __eq__(self, other): return True
    def __hash__(self): return 0
def smallest(f, xs):
    for junk in (Odd(), [], {}, "x" * 10_000, f, smallest, float("nan"), Odd, None, (1,), 10**3000):
        for call in (lambda: f(junk), lambda: f(x=junk), lambda: f(junk, junk), lambda: f(**{"x": 1, "calls": []})):
            try:
                call()
            except Exception as error:
                print(type(error), str(error)[:100])
    return 3"""
LATER = """\
import threading, time
def smallest(f, xs):
    def go_on():
        for _ in range(3000):
            try:
                f(1)
            except BaseException:
                pass
            time.sleep(0.001)
    threading.Thread(target=go_on, daemon=True).start()
    return 3"""
KEPT = "kept = []\ndef smallest(f, xs):\n    kept.append(f)\n    return 3"
USED = "def mean(xs):\n    for f in kept:\n        f(1)\n    return -1.0"
RECURSIVE = "def smallest(f, xs):\n    def deeper(n):\n        f(n)\n        return deeper(n + 1)\n    return deeper(0)"
THREADS = """\
import threading
def smallest(f, xs):
    crowd = [threading.Thread(target=lambda: [f(x) for x in range(50)]) for _ in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    return 3"""
FORKED = """\
import os
def smallest(f, xs):
    if os.fork() == 0:
        f(1)
        os._exit(0)
    f(2)
    return 3"""
LARGE = "def smallest(f, xs):\n    for _ in range(40):\n        f(bytes(8 << 20))\n    return 3"
SWALLOWED = """\
def smallest(f, xs):
    try:
        f("x")
    except BaseException as error:
        error.__traceback__.tb_frame.f_globals["calls"] = list(xs)
    return min(xs, key=lambda x: abs(x - 3))"""

ATTACKS = [
    calling("twice", "calls it twice, which is counted", TWICE),
    calling("globals", "calls it twice, and changes the count in its globals", GLOBALS),
    calling("closure", "calls it twice, and finds the count by the collector", CLOSURE),
    calling("code", "replaces its code", CODE),
    calling("many", "calls it 200,000 times", MANY, slow=True),
    calling("endless", "calls it for ever", ENDLESS, slow=True),
    calling("junk", "calls it with nonsense", JUNK),
    calling("later", "a thread calls it when the test is over", LATER),
    Attack("call_kept", "keeps it, and calls it in another test", answers={"smallest": KEPT, "mean": USED}),
    calling("recursive", "calls it from ever deeper", RECURSIVE),
    calling("threads", "calls it from eight threads at once", THREADS),
    calling("forked", "calls it from a fork and from itself", FORKED, harmful=True),
    calling("large", "gives it 320 MB", LARGE, at_most=True),
    calling("swallowed", "has it fail, and looks into the traceback", SWALLOWED),
]
