"""What the tests hold instead of a student's function, class or instance: a handle, whose calls return data.

A handle is never data. It equals nothing but itself, has no truth value unless it has a length, and takes part in no
arithmetic: otherwise an object with an obliging `__eq__`, `__lt__` or `__sub__` would pass any comparison. Attributes,
calls, `len`, indexing, iteration, `str` and `with` go to the student's side and come back as data (or as handles).
A test of a class's own operators calls them by name: `a.__add__(b)`.
"""

import builtins
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Protocol

# Names that libraries look for on every object; an answer of the student's to one of them could be believed.
SPOKEN = frozenset(
    {
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "neg", "pos", "abs", "invert"),
        *("and", "or", "xor", "eq", "ne", "lt", "le", "gt", "ge", "contains", "bool", "int", "float", "index", "hash"),
        *("call", "repr", "str", "len", "getitem", "iter", "next", "enter", "exit"),
        *("name", "qualname", "doc", "annotations", "wrapped", "defaults"),
    }
)
ENDERS = ("StopIteration", "StopAsyncIteration", "GeneratorExit")  # these would end a test's loop instead of failing it


class Asks(Protocol):
    """The court, as handles need it."""

    def operate(self, handle: "Handle", how: str, args: tuple, kwargs: dict) -> object:
        """Have something done on the student's side."""

    def limited(self, seconds: float, call: Callable) -> object:
        """Do something within a time limit."""


class StudentError(Exception):
    """An error of a class that only the student's code has."""


class Handle:
    """An object of the student's."""

    __slots__ = ("_labkit_asks", "_labkit_said")

    def __init__(self, asks: Asks, said: dict) -> None:
        object.__setattr__(self, "_labkit_asks", asks)
        object.__setattr__(self, "_labkit_said", said)

    def __getattr__(self, name: str) -> object:
        if name.startswith(("_repr_", "_ipython_", "_labkit_", "_as_parameter_")) or _unspoken(name):
            raise AttributeError(f"{name} is not asked of a student's object")
        return _do(self, "get", name)

    def __setattr__(self, name: str, value: object) -> None:
        _do(self, "set", name, value)

    def __delattr__(self, name: str) -> None:
        _do(self, "unset", name)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Handle) and number(other) == number(self):
            return True
        raise TypeError(f"{_what(self)} is no data, and cannot be compared")

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(("student", number(self)))

    def __bool__(self) -> bool:
        if "length" in self._labkit_said["can"]:
            return len(self) > 0
        if self._labkit_said["kind"] != "object":
            return True
        raise TypeError(f"{_what(self)} is no data, and neither true nor false")

    def __str__(self) -> str:
        return _text(_do(self, "text"))

    def __repr__(self) -> str:
        return _text(_do(self, "written"))

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    @property
    def __name__(self) -> str:
        return self._labkit_said["name"]

    def __labkit_limited__(self, seconds: float) -> Callable:
        """This function with a time limit, after which a TimeoutError is raised."""
        return lambda *args, **kwargs: self._labkit_asks.limited(seconds, lambda: self(*args, **kwargs))


def handle(asks: Asks, said: dict) -> Handle:
    """A handle that can do what the student's object can."""
    return _class(frozenset(said["can"]), said["kind"] == "class")(asks, said)


def number(one: Handle) -> int:
    """Which object of the student's it is."""
    return object.__getattribute__(one, "_labkit_said")["number"]


def exception_class(said: dict, cache: dict) -> type[BaseException]:
    """A class of errors that stands for the student's own, below the same built-in one."""
    if said["number"] not in cache:
        base = _builtin_error(said.get("base")) or StudentError
        cache[said["number"]] = type(said["name"], (base,), {"__module__": "student"})
    return cache[said["number"]]


def error(said: dict, cache: dict) -> BaseException:
    """The error that the student's code raised: a built-in one, or one of a well-known library, as itself."""
    name, args, text = said["type"], said["args"], said["text"]
    if name in ENDERS and said["module"] == "builtins":
        return RuntimeError(f"{name} was raised")
    kind = _builtin_error(name) if said["module"] == "builtins" else _library_error(said["module"], name)
    if kind is None and said["class"]:
        kind = exception_class(said["class"], cache)
    if kind is None:
        return StudentError(f"{name}: {text}")
    try:
        return kind(*args) if args else kind(text) if text else kind()
    except Exception:  # a class that wants other arguments
        return StudentError(f"{name}: {text}")


def _builtin_error(name: object) -> type[BaseException] | None:
    kind = getattr(builtins, name, None) if isinstance(name, str) and name not in ENDERS else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseException) else None


def _library_error(module: str, name: str) -> type[Exception] | None:
    top = module.split(".")[0]
    if top not in ("numpy", "torch") and top not in sys.stdlib_module_names:
        return None
    kind = getattr(sys.modules.get(module), name, None)
    return kind if isinstance(kind, type) and issubclass(kind, Exception) else None


@lru_cache(maxsize=512)
def _class(can: frozenset[str], is_class: bool) -> type[Handle]:
    """Python looks special methods up on the class: so there is one for each set of abilities."""
    body: dict[str, object] = {"__slots__": ()}
    body |= {ABILITIES[word][0]: ABILITIES[word][1] for word in can if word in ABILITIES}
    if "iterate" not in can and "next" not in can:
        body["__iter__"] = None  # or Python would try indices
    if is_class:
        body["__instancecheck__"] = lambda self, other: isinstance(other, Handle) and _do(self, "kind", other) is True
    return type("Handle", (Handle,), body)


def _do(one: Handle, how: str, *args: object, **kwargs: object) -> object:
    return one._labkit_asks.operate(one, how, args, kwargs)


def _length(one: Handle) -> int:
    found = _do(one, "length")
    if type(found) is not int or found < 0:
        raise TypeError(f"the length of {_what(one)} is no number")
    return found


def _iterate(one: Handle) -> Iterator:
    """Elements as they come; the student's side says when it has no more."""
    inner = one if "next" in one._labkit_said["can"] else _do(one, "iterate")
    if not isinstance(inner, Handle):
        yield from inner
        return
    while (found := _do(inner, "advance")) is not None:
        yield found[0]


def _next(one: Handle) -> object:
    found = _do(one, "advance")
    if found is None:
        raise StopIteration
    return found[0]


def _leave(one: Handle, *error: object) -> bool:
    _do(one, "leave")
    return False


ABILITIES: dict[str, tuple[str, Callable]] = {
    "call": ("__call__", lambda self, *args, **kwargs: _do(self, "call", *args, **kwargs)),
    "length": ("__len__", _length),
    "item": ("__getitem__", lambda self, key: _do(self, "item", key)),
    "put": ("__setitem__", lambda self, key, value: _do(self, "put", key, value)),
    "drop": ("__delitem__", lambda self, key: _do(self, "drop", key)),
    "iterate": ("__iter__", _iterate),
    "next": ("__next__", _next),
    "enter": ("__enter__", lambda self: _do(self, "enter")),
    "leave": ("__exit__", _leave),
}


def _unspoken(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and name.strip("_").removeprefix("r") not in SPOKEN


def _what(one: Handle) -> str:
    said = object.__getattribute__(one, "_labkit_said")
    return (
        f"the {said['kind']} {said['name']}" if said["kind"] != "object" else f"an object of the class {said['type']}"
    )


def _text(found: object) -> str:
    if type(found) is not str:
        raise TypeError("a text was expected")
    return found
