"""The extension point: functions that run where the student's code is, and of which only data comes back.

A test cell calls such a function like any other. Given a handle of the student's, it runs inside the sandbox, on the
object itself; given anything else (the student's own kernel, `labkit course validate`), it runs in place.

    from labkit.grading.crossing import crossing

    @crossing
    def source_of(function) -> str:
        return inspect.getsource(function)

A crossing is part of labkit, never of a notebook: the court sends its name, and the other side looks it up. Its result
is the student's claim, like that of any call: what is counted or compared is counted and compared in the court.
"""

import functools
import importlib
import inspect
from collections.abc import Callable

_KNOWN: dict[str, Callable] = {}
_courts: list = []  # the court of this process, where it is one


def crossing(function: Callable) -> Callable:
    """Let a function of labkit's run on the student's side when it is given something of the student's."""
    name = f"{function.__module__}:{function.__qualname__}"

    @functools.wraps(function)
    def crossed(*args: object, **kwargs: object) -> object:
        if _courts:
            return _courts[-1].cross(name, args, kwargs)
        return function(*args, **kwargs)

    _KNOWN[name] = function
    return crossed


def named(name: str) -> Callable:
    """The function of a crossing. Raises LookupError for anything that is none."""
    module = name.partition(":")[0]
    if module.split(".")[0] != "labkit":
        raise LookupError(f"{name} is no crossing: they are part of labkit")
    importlib.import_module(module)
    if name not in _KNOWN:
        raise LookupError(f"{name} is no crossing")
    return _KNOWN[name]


def sit(court: object) -> None:
    """From now on this process is a court, and crossings go to its student's side."""
    _courts.append(court)


@crossing
def source_of(function: Callable) -> str:
    """The text of a function as the student wrote it, in one piece. Raises TypeError where it has none."""
    function = getattr(function, "py_func", function)  # what Numba has compiled
    try:
        return inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError) as error:
        raise TypeError(f"the text of {getattr(function, '__name__', 'this')} cannot be found") from error
