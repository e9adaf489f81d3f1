"""The one decorator of the kernels: compiled when first called, cached on disk, serial unless threads are asked for.

One thread is the default, because a kernel seldom has the machine to itself: torch's own threads, a server's replicas
and a loader's workers want the same cores, and a team of threads that waits for a core is slower than one thread.
`set_threads(2)` gives every kernel that has independent rows a second build that shares them out.

A forked child (a data loader's worker, a rank in a notebook) always computes on one thread: GNU OpenMP, once used by
the parent, kills a child that starts a team.
"""

import os
import threading
import types
from collections.abc import Callable

import numba
from numba import njit

from labkit.kernels.cache import keep_compiled

# What the compiler may assume beyond IEEE 754, and what for:
#   reassoc   a sum may be split over vector lanes; without it no reduction is vectorised
#   contract  a * b + c may be one fused multiply-add, which rounds once instead of twice
#   nsz       the sign of a zero does not matter
#   arcp      a division by the same number many times may become one reciprocal and products
# Never `nnan` or `ninf`: a mask is -inf, and a NaN must come out as NaN.
FAST = frozenset({"reassoc", "contract", "nsz", "arcp"})

# Division by zero gives what IEEE says instead of an exception; no lock is held, so that servers' threads go on.
_OPTIONS = {"error_model": "numpy", "boundscheck": False, "nogil": True}

_threads = 1
_forked = False
_doors = []
_team = threading.Lock()  # one team at a time: the fallback layer aborts the process if two threads launch at once


class Kernel:
    """One function in two builds: `serial`, and `parallel`, made when first asked for.

    Calling it takes the build that fits: from compiled code, which runs on one thread already, the serial one.
    """

    def __init__(self, function: Callable, fastmath: frozenset):
        self.__doc__, self.__name__, self.__wrapped__ = function.__doc__, function.__name__, function
        self._fastmath = fastmath
        self.serial = compiled(function, fastmath)
        self._parallel = None

    def __call__(self, *arguments):
        return self.serial(*arguments) if _threads == 1 else self._share_out(arguments)

    @property
    def _numba_type_(self):
        return self.serial._numba_type_

    def _share_out(self, arguments: tuple):
        if not _team.acquire(blocking=False):
            return self.serial(*arguments)  # another thread's team has the cores
        try:
            before = numba.get_num_threads()
            numba.set_num_threads(_threads)
            try:
                return self.parallel(*arguments)
            finally:
                numba.set_num_threads(before)
        finally:
            _team.release()

    @property
    def parallel(self):
        if self._parallel is None:
            self._parallel = compiled(_twin(self.__wrapped__), self._fastmath, parallel=True)
        return self._parallel


class Door:
    """A quick way into a kernel: one compiled function that checks what it is given and then does the work.

    Its `run` takes arguments of exactly one signature, compiled when first called, and says whether it did the work.
    Anything else raises one of DOES_NOT_FIT, or returns False: then the slow way finds the sentence, or does the work.
    With more than one thread the door is closed.
    """

    def __init__(self, function: Callable, signature: str):
        self.__doc__, self._function, self._signature = function.__doc__, function, signature
        self._dispatcher = None
        self.choose()
        _doors.append(self)

    def choose(self) -> None:
        self.run = (self._dispatcher or self._open) if _threads == 1 else self._closed

    def _open(self, *arguments) -> bool:
        dispatcher = compiled(self._function, frozenset())
        try:
            dispatcher.compile(self._signature)
        except DOES_NOT_FIT as error:  # a mistake in the function must not pass for a mistake in the arguments
            raise RuntimeError(f"{self._function.__qualname__} does not compile: {error}") from error
        dispatcher.disable_compile()
        self._dispatcher = dispatcher
        self.choose()  # by what holds now: the threads may have changed meanwhile
        return dispatcher(*arguments)

    def _closed(self, *arguments) -> bool:
        return False


DOES_NOT_FIT = (TypeError, numba.core.errors.NumbaError)


def door(signature: str) -> Callable[[Callable], Door]:
    """Make a door of a function. A signature is Numba's: f4[:, ::1] is a float32 array of two dimensions, by rows."""
    return lambda function: Door(function, signature)


def jit(function: Callable | None = None, *, parallel: bool = False, inline: bool = False, fastmath: frozenset = FAST):
    """Compile a kernel when it is first called.

    parallel=True is for a kernel whose `prange` runs over independent rows: it gets a second build, used after
    `set_threads(2)`. inline=True is for a part of an inner loop that returns several values: LLVM inlines functions by
    itself, but seldom those.
    """
    if function is None:
        return lambda function: jit(function, parallel=parallel, inline=inline, fastmath=fastmath)
    if parallel:
        return Kernel(function, fastmath)
    return compiled(function, fastmath, inline="always") if inline else compiled(function, fastmath)


def compiled(function: Callable, fastmath: frozenset, **options):
    dispatcher = njit(fastmath=set(fastmath) or False, **_OPTIONS, **options)(function)
    keep_compiled(dispatcher)
    return dispatcher


def set_threads(count: int) -> int:
    """Let kernels use this many threads. Returns how many they will use: in a forked child it stays at one.

    Raises ValueError for a count below one, or above the number of cores.
    """
    global _threads
    if not 1 <= count <= numba.config.NUMBA_NUM_THREADS:
        raise ValueError(f"count is {count}; this machine takes 1 to {numba.config.NUMBA_NUM_THREADS} threads.")
    _threads = 1 if _forked else int(count)
    if _threads > 1:
        _choose_layer()  # before anything asks Numba about threads, which starts them
    for door in _doors:
        door.choose()
    return _threads


def threads() -> int:
    """How many threads a kernel uses now."""
    return _threads


def _twin(function: Callable) -> Callable:
    """The same function under another name: the cache tells builds apart by name, not by options."""
    name = f"{function.__name__}_parallel"
    twin = types.FunctionType(function.__code__, function.__globals__, name, None, function.__closure__)
    twin.__qualname__, twin.__module__ = name, function.__module__
    return twin


def _choose_layer() -> None:
    """OpenMP where it can be had, else Numba's own queue. Never TBB: beside torch it doubles a kernel's time."""
    numba.config.THREADING_LAYER_PRIORITY = ["omp", "workqueue", "tbb"]  # the second is part of Numba
    if numba.config.THREADING_LAYER == "tbb":
        numba.config.THREADING_LAYER = "default"


def _go_serial() -> None:
    global _threads, _forked, _team
    _threads, _forked, _team = 1, True, threading.Lock()
    for door in _doors:
        door.choose()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_go_serial)
