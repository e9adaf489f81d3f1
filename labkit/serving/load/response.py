"""An HTTP/1.1 answer, read as it arrives: how it ended, and where. Its body is counted, not kept.

Of RFC 9112 it takes what a model server sends: a status line, headers, and a body of Content-Length bytes. Whatever
else arrives (chunks, a body without a length, more than was promised) is refused: to guess where an answer ends is to
time the wrong thing.
"""

import functools
import re
from dataclasses import dataclass

MAX_HEAD = 64 * 2**10  # bytes; a server that sends more headers than this is not speaking HTTP
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([2-5]\d\d)(?: .*)?")


class BadAnswer(Exception):
    """What arrived is no answer that can be timed. The message is a reason to be counted."""


@dataclass(frozen=True)
class Head:
    """What an answer says before its body. length: bytes of the body. close: it is the last on its connection."""

    status: int
    length: int
    close: bool


class Reader:
    """Puts the answers on one connection together, whatever the packets that they come in."""

    def __init__(self) -> None:
        self.begun = b""  # of a head that is not whole
        self.head: Head | None = None
        self.missing = 0  # bytes of the body

    def feed(self, data: bytes) -> Head | None:
        """The head of an answer that is now complete, else None. Raises BadAnswer."""
        if self.head is None:
            data = self.begun + data if self.begun else data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                return self.wait(data)
            self.begun = b""
            self.head = read_head(data[:end])
            self.missing = self.head.length - (len(data) - end - 4)
        else:
            self.missing -= len(data)
        if self.missing > 0:
            return None
        if self.missing < 0:
            raise BadAnswer("bad HTTP: more bytes than promised")
        head, self.head = self.head, None
        return head

    def wait(self, data: bytes) -> None:
        if len(data) > MAX_HEAD or not data.startswith(b"HTTP/1."[: len(data)]):
            raise BadAnswer("bad HTTP: no status line")
        self.begun = data


@functools.lru_cache(1024)  # a server's heads differ by the second and by the length of the body: most are seen again
def read_head(head: bytes) -> Head:
    """The status line and the headers. Raises BadAnswer."""
    first, *lines = head.split(b"\r\n")
    line = STATUS_LINE.fullmatch(first)
    if line is None:
        raise BadAnswer("bad HTTP: no status line")
    headers = {}
    for name, colon, value in (each.partition(b":") for each in lines):
        if not colon or (name.lower() == b"content-length" and headers.get(b"content-length", value) != value):
            raise BadAnswer("bad HTTP: headers that contradict each other")
        headers[name.lower()] = value
    connection = headers.get(b"connection", b"").strip().lower()
    close = connection == b"close" or (line[1] == b"0" and connection != b"keep-alive")
    return Head(int(line[2]), length_of(headers, int(line[2])), close)


def length_of(headers: dict[bytes, bytes], status: int) -> int:
    if b"transfer-encoding" in headers:
        raise BadAnswer("unsupported HTTP: a body in chunks")
    if status == 204:  # which has no body, and says no length
        return 0
    length = headers.get(b"content-length", b"").strip()
    if not length.isdigit() or len(length) > 15:
        raise BadAnswer("unsupported HTTP: a body without a length")
    return int(length)
