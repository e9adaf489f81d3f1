"""Ranks as fresh processes that run a text: nothing is shared with this one, so it works where a fork does not (macOS).

They start slower, each loads torch by itself, and their memory is their own: the way to measure it.
"""

import ast
import linecache
import os
import pickle
import socket
import sys
import types
from collections.abc import Callable

from labkit.parallel.processes.channel import Inbox
from labkit.parallel.processes.child import Orders, live
from labkit.parallel.processes.output import Lines
from labkit.parallel.processes.process import Rank

CELL = "<cell>"


def start_fresh(number: int, orders: Orders, text: str, write: Callable[[str], object]) -> Rank:
    """Start one rank. To be called where Ctrl-C is held."""
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    for fd in (theirs.fileno(), *([] if orders.switch is None else [orders.switch])):
        os.set_inheritable(fd, True)
    command = [
        sys.executable,
        "-m",
        "labkit.parallel.processes.fresh",
        str(number),
        str(theirs.fileno()),
        _write(orders, text),
    ]
    streams = [(os.POSIX_SPAWN_DUP2, writing, stream) for stream in (1, 2)]
    # One thread from the start: a library that makes a team when it is loaded would make it a rank.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pid = os.posix_spawn(sys.executable, command, environment, file_actions=streams, setpgroup=0)
    theirs.close()
    os.close(writing)
    return Rank(number, pid, Inbox(ours), Lines(number, reading, write))


def _write(orders: Orders, text: str) -> str:
    """The orders as a file beside the meeting, which vanishes with it."""
    path = orders.meeting + ".orders"
    with open(path, "wb") as file:
        pickle.dump((sys.path, orders, text), file)
    return path


def as_function(text: str) -> Callable[[], object]:
    """A cell's text as a function: it returns what a notebook would show, the value of a last expression."""

    def cell() -> object:
        linecache.cache[CELL] = (len(text), None, text.splitlines(keepends=True), CELL)  # for tracebacks
        sys.modules["__main__"] = main = types.ModuleType("__main__")  # what the cell defines belongs to it
        body = ast.parse(text, CELL).body
        last = body.pop().value if body and isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, type_ignores=[]), CELL, "exec"), main.__dict__)
        return None if last is None else eval(compile(ast.Expression(last), CELL, "eval"), main.__dict__)

    return cell


def main() -> None:
    """The rank: its number, its line to the supervisor and its orders are the command's arguments."""
    number, line, path = sys.argv[1:]
    with open(path, "rb") as file:
        there, orders, text = pickle.load(file)
    sys.path[:] = there
    live(int(number), orders, as_function(text), socket.socket(fileno=int(line)), os.dup(1))


if __name__ == "__main__":
    main()
