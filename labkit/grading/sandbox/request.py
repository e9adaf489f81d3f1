"""What crosses on admission, from outside to inside: limits, seed and files, as JSON and bytes.

Frame: 8 bytes (length of the JSON), the JSON, then the files' bytes one after the other.
"""

import json
import posixpath
import socket
from dataclasses import dataclass

from labkit.grading.sandbox.limits import Limits

MAX_NAME, MAX_FILES = 200, 1000


class Refused(RuntimeError):
    """An admission failed, for a reason that is the machine's and not the student's."""


@dataclass(frozen=True)
class Request:
    """One admission."""

    limits: Limits
    files: dict[str, bytes]
    seed: int = 0


def check_name(name: str) -> str:
    """The relative name of a file that may be written; ValueError for any other."""
    parts = name.split("/")
    plain = name.isprintable() and "\\" not in name and len(name.encode(errors="replace")) <= MAX_NAME
    if not plain or any(part in ("", ".", "..") for part in parts) or posixpath.isabs(name):
        raise ValueError(f"{name!r} is no name for a file in the sandbox.")
    return name


def checked(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files, if their names are good."""
    if len(files) > MAX_FILES:
        raise ValueError(f"{len(files)} files are too many: at most {MAX_FILES} can be handed in.")
    return {check_name(name): bytes(content) for name, content in files.items()}


def packed(request: Request) -> bytes:
    """The frame."""
    sizes = {name: len(content) for name, content in request.files.items()}
    head = json.dumps({"limits": request.limits.as_dict(), "seed": request.seed, "files": sizes}).encode()
    return b"".join([len(head).to_bytes(8, "big"), head, *request.files.values()])


def exactly(source: socket.socket, size: int) -> bytes:
    """That many bytes; EOFError where fewer come."""
    got = bytearray()
    while len(got) < size:
        piece = source.recv(min(1 << 20, size - len(got)))
        if not piece:
            raise EOFError("The other side is gone.")
        got += piece
    return bytes(got)


def received(source: socket.socket) -> Request:
    """Read a frame."""
    head = json.loads(exactly(source, int.from_bytes(exactly(source, 8), "big")))
    files = {name: exactly(source, size) for name, size in head["files"].items()}
    return Request(Limits(**head["limits"]), checked(files), head["seed"])
