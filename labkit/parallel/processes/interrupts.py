"""Ctrl-C, put off for a moment: between a fork and the note of its pid a rank would be forgotten, and run for ever."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def held() -> Iterator[None]:
    """A Ctrl-C in the block is heard at its end. (Only the main thread hears of any.)"""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)
    if came:
        signal.raise_signal(signal.SIGINT)  # who handles it may count them
