import asyncio
import gc
import os
import signal
import threading

import pytest

from labkit.serving.load.thread import apart


async def answer() -> int:
    await asyncio.sleep(0)
    assert not gc.isenabled()
    return 42


def test_it_returns_what_the_coroutine_does():
    assert apart(answer) == 42
    assert gc.isenabled()


def test_it_raises_what_the_coroutine_does():
    async def fail() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        apart(fail)
    assert gc.isenabled()


def test_it_works_where_an_event_loop_runs_already():
    async def cell() -> int:
        return apart(answer)

    assert asyncio.run(cell()) == 42


def test_an_interrupt_ends_it():
    ended = []

    async def forever() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            ended.append(True)
            raise

    with pytest.raises(KeyboardInterrupt):
        apart(forever)
    assert ended == [True]
    assert "load" not in [thread.name for thread in threading.enumerate()]
