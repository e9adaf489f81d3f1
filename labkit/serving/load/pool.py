"""A number of connections that are kept open: one that is lost is opened again."""

import asyncio
import errno
import os
from collections.abc import Coroutine
from typing import Protocol

from labkit.errors import WrongUse
from labkit.serving.load.connection import Connection, clock
from labkit.serving.load.log import Log
from labkit.serving.load.target import Target

AT_ONCE = 32  # connections opened at the same time: fewer than any server's backlog, where more would wait a second
PAUSE = 0.1  # seconds until a refused connection is tried again
SWEEPS = 20  # looks for late answers in the length of a timeout, which is exact to a twentieth then


class User(Protocol):
    """What a loop does with connections."""

    def idle(self, connection: Connection) -> None:
        """The connection may ask; `connection.since` says since when it, or the one that it replaces, could have."""

    def refused(self, since: float, reason: str) -> None:
        """No connection could be made for a place that is empty since then; it is tried again."""


class Pool:
    """timeout: seconds that a request, and the opening of a connection, may take."""

    def __init__(self, target: Target, size: int, timeout: float, log: Log, user: User):
        self.target, self.size, self.timeout, self.log, self.user = target, size, timeout, log, user
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task] = set()
        self.closed = False

    async def __aenter__(self) -> "Pool":
        """Open all of them. Raises WrongUse where that cannot be done."""
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one() -> Connection:
            async with gate:
                return await self.connect()

        opened = await asyncio.gather(*(one() for _ in range(self.size)), return_exceptions=True)
        if errors := [each for each in opened if isinstance(each, BaseException)]:
            raise WrongUse(self.complaint(errors[0], self.size - len(errors)))
        self.start(self.sweep())
        for connection in opened:
            connection.since = clock()
            self.user.idle(connection)

    def complaint(self, error: BaseException, opened: int) -> str:
        if opened:
            return (
                f"Only {opened} of {self.size} connections to {self.target.netloc} could be opened "
                f"({reason(error)}). Use fewer --connections."
            )
        return f"The server at {self.target.netloc} cannot be reached ({reason(error)}). Start it, or correct the URL."

    async def connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self.timeout):
            _, connection = await loop.create_connection(self.made, self.target.host, self.target.port)
        if not connection.usable:  # lost while we were waiting to hear of it
            raise ConnectionAbortedError(errno.ECONNABORTED, "closed at once")
        self.connections.add(connection)
        return connection

    def made(self) -> Connection:
        return Connection(self.log, self.user.idle, self.lost)

    def lost(self, connection: Connection) -> None:
        known = connection in self.connections  # or else `connect` still has it
        self.connections.discard(connection)
        if known and not self.closed:
            self.start(self.reopen(connection.since))

    async def reopen(self, since: float) -> None:
        """Fill a place that is empty since then."""
        while True:
            try:
                connection = await self.connect()
            except OSError as error:  # a timeout is one
                self.user.refused(since, f"no connection: {reason(error)}")
                await asyncio.sleep(PAUSE)
                since = clock()
            else:
                connection.since = since
                self.user.idle(connection)
                return

    async def sweep(self) -> None:
        """Drop the connections whose answers are overdue."""
        while True:
            await asyncio.sleep(self.timeout / SWEEPS)
            due = clock() - self.timeout
            for connection in [each for each in self.connections if each.wanted is not None and each.wanted < due]:
                connection.drop("timeout")

    @property
    def busy(self) -> bool:
        """Whether any answer is still to come."""
        return any(connection.wanted is not None for connection in self.connections)

    async def close(self) -> None:
        """Close them all; what is still under way has failed."""
        self.closed = True
        for task in self.tasks:
            task.cancel()
        for connection in self.connections.copy():
            connection.drop("timeout")
        while self.connections:
            await asyncio.sleep(0)

    def start(self, work: Coroutine) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self.tasks.discard)


def reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    number = getattr(error, "errno", None)
    if number and number > 0:
        return os.strerror(number).lower()
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
