"""One keep-alive connection with at most one request under way. Nothing here waits: the event loop calls it."""

import asyncio
import time
from collections.abc import Callable

from labkit.serving.load.log import Log
from labkit.serving.load.response import BadAnswer, Reader

clock = time.monotonic


class Connection(asyncio.Protocol):
    """idle(connection): it may ask again. lost(connection): it never will."""

    def __init__(self, log: Log, idle: Callable[["Connection"], None], lost: Callable[["Connection"], None]):
        self.log, self.idle, self.lost = log, idle, lost
        self.transport: asyncio.Transport | None = None
        self.reader = Reader()
        self.wanted: float | None = None  # when the request under way was wanted
        self.since = clock()  # when it last became free, or whoever had its place before it

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def ask(self, request: bytes, wanted: float) -> None:
        self.wanted = wanted
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        now = clock()  # before anything else: what we do with the answer is no part of its wait
        try:
            head = self.reader.feed(data)
        except BadAnswer as error:
            self.drop(str(error))
            return
        if head is None:
            return
        if self.wanted is None:
            self.drop("")  # an answer that nobody asked for; the connection is not to be trusted
            return
        self.log.answered(self.wanted, now, head.status)
        self.wanted, self.since = None, now
        if head.close:
            self.transport.close()
        else:
            self.idle(self)

    def drop(self, reason: str) -> None:
        """Give the connection up, and with it the request under way."""
        if self.wanted is not None:
            self.log.failed(self.wanted, reason)
            self.wanted, self.since = None, clock()
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if self.wanted is not None:
            self.log.failed(self.wanted, "connection lost")
            self.wanted, self.since = None, clock()
        self.lost(self)

    @property
    def usable(self) -> bool:
        return not self.transport.is_closing()
