"""The student's objects that are no data: kept here by number, while the court holds the numbers.

A function, a class or an instance never crosses: its number does, with what may be done with it.
"""

import builtins
import importlib
from collections.abc import Callable

CAN = {
    "call": "__call__",
    "length": "__len__",
    "item": "__getitem__",
    "put": "__setitem__",
    "drop": "__delitem__",
    "iterate": "__iter__",
    "next": "__next__",
    "enter": "__enter__",
    "leave": "__exit__",
}
MOST_TEXT = 2000  # characters of an error's message


class CourtFunction:
    """A function of the court's, as the student's code sees it: it runs outside the sandbox."""

    def __init__(self, number: int, name: str, ask: Callable[[int, tuple, dict], object]) -> None:
        self.__name__ = self.__qualname__ = name
        self._number, self._ask = number, ask

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self._ask(self._number, args, kwargs)


class Things:
    """Numbers for objects, and objects for numbers. names: the notebook's namespace."""

    def __init__(self, names: dict, ask: Callable[[int, tuple, dict], object]) -> None:
        self.names, self.ask = names, ask
        self.kept: list[object] = []
        self.numbers: dict[int, int] = {}
        self.functions: dict[int, CourtFunction] = {}

    def refer(self, thing: object) -> dict:
        """What the court gets instead of an object."""
        if isinstance(thing, CourtFunction):
            return {"callback": thing._number}
        kind = type(thing)
        return {
            "number": self._number(thing),
            "kind": _kind(thing),
            "name": str(getattr(thing, "__name__", kind.__name__))[:200],
            "type": str(kind.__name__)[:200],
            "can": [word for word, method in CAN.items() if hasattr(kind, method)],
            "base": _builtin_base(thing) if isinstance(thing, type) and issubclass(thing, BaseException) else None,
        }

    def resolve(self, token: dict) -> object:
        """The object that the court means."""
        if "number" in token:
            return self.kept[token["number"]]
        if "callback" in token:
            number = token["callback"]
            return self.functions.setdefault(number, CourtFunction(number, token["name"], self.ask))
        if "shared" in token:
            return self.names[token["shared"]]
        module, path = token["import"]
        found = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
        return found

    def described(self, error: BaseException) -> dict:
        """An error as the court can raise it again."""
        kind = type(error)
        try:
            text = str(error)
        except Exception:  # its author may have written __str__
            text = ""
        plain = [one for one in error.args if type(one) in (str, int, float, bool, type(None))]
        return {
            "type": kind.__name__[:200],
            "module": str(kind.__module__)[:200],
            "base": _builtin_base(kind),
            "class": self.refer(kind) if kind.__module__ != "builtins" else None,
            "args": [one[:MOST_TEXT] if isinstance(one, str) else one for one in plain],
            "text": text[:MOST_TEXT],
        }

    def exception(self, said: dict) -> BaseException:
        """An error of a court's function, to be raised in the student's code."""
        kind = getattr(builtins, said["type"], RuntimeError)
        return kind(said["text"])

    def _number(self, thing: object) -> int:
        if id(thing) not in self.numbers:
            self.numbers[id(thing)] = len(self.kept)
            self.kept.append(thing)  # kept alive, so that the number means this object for good
        return self.numbers[id(thing)]


def _kind(thing: object) -> str:
    if isinstance(thing, type):
        return "exception" if issubclass(thing, BaseException) else "class"
    return "function" if callable(thing) and hasattr(thing, "__name__") else "object"


def _builtin_base(kind: type) -> str:
    """The nearest class above that Python itself has."""
    return next((one.__name__ for one in kind.__mro__ if one.__module__ == "builtins"), "Exception")
