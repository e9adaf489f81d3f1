"""Listens where an attack could send what it has read: on TCP, on UDP, and on an abstract Unix socket."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator


class Ears:
    """Everything that was heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        stream = socket.create_server(("127.0.0.1", 0))
        self.port = stream.getsockname()[1]
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind(("127.0.0.1", self.port))
        abstract = socket.socket(socket.AF_UNIX)
        abstract.bind(f"\0attack-{self.port}")
        abstract.listen()
        self.doors = [stream, datagrams, abstract]
        self.end, self._wake = socket.socketpair()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            ready = select.select([*self.doors, self._wake], [], [])[0]
            if self._wake in ready:
                return
            for door in ready:
                way = door.accept()[0] if door.type == socket.SOCK_STREAM else door
                way.settimeout(0.5)
                with contextlib.suppress(OSError):
                    self.heard.append(way.recv(100))

    def close(self) -> None:
        """Listen no more."""
        self.end.send(b"x")
        for door in self.doors:
            door.close()


@contextlib.contextmanager
def listening() -> Iterator[Ears]:
    """Ears for as long as the block runs."""
    ears = Ears()
    try:
        yield ears
    finally:
        ears.close()
