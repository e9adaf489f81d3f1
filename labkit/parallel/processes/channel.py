"""What a rank and its supervisor say to each other: pickled tuples with their length in front, over a pair of sockets.

The supervisor's side of the talk is single bytes; that it hangs up means that it is gone.
"""

import pickle
import socket
import struct
import threading

LENGTH = struct.Struct("!Q")
CHUNK = 1 << 20
ASK, CHECK, RELEASE = b"?", b"=", b"!"  # where are you; are you still stuck; you may end


class Outbox:
    """The rank's end. Its threads may speak at the same time."""

    def __init__(self, line: socket.socket):
        self.line, self._turn = line, threading.Lock()

    def say(self, kind: str, *content: object) -> None:
        """Send one message. Raises OSError where nobody listens any more, and what pickle raises."""
        message = pickle.dumps((kind, *content), protocol=pickle.HIGHEST_PROTOCOL)
        with self._turn:
            self.line.sendall(LENGTH.pack(len(message)))
            self.line.sendall(message)


def read_message(line: socket.socket) -> tuple:
    """Wait for one message. Raises EOFError where the other side is gone."""
    length = LENGTH.unpack(_exactly(line, LENGTH.size))[0]
    return pickle.loads(_exactly(line, length))


def _exactly(line: socket.socket, size: int) -> bytearray:
    found = bytearray(size)
    view = memoryview(found)
    while view:
        got = line.recv_into(view)
        if not got:
            raise EOFError("the supervisor is gone")
        view = view[got:]
    return found


class Inbox:
    """The supervisor's end. Never blocks."""

    def __init__(self, line: socket.socket):
        line.setblocking(False)
        self.line, self.open, self._bytes = line, True, bytearray()

    def messages(self) -> list[tuple]:
        """All that have arrived whole. `open` is False after the rank has hung up."""
        self._read()
        found = []
        while len(self._bytes) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._bytes)[0]
            if len(self._bytes) < end:
                break
            found.append(pickle.loads(self._bytes[LENGTH.size : end]))
            del self._bytes[:end]
        return found

    def tell(self, word: bytes) -> None:
        """ASK, CHECK or RELEASE. A rank that is gone hears nothing."""
        try:
            self.line.send(word)
        except OSError:
            self.open = False

    def _read(self) -> None:
        while self.open:
            try:
                piece = self.line.recv(CHUNK)
            except BlockingIOError:
                return
            except OSError:
                piece = b""
            self.open = bool(piece)
            self._bytes += piece
