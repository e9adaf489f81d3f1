"""One run from its warm-up to its last answer, whichever loop decides when to ask."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from labkit.serving.load.bottleneck import Client
from labkit.serving.load.connection import clock
from labkit.serving.load.log import Log
from labkit.serving.load.pool import Pool
from labkit.serving.load.processor import processor
from labkit.serving.load.schedule import Schedule
from labkit.serving.load.target import Target

LOOK = 0.002  # seconds between looks whether the last answer came


@dataclass(frozen=True)
class Plan:
    """What to do. requests: whole ones, asked in turn. seconds: that are counted, after `warmup` seconds that are not.

    rate: wanted arrivals a second, or None for the closed loop. timeout: seconds that a request may take.
    """

    target: Target
    requests: list[bytes]
    connections: int
    seconds: float
    warmup: float
    timeout: float
    seed: int
    rate: float | None = None


@dataclass(frozen=True)
class Run:
    """What was done. begin, end: of the part that counts, in seconds of time.monotonic()."""

    plan: Plan
    log: Log
    begin: float
    end: float
    client: Client


async def observe(schedule: Schedule, begin: float, end: float) -> tuple[float, float]:
    """Begin to count at one moment, and wait for another. Returns Client's `busy` and `starved` between them."""
    await asyncio.sleep(begin - clock())
    schedule.forget()
    before, began = processor(), clock()
    await asyncio.sleep(end - clock())
    return processor().share_since(before, clock() - began)


async def drain(pool: Pool, waiting: Callable[[], bool], deadline: float) -> None:
    """Let what was asked be answered."""
    while (waiting() or pool.busy) and clock() < deadline:
        await asyncio.sleep(LOOK)
