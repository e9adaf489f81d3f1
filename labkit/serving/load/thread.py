"""A coroutine run to its end on a fast event loop in a thread of its own.

A notebook's kernel has an event loop running in the caller's thread already, and a second cannot run inside it. The
thread shares the interpreter's lock with everything else in the process: while a run is on, let the rest be quiet, or
the client is late, and the result says so.
"""

import asyncio
import contextlib
import gc
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import TypeVar

Value = TypeVar("Value")

try:
    from uvloop import new_event_loop
except ImportError:  # it is not made for every machine; asyncio's own loop is slower by a fifth
    from asyncio import new_event_loop


def apart(main: Callable[[], Coroutine[object, object, Value]]) -> Value:
    """What `main` returns or raises. An interrupted caller ends it."""
    outcome: Future[Value] = Future()
    started: Future[Callable[[], None]] = Future()

    async def stoppable() -> Value:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        started.set_result(lambda: loop.call_soon_threadsafe(task.cancel))
        return await main()

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                value = runner.run(stoppable())
        except BaseException as error:  # also of a cancelled run: somebody waits for it
            outcome.set_exception(error)
        else:
            outcome.set_result(value)

    thread = threading.Thread(target=work, name="load", daemon=True)
    with without_collections():
        try:
            thread.start()
            return outcome.result()
        except BaseException:
            if not outcome.done():
                started.add_done_callback(lambda stop: stop.result()())
            raise
        finally:
            if thread.is_alive():
                thread.join()


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """No garbage collection: it stops every thread, for longer than an answer takes where a notebook holds much."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
