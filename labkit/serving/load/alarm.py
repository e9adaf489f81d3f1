"""An alarm clock for an event loop that is exact to microseconds where the machine can be.

An event loop's own timers go by milliseconds: asyncio rounds what it tells epoll, and uvloop counts in them. A request
that leaves a millisecond late has waited for a millisecond before it was asked. Linux has timers that are files, and
wakes the loop up as for any other (timerfd_create(2)); elsewhere the loop's own must do, and the lateness is reported.
"""

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable

CLOCK_MONOTONIC, TFD_TIMER_ABSTIME = 1, 1
TFD_FLAGS = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class Moment(ctypes.Structure):
    """struct timespec"""

    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class Setting(ctypes.Structure):
    """struct itimerspec; an interval of zero rings once, and a moment of zero never."""

    _fields_ = (("interval", Moment), ("moment", Moment))


class FileAlarm:
    """Calls `ring` at the moment that it was last set to. Raises OSError or AttributeError where there is none."""

    def __init__(self, ring: Callable[[], None]):
        # PyDLL keeps the interpreter's lock: to set a timer takes less time than to get the lock back.
        self.libc = ctypes.PyDLL(None, use_errno=True)
        self.file = self.libc.timerfd_create(CLOCK_MONOTONIC, TFD_FLAGS)
        if self.file < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self.setting = Setting()
        self.reference = ctypes.byref(self.setting)
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(self.file, ring)

    def set(self, moment: float | None) -> None:
        """moment: of time.monotonic(), at once if it is past; None is never. The file is never read: this clears it."""
        spec = self.setting.moment
        spec.seconds, spec.nanoseconds = divmod(int((moment or 0) * 1e9), 1_000_000_000)
        self.libc.timerfd_settime(self.file, TFD_TIMER_ABSTIME, self.reference, None)

    def close(self) -> None:
        self.loop.remove_reader(self.file)
        os.close(self.file)


class LoopAlarm:
    """The same with the loop's own timers, late by a millisecond or two."""

    def __init__(self, ring: Callable[[], None]):
        self.ring = ring
        self.loop = asyncio.get_running_loop()
        self.handle: asyncio.TimerHandle | None = None

    def set(self, moment: float | None) -> None:
        self.close()
        if moment is not None:
            self.handle = self.loop.call_at(moment, self.ring)  # both loops go by time.monotonic()

    def close(self) -> None:
        if self.handle is not None:
            self.handle.cancel()


def alarm(ring: Callable[[], None]) -> FileAlarm | LoopAlarm:
    """The best alarm of this machine."""
    if sys.platform != "linux":
        return LoopAlarm(ring)
    try:
        return FileAlarm(ring)
    except (OSError, AttributeError):  # no file left, or a C library without it
        return LoopAlarm(ring)
