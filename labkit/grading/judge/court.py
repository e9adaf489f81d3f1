"""The instructor's side: runs the instructor's cells, outside the sandbox, with handles for what is the student's.

Only names that the reference solution binds are taken from the student. Before each of the instructor's cells their
values are fetched; what a cell then binds, changes or deletes of them is mirrored before the next call, so that a test
may `del` a student's function and put it back.
"""

import contextlib
import sys
import time
import types
from collections.abc import Callable

import numpy as np

from labkit.grading.judge import codec
from labkit.grading.judge.handles import Handle, error, exception_class, handle, number
from labkit.grading.judge.names import bound, parsed
from labkit.grading.judge.plan import Plan, used
from labkit.grading.judge.wire import Channel, Ended, Late
from labkit.grading.sandbox import Inmate

GRACE_S = 2.0  # what a student's code that was interrupted has to come to an end
MOST_CALLBACKS = 1_000_000  # in one cell
MOST_TAKEN = 1 << 30  # bytes of memory that answers may become in one cell: a test may keep them all
WATCHED_BYTES = 1_000_000  # a larger array of the student's that a test changes in place is not noticed


class OutOfTime(BaseException):
    """A cell's time is over. No test's `except Exception` catches it."""


class Gone(BaseException):
    """The student's process has ended."""


class Court:
    """One notebook's court. `inmate` is the student's process (labkit.grading.sandbox)."""

    def __init__(self, plan: Plan, inmate: Inmate) -> None:
        self.plan, self.inmate = plan, inmate
        self.channel = Channel(inmate.socket)
        self.names: dict[str, object] = {"__name__": "__main__", "__builtins__": __builtins__}
        self.deadline = self.limit_s = 0.0
        self.gone = ""  # why there is no student's process any more
        self.timed_out: list[str] = []
        self.broken: AssertionError | None = None  # of an instructor's function that the student's code called
        self._handles: dict[int, Handle] = {}
        self._errors: dict[int, type] = {}
        self._functions: list[Callable] = []
        self._calls_back = self._taken_before = self._interrupts = 0
        self._answering = False  # a call of the student's code: it waits for the answer, and for nothing else
        self._mirrored: dict[str, tuple[object, object]] = {}
        self._mentioned: set[str] = set()
        self._shared: dict[int, str] = {}

    # What is asked of the student's side.

    def run_cell(self, source: str, seconds: float, silent: bool = False) -> dict:
        """Run a cell on the student's side. Returns its outputs."""
        self.begin(seconds)
        return self._ask({"do": "cell", "source": source, "silent": silent})[0]

    def operate(self, on: Handle, how: str, args: tuple, kwargs: dict) -> object:
        """Do something with a student's object."""
        return self._call({"do": "operate", "on": {"number": number(on)}, "how": how}, args, kwargs)

    def cross(self, name: str, args: tuple, kwargs: dict) -> object:
        """Run a crossing on the student's side."""
        return self._call({"do": "cross", "name": name}, args, kwargs)

    def limited(self, seconds: float, call: Callable) -> object:
        """Do something within a time limit of its own. Raises TimeoutError."""
        deadline, limit = self.deadline, self.limit_s
        self.deadline, self.limit_s = min(deadline, time.monotonic() + seconds), min(limit, seconds)
        try:
            return call()
        except OutOfTime as late:
            if self.limit_s < seconds:
                raise
            raise TimeoutError(str(late)) from None
        finally:
            self.deadline, self.limit_s = deadline, limit

    # Names.

    def enter(self, source: str) -> None:
        """Fetch the student's names that this cell, or a function of an earlier one, mentions."""
        self._mentioned |= used([source]) & self.plan.taken
        names = sorted(self._mentioned)
        if not names or self.gone:
            return
        self.mirror()
        said, blobs = self._ask({"do": "look", "names": names})
        for name in names:
            self.names.pop(name, None)
            self._mirrored.pop(name, None)
        for name, (tree, count) in said["ok"].items():
            if name in self._mentioned:
                self.names[name] = codec.decode(tree, blobs[:count], self._resolve)
                self._mirrored[name] = (self.names[name], _print_of(self.names[name]))
            blobs = blobs[count:]

    def mirror(self) -> None:
        """Tell the student's side what the instructor's cells did to the names that are the student's."""
        gone = [name for name in self._mirrored if name not in self.names]
        changed = {name: self.names[name] for name in sorted(self._mentioned) if self._differs(name)}
        if not (gone or changed):
            return
        for name in gone:
            del self._mirrored[name]
        for name, value in changed.items():
            self._mirrored[name] = (value, _print_of(value))
        tree, blobs = codec.encode(changed, self._refer)
        self._ask({"do": "bind", "delete": gone, "set": tree}, blobs)

    def share(self, source: str) -> None:
        """A locked cell has run on both sides: what it made of objects that are no data can be meant by its name."""
        for name in bound(parsed(source)):
            value = self.names.get(name)
            if value is not None and not isinstance(value, types.FunctionType | types.ModuleType):
                self._shared[id(value)] = name

    def _differs(self, name: str) -> bool:
        if name not in self.names:
            return False
        value, known = self.names[name], self._mirrored.get(name)
        return known is None or known[0] is not value or known[1] != _print_of(value)

    # The conversation.

    def begin(self, seconds: float) -> None:
        """The time of a cell begins."""
        self.deadline, self.limit_s, self._calls_back, self.broken = time.monotonic() + seconds, seconds, 0, None
        self._taken_before = self.channel.taken

    def _call(self, question: dict, args: tuple, kwargs: dict) -> object:
        self.mirror()
        tree, blobs = codec.encode([args, kwargs], self._refer)
        said, blobs = self._ask({**question, "with": tree}, blobs)
        result, changed = self._decoded(said["ok"], blobs)
        if changed is not None:
            _write_back((args, kwargs), changed)
        if self.broken:  # the student's code has no business with a failed check of the instructor's
            raise self.broken
        return result

    def _decoded(self, tree: object, blobs: list) -> tuple[object, object]:
        try:
            result, changed = codec.decode(tree, blobs, self._resolve)
        except (codec.Malformed, ValueError, TypeError) as problem:
            raise self._ended(f"its code answered what is no answer ({problem})") from None
        return result, changed

    def _ask(self, question: dict, blobs: list | tuple = ()) -> tuple[dict, list]:
        """Ask, run what the student's code calls of ours meanwhile, and return the answer. Raises its error."""
        if self.gone:
            raise Gone(self.gone)
        if self._answering:
            raise TypeError("a function that the student's code calls can ask nothing of the student's objects")
        try:
            self.channel.send(question, blobs, self.deadline)
            said, blobs = self.channel.receive(self.deadline)
            while "callback" in said:
                self._call_back(said, blobs)
                said, blobs = self.channel.receive(self.deadline)
        except Late:
            raise self._stopped() from None
        except Ended:
            raise self._ended() from None
        except (codec.Malformed, KeyError, TypeError, ValueError, IndexError) as problem:
            raise self._ended(f"its code answered what is no answer ({problem})") from None
        except BaseException:  # a time limit of the test's own: the answer that still comes must not be the next one's
            self._stopped()
            raise
        if self.channel.taken - self._taken_before > MOST_TAKEN:
            raise self._ended(f"its code answered with more than {MOST_TAKEN >> 20} MB in one cell")
        if "error" in said:
            raise self._raised(said["error"])
        return said, blobs

    def _raised(self, said: object) -> BaseException:
        try:
            return error(said, self._errors)
        except (KeyError, TypeError, ValueError, AttributeError):
            return self._ended("its code answered what is no answer")

    def _call_back(self, said: dict, blobs: list) -> None:
        """The student's code calls a function that a test has given it."""
        self._calls_back += 1
        if self._calls_back > MOST_CALLBACKS:
            raise self._ended(f"its code called the test's functions more than {MOST_CALLBACKS:,} times in one cell")
        function = (
            self._functions[said["callback"]] if type(said["callback"]) is int and said["callback"] >= 0 else None
        )
        args, kwargs = codec.decode(said["with"], blobs, self._resolve)
        self._answering = True
        try:
            tree, more = codec.encode(function(*args, **kwargs), self._refer)
            answer = {"ok": tree}
        except Exception as problem:
            if isinstance(problem, AssertionError):
                self.broken = self.broken or problem
            answer, more = {"error": {"type": _builtin_name(problem), "text": str(problem)[:2000]}}, []
        finally:
            self._answering = False
        self.channel.send(answer, more, self.deadline)

    def _stopped(self) -> BaseException:
        """Time is over: interrupt the student's code, and end its process if that does not help."""
        late = OutOfTime(
            f"it had not come to an end after {self.limit_s:g} seconds: a loop without an end, or a deadlock?"
        )
        self.inmate.interrupt()
        self._interrupts += 1
        with contextlib.suppress(Late, Ended, codec.Malformed):
            until = time.monotonic() + GRACE_S
            while "callback" in self.channel.receive(until)[0]:
                self.channel.send({"error": {"type": "TimeoutError", "text": "time is over"}}, (), until)
            self.channel.send({"do": "settle", "interrupts": self._interrupts}, (), until)
            self.channel.receive(until)
            return late
        self.inmate.kill()
        self.gone = f"{late}"
        return late

    def _ended(self, why: str = "") -> Gone:
        """The student's process is no more, or speaks nonsense."""
        self.gone = why or self.inmate.ending() or "its process has ended"
        self.inmate.kill()
        return Gone(self.gone)

    # What crosses as a reference.

    def _resolve(self, token: dict) -> object:
        if "callback" in token:
            return self._functions[_index(token["callback"])]
        _check(token)
        if token["kind"] == "exception":
            return exception_class(token, self._errors)
        return self._handles.setdefault(token["number"], handle(self, token))

    def _refer(self, thing: object) -> dict | None:
        if isinstance(thing, Handle):
            return {"number": number(thing)}
        for key, kind in self._errors.items():
            if thing is kind:
                return {"number": key}
        if id(thing) in self._shared and self.names.get(self._shared[id(thing)]) is thing:
            return {"shared": self._shared[id(thing)]}
        if path := _import_path(thing):
            return {"import": path}
        if callable(thing) and not hasattr(thing, "parameters"):  # a network is no function: it has to be shared
            self._functions.append(thing)
            return {"callback": len(self._functions) - 1, "name": str(getattr(thing, "__name__", "function"))}
        return None


def _write_back(given: tuple, changed: object) -> None:
    """Make in-place changes of the student's code visible in the test's own objects."""
    codec.update(list(given[0]), list(changed[0]))
    codec.update(given[1], changed[1])


def _print_of(value: object) -> object:
    """Something that differs when a container has been changed in place; None for what need not be watched."""
    if not isinstance(value, list | dict | set | bytearray | np.ndarray) or getattr(value, "nbytes", 0) > WATCHED_BYTES:
        return None
    try:
        tree, blobs = codec.encode(value, lambda thing: {"id": id(thing)})
    except codec.CannotCross:
        return None
    return tree, [bytes(blob) for blob in blobs]


def _import_path(thing: object) -> list[str] | None:
    """Where both sides find a library's class or function; None for what is the notebook's own."""
    name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None)
    if not isinstance(name, str) or not isinstance(
        thing, type | types.FunctionType | types.BuiltinFunctionType | np.ufunc
    ):
        return None
    for module in (getattr(thing, "__module__", None), "builtins", "numpy", "torch"):
        found = sys.modules.get(module) if isinstance(module, str) and module != "__main__" else None
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is thing:
            return [module, name]
    return None


def _builtin_name(problem: BaseException) -> str:
    return next(kind.__name__ for kind in type(problem).__mro__ if kind.__module__ == "builtins")


def _index(value: object) -> int:
    if type(value) is not int or value < 0:
        raise codec.Malformed("a reference is a number")
    return value


def _check(token: dict) -> None:
    """A reference from the student's side is as we write them."""
    _index(token.get("number"))
    texts = all(isinstance(token.get(key), str) for key in ("kind", "name", "type"))
    can = token.get("can")
    if not texts or not isinstance(can, list) or not all(isinstance(one, str) for one in can):
        raise codec.Malformed("a reference says its kind, its name, its type and what it can do")
