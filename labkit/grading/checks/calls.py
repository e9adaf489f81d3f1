"""Calls of a student's function: in time, refused, counted."""

import contextlib
import ctypes
import inspect
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from labkit.grading.checks.data import array_of, class_name, detached, entries, kind_of, members
from labkit.grading.checks.words import call, many, name_of, shorten, show

AGAIN_S = 0.25  # the alarm rings again: code may have caught the first one
MOST_COPIED = 2**28  # bytes; a broadcast array can claim far more than it takes


class Alarm(BaseException):
    """Time is up. No Exception: `except Exception` in a loop that does not end must not catch it."""


def within(seconds: float, function: Callable, *args: Any, **kwargs: Any) -> Any:
    """What function(*args, **kwargs) returns, within some seconds. Raises AssertionError when it takes longer.

    A function that limits itself, as the judge's do, has a method `__labkit_limited__(seconds)`: it returns the
    function with that limit, which raises TimeoutError.
    """
    __tracebackhide__ = True
    if not seconds > 0:  # an alarm in no seconds never rings
        raise ValueError(f"a limit is more than 0 seconds, not {seconds}")
    limited, begin, alarm = getattr(function, "__labkit_limited__", None), time.monotonic(), Alarm()
    try:
        if limited is not None:
            return limited(seconds)(*args, **kwargs)
        run = _by_alarm if _has_alarm() else _by_thread
        return run(alarm, seconds, function, args, kwargs)
    except (Alarm, TimeoutError) as late:
        # An early TimeoutError is the student's own, another alarm that of a `within` around this one.
        in_time = limited is None or time.monotonic() - begin < 0.9 * seconds
        if late is not alarm and (isinstance(late, Alarm) or in_time):
            raise
        raise AssertionError(
            f"{call(function, args, kwargs)} had not returned after {seconds:g} s: a loop that does not end, a "
            "deadlock, or far more work than needed?"
        ) from late  # whose traceback shows where it was


def _has_alarm() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


def _by_alarm(alarm: Alarm, seconds: float, function: Callable, args: tuple, kwargs: dict) -> Any:
    __tracebackhide__ = True  # what a student sees is the own function, not what is around it
    with _ringing(alarm, seconds):
        return function(*args, **kwargs)


@contextlib.contextmanager
def _ringing(alarm: Alarm, seconds: float) -> Iterator[None]:
    """SIGALRM raises `alarm` in here after some seconds. One that is set already keeps its time."""
    armed, begin = True, time.monotonic()

    def ring(number: int, frame: object) -> None:
        __tracebackhide__ = True
        if armed:
            raise alarm

    outer, outer_again = signal.getitimer(signal.ITIMER_REAL)
    if 0 < outer <= seconds:
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if before is None else before)
        if outer:
            signal.setitimer(signal.ITIMER_REAL, max(outer - (time.monotonic() - begin), 1e-3), outer_again)


def _by_thread(alarm: Alarm, seconds: float, function: Callable, args: tuple, kwargs: dict) -> Any:
    """As _by_alarm where there is none: on Windows, and in a thread. What does not end is told to, and left behind."""
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["value"] = function(*args, **kwargs)
        except Alarm:
            pass
        except BaseException as error:  # raised again where it was called
            outcome["error"] = error

    thread = threading.Thread(target=run, daemon=True, name="within")
    thread.start()
    thread.join(seconds)
    if "error" in outcome:
        raise outcome["error"]
    if "value" in outcome:
        return outcome["value"]
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Alarm))
    raise alarm


def raises(
    kind: type[Exception] | tuple[type[Exception], ...],
    function: Callable,
    *args: Any,
    says: str = "",
    **kwargs: Any,
) -> None:
    """Check that function(*args, **kwargs) raises `kind`, with a message in which the pattern `says` is found.

    Capitals do not matter. Raises AssertionError.
    """
    __tracebackhide__ = True
    kinds = kind if isinstance(kind, tuple) else (kind,)
    asked = " or ".join(one.__name__ for one in kinds)
    if not callable(function):  # which is a TypeError, but not the one that is asked for
        raise AssertionError(f"a function that raises {asked} is expected, and {show(function)} came")
    this = call(function, args, kwargs)
    try:
        value = function(*args, **kwargs)
    except NotImplementedError as error:  # a stub refuses everything: no wider class stands for it
        if not any(issubclass(one, NotImplementedError) for one in kinds):
            raise AssertionError(f"{this} should raise {asked}: {name_of(function)} is not written yet") from error
        _check_message(error, this, says)
    except kinds as error:
        _check_message(error, this, says)
    except Exception as error:
        came = f"{class_name(error)}: {shorten(message_of(error), 120)}".rstrip(": ")
        raise AssertionError(f"{this} should raise {asked}, and raises {came}") from error
    else:
        raise AssertionError(f"{this} should raise {asked}, and returns {show(value)}")


def _check_message(error: Exception, this: str, says: str) -> None:
    __tracebackhide__ = True
    said = message_of(error)
    if not re.search(says, said, re.IGNORECASE):
        raise AssertionError(
            f"{this} raises {class_name(error)}, as it should, but its message does not say {says!r}: "
            f"{shorten(said, 120)!r}. A message names what is wrong."
        ) from error


def message_of(error: BaseException) -> str:
    """What an exception says."""
    try:
        return str.__str__(str(error))
    except Exception:  # an exception's __str__ can fail too
        return ""


class counted:
    """A function that a student's code is given, with the calls that it got; they are counted where the test runs.

    calls: how many. arguments: for each call a tuple of its arguments, in the order of the function's parameters;
    arrays, lists and dicts as they were at the time of the call.
    """

    def __init__(self, function: Callable):
        self.function = function
        self.__name__ = name_of(function)
        self.arguments: list[tuple] = []
        try:
            self._signature = inspect.signature(function)
        except (TypeError, ValueError):  # some builtins have none
            self._signature = None

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return len(self.arguments)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.arguments.append(snapshot(self._ordered(args, kwargs)))
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.__name__}, {many(self.calls, 'call')}>"

    def _ordered(self, args: tuple, kwargs: dict) -> tuple:
        if not kwargs or self._signature is None:
            return (*args, *kwargs.values())
        try:
            bound = self._signature.bind(*args, **kwargs)
            return (*bound.args, *bound.kwargs.values())
        except TypeError:  # the call fails in a moment, and says why
            return (*args, *kwargs.values())


def snapshot(value: object, seen: dict[int, object] | None = None) -> object:
    """Data as it is now: what may be changed later is copied, the rest is returned as it is.

    seen: what was copied, by id: a list that is met twice, or holds itself, is copied once.
    """
    seen, kind = {} if seen is None else seen, kind_of(value)
    if id(value) in seen:
        return seen[id(value)]
    if kind == "list":
        copy = seen[id(value)] = []
        copy.extend(snapshot(one, seen) for one in members(value, kind))
    elif kind == "dict":
        copy = seen[id(value)] = {}
        copy.update((key, snapshot(one, seen)) for key, one in entries(value))
    elif type(value) is tuple:
        copy = seen[id(value)] = tuple(snapshot(one, seen) for one in members(value, kind))
    else:
        copy = seen[id(value)] = _flat_copy(value, kind)
    return copy


def _flat_copy(value: object, kind: str) -> object:
    if kind == "array" and issubclass(type(value), np.ndarray) and array_of(value).nbytes <= MOST_COPIED:
        return array_of(value).copy()
    if kind == "tensor" and detached(value).nbytes <= MOST_COPIED:
        return detached(value).clone()
    return {"set": set, "bytearray": bytearray}.get(kind, lambda same: same)(value)
