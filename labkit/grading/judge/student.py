"""The student's side: runs the student's cells in an IPython shell, and answers the court's questions with data.

It runs inside the sandbox, in the same process as the student's code, which may take it over completely. So nothing
here is trusted: it is only the honest way to talk to the court.

A question is one message, and has one answer, `{"ok": ...}` or `{"error": ...}`. Before its answer the student's side
may ask the court to call one of the functions that the court has passed (`{"callback": ...}`).
"""

import contextlib
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable

from labkit.grading.judge import codec
from labkit.grading.judge.shell import Shell
from labkit.grading.judge.things import Things
from labkit.grading.judge.wire import Channel, Ended

SETTLE_S = 1.0  # that an interrupt may take from the court to here


class Desk:
    """One conversation with the court."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.shell = Shell()
        self.things = Things(self.shell.names, self.call_back)
        self.busy = False
        self.interrupts = 0
        self.does: dict[str, Callable[[dict, list], tuple[dict, list]]] = {
            "cell": self._cell,
            "look": self._look,
            "bind": self._bind,
            "operate": self._operate,
            "cross": self._cross,
            "settle": self._settle,
        }

    def serve(self) -> None:
        """Answer until the court hangs up."""
        signal.signal(signal.SIGINT, self._interrupted)
        with contextlib.suppress(Ended):
            while True:
                self._answer(*self.channel.receive())

    def call_back(self, number: int, args: tuple, kwargs: dict) -> object:
        """Have the court call a function of its own."""
        tree, blobs = codec.encode([args, kwargs], self.things.refer)
        self.channel.send({"callback": number, "with": tree}, blobs)
        said, blobs = self.channel.receive()
        if "error" in said:
            raise self.things.exception(said["error"])
        return codec.decode(said["ok"], blobs, self.things.resolve)

    def _answer(self, question: dict, blobs: list) -> None:
        self.busy = True
        try:
            said, blobs = self.does[question["do"]](question, blobs)
        except BaseException as error:  # whatever the student's code raises is an answer
            said, blobs = {"error": self.things.described(error)}, []
        finally:
            self.busy = False
        self.channel.send(said, blobs)

    def _interrupted(self, *_: object) -> None:
        self.interrupts += 1
        if self.busy:
            raise KeyboardInterrupt

    def _settle(self, question: dict, blobs: list) -> tuple[dict, list]:
        """Wait for an interrupt that has been sent: one that missed its question must not hit the next."""
        self.busy = False
        until = time.monotonic() + SETTLE_S
        while self.interrupts < question["interrupts"] and time.monotonic() < until:
            time.sleep(0.001)
        return {"ok": None}, []

    def _cell(self, question: dict, blobs: list) -> tuple[dict, list]:
        return self.shell.run(question["source"], question["silent"]), []

    def _look(self, question: dict, blobs: list) -> tuple[dict, list]:
        """The values of names, as data or as references; names that are not bound are left out."""
        names = self.shell.names
        found, parts = {}, []
        for name in question["names"]:
            if name in names:
                with contextlib.suppress(codec.CannotCross):
                    tree, more = codec.encode(names[name], self.things.refer)
                    found[name] = [tree, len(more)]
                    parts += more
        return {"ok": found}, parts

    def _bind(self, question: dict, blobs: list) -> tuple[dict, list]:
        """What a test bound or deleted."""
        for name in question["delete"]:
            self.shell.names.pop(name, None)
        self.shell.names.update(codec.decode(question["set"], blobs, self.things.resolve))
        return {"ok": None}, []

    def _operate(self, question: dict, blobs: list) -> tuple[dict, list]:
        """Do something with an object of the student's: call it, read an attribute, ..."""
        thing = self.things.resolve(question["on"])
        args, kwargs = codec.decode(question["with"], blobs, self.things.resolve)
        before = [codec.encode(one, self.things.refer) for one in (args, kwargs)]
        with self.shell.quiet():
            result = OPERATIONS[question["how"]](thing, *args, **kwargs)
        return self._result(result, args, kwargs, before)

    def _cross(self, question: dict, blobs: list) -> tuple[dict, list]:
        """Run one of the kit's crossings (labkit.grading.crossing) on this side."""
        from labkit.grading.crossing import named

        args, kwargs = codec.decode(question["with"], blobs, self.things.resolve)
        with self.shell.quiet():
            result = named(question["name"])(*args, **kwargs)
        return self._result(result, args, kwargs, None)

    def _result(self, result: object, args: tuple, kwargs: dict, before: list | None) -> tuple[dict, list]:
        """A result; and the arguments again, where the student's code has changed them in place."""
        changed = before is not None and any(
            not _equal(old, codec.encode(one, self.things.refer))
            for old, one in zip(before, (args, kwargs), strict=True)
        )
        tree, blobs = codec.encode([result, [args, kwargs] if changed else None], self.things.refer)
        return {"ok": tree}, blobs


def _equal(one: tuple, other: tuple) -> bool:
    return one[0] == other[0] and [bytes(blob) for blob in one[1]] == [bytes(blob) for blob in other[1]]


OPERATIONS: dict[str, Callable] = {
    "call": lambda thing, *args, **kwargs: thing(*args, **kwargs),
    "get": lambda thing, name: getattr(thing, name),
    "set": lambda thing, name, value: setattr(thing, name, value),
    "unset": lambda thing, name: delattr(thing, name),
    "length": lambda thing: len(thing),
    "item": lambda thing, key: thing[key],
    "put": lambda thing, key, value: thing.__setitem__(key, value),
    "drop": lambda thing, key: thing.__delitem__(key),
    "iterate": lambda thing: iter(thing),
    "advance": lambda thing: _advance(thing),
    "text": lambda thing: str(thing),
    "written": lambda thing: repr(thing),
    "enter": lambda thing: thing.__enter__(),
    "leave": lambda thing: thing.__exit__(None, None, None),
    "kind": lambda thing, other: isinstance(other, thing),
}


def _advance(thing: object) -> list | None:
    """The next element in a list, or None where there is no more."""
    try:
        return [next(thing)]
    except StopIteration:
        return None


def serve(sock: socket.socket, seed: int = 0) -> None:
    """Be the student's side of one submission. The random numbers are the same whenever it is graded."""
    random.seed(seed)
    for module, function in (("numpy", "random.seed"), ("torch", "manual_seed")):
        if module in sys.modules:
            target = sys.modules[module]
            for part in function.split("."):
                target = getattr(target, part)
            target(seed % 2**32)
    sys.path.insert(0, os.getcwd())  # the files that were handed in beside the notebook
    Desk(Channel(sock)).serve()
