"""Runs code as an inmate, and says what came of it."""

import contextlib
import textwrap
import time
from dataclasses import dataclass

from tests.grading.sandbox.conftest import GENEROUS, SLOW

# `say` sends a word out; a trace is what an attack that stumbles would show.
PROLOGUE = """
import ctypes, os, signal, sys, time, traceback

def say(*words):
    sock.sendall(" ".join(map(str, words)).encode() + b"\\n")

def fails(action, *args):
    try:
        action(*args)
    except OSError as error:
        return error.errno
    return 0
"""


def script(code):
    """The file that an inmate runs. Processes that it spawns read the file too, and run none of it."""
    body = textwrap.indent(textwrap.dedent(code), "        ")
    tried = f"    try:\n{body}\n    except Exception:\n        say(traceback.format_exc())\n"
    return {"main.py": f"{PROLOGUE}\nif __name__ == '__main__':\n{tried}".encode()}


@dataclass
class Outcome:
    said: list
    why: str


def told(inmate):
    """All lines that it says until its end, of the socket or of us."""
    inmate.socket.settimeout(SLOW)
    text = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := inmate.socket.recv(1 << 16):
            text += piece
    return text.decode().splitlines()


def line(inmate):
    """The next line that it says."""
    inmate.socket.settimeout(SLOW)
    text = b""
    while not text.endswith(b"\n"):
        piece = inmate.socket.recv(1)
        if not piece:
            raise EOFError(f"It ended: {inmate.ending()}")
        text += piece
    return text.decode().strip()


def run(room, code, limits=GENEROUS, **files):
    """Run code as an inmate to its end."""
    with room.admit(limits, {**script(code), **files}) as inmate:
        return Outcome(told(inmate), inmate.ending(SLOW))


def eventually(condition, within=SLOW):
    """Wait until something is true."""
    until = time.monotonic() + within
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.02)
