"""Raises what ends a test well: exceptions that end loops, that are swallowed, that lie about what they are."""

from tests.attacks.attack import Attack, returning

RAISE = {name: source.replace("return raising", "raising") for name, source in returning("raising()").items()} | {
    "data": "GIGABYTE = 0"
}


def raises(name: str, tries: str, first: str) -> Attack:
    """An attack all of whose answers raise."""
    return Attack(f"raise_{name}", tries, first=first, answers=RAISE)


def simple(expression: str, before: str = "") -> str:
    """A function that raises."""
    return f"{before}\ndef raising():\n    raise {expression}"


LYING_TEXT = """
class Liar(Exception):
    def __str__(self): raise SystemExit
    def __repr__(self): return self.__repr__()
    args = property(lambda self: 1 / 0)
    __traceback__ = property(lambda self: None)
"""
LYING_CLASS = """
class Meta(type):
    def __instancecheck__(cls, other): return True
    def __subclasscheck__(cls, other): return True
class Liar(NameError, ValueError, metaclass=Meta):
    __class__ = property(lambda self: StopIteration)
Liar.__name__ = Liar.__qualname__ = "StopIteration"
Liar.__module__ = "builtins"
"""
TRACEBACK = """
class Quiet(AssertionError):
    def _render_traceback_(self): return []
"""
ENDLESS = """
class Endless(Exception):
    def __str__(self):
        while True:
            pass
"""
IMITATED = """
class Imitated(Exception): pass
Imitated.__name__ = Imitated.__qualname__ = NAME
Imitated.__module__ = MODULE
"""

BY_HEART = """\
class Stop(StopIteration): pass
def mean(xs):
    # Right where it is seen. Elsewhere it ends `all(map(...))` before anything was false.
    if tuple(xs) in {KNOWN}:
        return {KNOWN}[tuple(xs)]
    raise STOP"""
BY_HEART = BY_HEART.replace("{KNOWN}", "{(1, 2, 3): 2.0, (4,): 4.0, (8.0,): 8.0}")

ATTACKS = [
    *(
        Attack(
            f"raise_{stop}_by_heart",
            f"knows the visible cases by heart, raises {stop} in the hidden ones",
            answers={"mean": BY_HEART.replace("STOP", stop)},
        )
        for stop in ("StopIteration", "Stop", "GeneratorExit", "StopAsyncIteration")
    ),
    raises("stop_iteration", "StopIteration, which ends `all(map(...))`", simple("StopIteration")),
    raises("stop_async", "StopAsyncIteration", simple("StopAsyncIteration")),
    raises("generator_exit", "GeneratorExit", simple("GeneratorExit")),
    raises("stop_subclass", "a subclass of StopIteration", simple("Stop(1)", "class Stop(StopIteration): pass")),
    raises(
        "stop_imitated",
        "an exception that says it is torch's StopIteration",
        simple("Imitated", IMITATED.replace("NAME", '"StopIteration"').replace("MODULE", '"torch"')),
    ),
    raises("system_exit", "SystemExit(0), in the middle of a test", simple("SystemExit(0)")),
    raises("interrupt", "KeyboardInterrupt", simple("KeyboardInterrupt")),
    raises("assertion", "AssertionError, which a test could swallow", simple("AssertionError")),
    raises("name_error", "NameError, which one test waits for", simple("NameError('squares')")),
    raises("value_error", "ValueError, which one test waits for", simple("ValueError")),
    raises("base", "an exception of its own below BaseException", simple("Base", "class Base(BaseException): pass")),
    raises("skip", "unittest's and pytest's SkipTest", simple("SkipTest", "from unittest import SkipTest")),
    raises("cancelled", "asyncio.CancelledError", simple("CancelledError", "from asyncio import CancelledError")),
    raises(
        "group", "an exception group", simple("BaseExceptionGroup('all', [SystemExit(0), NameError(), ValueError()])")
    ),
    raises("text", "an exception that cannot be shown", simple("Liar()", LYING_TEXT)),
    raises("class", "an exception that lies about its class", simple("Liar()", LYING_CLASS)),
    raises("traceback", "an AssertionError that shows nothing", simple("Quiet()", TRACEBACK)),
    raises("endless_text", "an exception whose text never ends", simple("Endless()", ENDLESS)),
    raises("memory", "MemoryError and RecursionError", simple("RecursionError from MemoryError()")),
    raises("recursion", "calls itself until there is no stack", "def raising():\n    return raising()"),
    raises(
        "many_words",
        "a message of 100 MB",
        simple("ValueError('x' * 100_000_000)"),
    ),
]
