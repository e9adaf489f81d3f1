"""Small HTTP servers that misbehave on purpose, each in a thread of the test."""

import asyncio
import contextlib
import json
import math
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

BODY = b'{"outputs":[]}'
METADATA = {
    "name": "cnn",
    "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 28, 28]}],
    "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1]}],
}


def answer(status: int = 200, body: bytes = BODY, *lines: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *lines))
    return f"{head}\r\n".encode() + body


class Server:
    """asked: how many requests came in, metadata aside. made: how many connections. bodies: what was asked."""

    def __init__(self, behave: "Behaviour"):
        self.behave = behave
        self.asked = self.made = 0
        self.bodies: list[bytes] = []
        self.writers: set[asyncio.StreamWriter] = set()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    async def serve(self, stop: asyncio.Event) -> None:
        self.listener = await asyncio.start_server(self.talk, sock=self.socket)
        await stop.wait()
        self.die()

    def die(self) -> None:
        self.listener.close()
        for writer in self.writers:
            writer.transport.abort()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        self.writers.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                await self.one(reader, writer)
        self.writers.discard(writer)
        writer.close()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length or 0))
        if head.startswith(b"get /v2/models/cnn "):
            writer.write(answer(200, json.dumps(METADATA).encode()))
            return
        if head.startswith(b"get "):
            writer.write(answer(404, b'{"error": "there is no such model"}'))
            return
        self.asked += 1
        self.bodies.append(body)
        await self.behave(self, writer)


Behaviour = Callable[[Server, asyncio.StreamWriter], Awaitable[None]]


@contextlib.contextmanager
def serving(behave: Behaviour) -> Iterator[Server]:
    server = Server(behave)
    started: list[Callable[[], None]] = []
    ready = threading.Event()

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        started.append(lambda: loop.call_soon_threadsafe(stop.set))
        ready.set()
        await server.serve(stop)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        started[0]()
        thread.join()


async def fine(server: Server, writer: asyncio.StreamWriter) -> None:
    writer.write(answer())


def sends(*packets: bytes) -> Behaviour:
    """Each a packet of its own, and then nothing more."""

    async def behave(server: Server, writer: asyncio.StreamWriter) -> None:
        for packet in packets:
            writer.write(packet)
            await asyncio.sleep(0.002)

    return behave


def after(seconds: float) -> Behaviour:
    async def behave(server: Server, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        writer.write(answer())

    return behave


def stalls_once(seconds: float, after: float) -> Behaviour:
    """The whole server stands still, so many seconds after its first request."""
    due = None

    async def behave(server: Server, writer: asyncio.StreamWriter) -> None:
        nonlocal due
        due = due or time.monotonic() + after
        if time.monotonic() >= due:
            due = math.inf
            time.sleep(seconds)
        writer.write(answer())

    return behave


async def closes(server: Server, writer: asyncio.StreamWriter) -> None:
    """After each answer, having said so."""
    writer.write(answer(200, BODY, "Connection: close"))
    writer.close()


async def hangs_up(server: Server, writer: asyncio.StreamWriter) -> None:
    """Instead of an answer."""
    writer.close()


async def silent(server: Server, writer: asyncio.StreamWriter) -> None:
    """Takes every request, and answers none."""


def dies(request: int) -> Behaviour:
    """At that request, and does not come back."""

    async def behave(server: Server, writer: asyncio.StreamWriter) -> None:
        if server.asked < request:
            writer.write(answer())
        else:
            server.die()

    return behave
