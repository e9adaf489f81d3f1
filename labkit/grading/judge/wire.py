"""Messages over a socket: a JSON object and blobs.

    header         magic (4 bytes), length of the JSON (4), number of blobs (4), little-endian
    JSON           UTF-8, one object
    lengths        8 bytes for each blob
    blobs          as they are

The other side may be a student's process. So nothing it announces is believed: memory is touched only when bytes have
come to fill it, a deadline holds for the whole message however the bytes drip, and JSON that would take long or deep
recursion to read is refused before.
"""

import contextlib
import json
import re
import select
import socket
import struct
import time
from collections.abc import Iterable

import numpy as np

from labkit.grading.judge.limits import LIMITS, CannotCross, Malformed

MAGIC = b"LKJ1"
HEADER = struct.Struct("<4sII")
JSON_LIMIT = 16 << 20
BLOB_LIMIT = 16384  # blobs in a message: those of the codec have at least 64 KiB
LIMIT = LIMITS.size + JSON_LIMIT
NESTED = 256  # brackets within brackets: json recurses, and an instructor may have raised Python's own limit
BRACKETS = 1_000_000  # an empty list is 3 bytes of JSON, and 64 of memory
EXPANSION = 24  # bytes of memory for one of JSON, where it is nothing but empty lists
PARTS = 512  # buffers in one sendmsg; Linux takes 1024
STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # possessive: no memory of where to go back to
GRACE_S = 0.5  # a message that has come by the deadline may be read a little later


class Ended(EOFError):
    """The other side is gone, or the conversation with it is out of step."""


class Late(TimeoutError):
    """Nothing whole came, or could be sent, before the deadline."""


class Channel:
    """One end of a conversation in whole messages. After an error in the midst of a message it has Ended."""

    def __init__(self, sock: socket.socket, limit: int = LIMIT):
        sock.settimeout(None)  # the deadlines are ours: other processes may hold the same socket
        self.sock = sock
        self.limit = limit
        self.taken = 0  # bytes of memory, about, that all messages so far have become
        self._midway = False

    def send(self, message: dict, blobs: Iterable = (), deadline: float | None = None) -> None:
        """Sends one message. Raises Late, Ended, or CannotCross where it is too large: then nothing has been sent."""
        text = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
        views = [_flat(blob) for blob in blobs]
        lengths = [len(view) for view in views]
        if len(text) > JSON_LIMIT or len(views) > BLOB_LIMIT or len(text) + sum(lengths) > self.limit:
            raise CannotCross(f"a message of {(len(text) + sum(lengths)) >> 20} MB in {len(views)} parts cannot cross")
        head = HEADER.pack(MAGIC, len(text), len(views)) + text + struct.pack(f"<{len(views)}Q", *lengths)
        with self._whole():
            self._write([memoryview(head), *(view for view in views if len(view))], deadline)

    def receive(self, deadline: float | None = None) -> tuple[dict, list[memoryview]]:
        """The next message. Raises Late, Ended, or Malformed."""
        with self._whole():
            magic, size, count = HEADER.unpack(self._read(HEADER.size, deadline))
            if magic != MAGIC or size > min(JSON_LIMIT, self.limit) or count > BLOB_LIMIT:
                raise Malformed("no message, or one that is too large")
            text = self._read(size, deadline)
            lengths = struct.unpack(f"<{count}Q", self._read(8 * count, deadline))
            if size + sum(lengths) > self.limit:
                raise Malformed("a message that is too large")
            self.taken += EXPANSION * size + sum(lengths)
            message = parse(text)
            blobs = [self._read(length, deadline) for length in lengths]
        return message, blobs

    @contextlib.contextmanager
    def _whole(self) -> Iterable[None]:
        """Whatever interrupts a message in its midst, a Ctrl-C as well, leaves the channel of no use."""
        if self._midway:
            raise Ended("the last message was never whole")
        try:
            yield
        except OSError as problem:
            if isinstance(problem, Late):
                raise
            self._midway = True
            raise Ended(f"the other side is gone ({problem})") from None
        except MemoryError:
            self._midway = True
            raise Malformed("a message that is too large for the memory left") from None
        except ValueError:
            self._midway = True
            raise
        self._midway = False

    def _read(self, size: int, deadline: float | None) -> memoryview:
        view = memoryview(np.empty(size, np.uint8))  # its pages are touched when they are filled
        done = 0
        while done < size:
            self._check(deadline)
            try:
                got = self.sock.recv_into(view[done:], 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait(select.POLLIN, deadline)
                continue
            if got == 0:
                raise Ended("the other side has hung up")
            self._midway = True
            done += got
        return view

    def _write(self, views: list[memoryview], deadline: float | None) -> None:
        first = 0
        while first < len(views):
            self._check(deadline)
            try:
                sent = self.sock.sendmsg(views[first : first + PARTS], [], socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
                continue
            self._midway = True
            while first < len(views) and sent >= len(views[first]):
                sent -= len(views[first])
                first += 1
            if sent:
                views[first] = views[first][sent:]

    def _check(self, deadline: float | None) -> None:
        """Late for a message that comes or goes in drops, each of them in time to ask for another."""
        if self._midway and deadline is not None and time.monotonic() > deadline + GRACE_S:
            raise Late("nothing whole came in time")

    def _wait(self, event: int, deadline: float | None) -> None:
        """Until the socket is ready, or for a minute; Late where that takes longer than there is."""
        left_s = 60.0 if deadline is None else min(60.0, deadline - time.monotonic())
        if left_s < -GRACE_S:  # a socket can say that it is ready, and have nothing for us
            raise Late("nothing whole came in time")
        poll = select.poll()
        poll.register(self.sock, event)
        ready = poll.poll(max(0.0, left_s) * 1000)
        if not ready and deadline is not None and time.monotonic() >= deadline:
            raise Late("nothing whole came in time")


def _flat(blob: object) -> memoryview:
    view = memoryview(blob)
    if view.nbytes == 0:
        return memoryview(b"")  # cast refuses lengths of zero
    return view if view.format == "B" and view.ndim == 1 and view.contiguous else view.cast("B")


def parse(data: memoryview | bytes) -> dict:
    """The JSON object that a stranger wrote. Raises Malformed."""
    data = bytes(data)
    check_brackets(data)
    try:
        message = DECODER.decode(data.decode())
    except (ValueError, RecursionError, MemoryError):
        raise Malformed("no JSON") from None
    if type(message) is not dict:
        raise Malformed("no JSON object")
    return message


def check_brackets(data: bytes) -> None:
    """Raises Malformed where reading this JSON would take a deep recursion, or far more memory than it is long."""
    if data.count(b"[") + data.count(b"{") <= NESTED:
        return
    bare = np.frombuffer(STRING.sub(b"", data), np.uint8)  # a bracket in a text is none
    opens, closes = (bare == ord("[")) | (bare == ord("{")), (bare == ord("]")) | (bare == ord("}"))
    steps = opens.astype(np.int8) - closes.astype(np.int8)
    if np.count_nonzero(opens) > BRACKETS or np.cumsum(steps, dtype=np.int32).max(initial=0) > NESTED:
        raise Malformed("JSON of too many lists, or nested too deep")


def _object(pairs: list[tuple]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _integer(digits: str) -> int:
    if len(digits) > 20:  # longer ones take the square of their length; the codec writes them in hexadecimal
        raise ValueError("too many digits")
    return int(digits)


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant)
