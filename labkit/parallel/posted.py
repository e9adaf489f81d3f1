"""Ranks that talk through a post office instead of gloo: forks of this process, which forwards what they ask.

    office = Office([(torch.ones(3),), (torch.ones(3),)])
    run(ring_all_reduce, 2, office.ask_all)
    office.results, office.steps

`ask` may be anybody's: before a judge it is the court's, on the other side of the sandbox's wall.
"""

import os
import selectors
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor

from labkit.parallel import me
from labkit.parallel.hardware import device
from labkit.parallel.launch import show
from labkit.parallel.post import Answers
from labkit.parallel.processes import child, fork, interrupts
from labkit.parallel.processes.channel import Outbox, read_message
from labkit.parallel.processes.child import Orders
from labkit.parallel.processes.process import Rank, end

Ask = Callable[[list[tuple]], Answers]


def run(fn: Callable, n: int, ask: Ask) -> None:
    """Run fn(*what `ask` gives it as arguments) on n ranks, and give their results to `ask`. Raises what `ask` raises.

    Nothing that it started runs any more when it returns.
    """
    orders = Orders(n, device.devices(None, n), "", 0.0, False, os.getpid())
    started: list[Rank] = []
    fork.flush()
    try:
        with interrupts.held():
            for number in range(n):
                started.append(fork.start_fork(number, orders, fn, started, show, live))
        _forward(started, ask)
    finally:
        with interrupts.held():
            end(started, released=False)


def _forward(ranks: list[Rank], ask: Ask) -> None:
    with selectors.DefaultSelector() as selector:
        for rank in ranks:
            selector.register(rank.inbox.line, selectors.EVENT_READ, rank)
            selector.register(rank.lines.fd, selectors.EVENT_READ, rank)
        while not all(rank.report for rank in ranks):
            heard = {key.data.number: key.data for key, _ in selector.select()}.values()
            requests = [request for rank in heard for request in _requests(rank)]
            for number, answer in ask(requests) if requests else ():
                _tell(ranks[number], answer)
            for rank in heard:
                if rank.report or not rank.inbox.open:
                    _forget(selector, rank)


def _requests(rank: Rank) -> list[tuple]:
    """What a rank has asked for since the last look, as `Office.ask_all` takes it."""
    rank.lines.show()
    requests = []
    for what, *content in rank.inbox.messages():
        if what in ("done", "failed"):
            rank.report = (what,)
        if what == "start":
            content = [content[0], None if content[1] is None else unpacked(*content[1])]
        requests.append((rank.number, what, *content))
    if not rank.inbox.open and rank.report is None:
        rank.report = ("failed",)
        said = f"rank {rank.number}'s process ended before its function had returned"
        requests.append((rank.number, "failed", said))
    return requests


def _tell(rank: Rank, answer: object) -> None:
    """It waits for this, so it reads: the line cannot stay full."""
    line = rank.inbox.line
    line.setblocking(True)
    try:
        Outbox(line).say("answer", packed(answer) if isinstance(answer, Tensor) else answer)
    finally:
        line.setblocking(False)


def _forget(selector: selectors.BaseSelector, rank: Rank) -> None:
    """Who has ended would be ready for ever."""
    for one in (rank.inbox.line, rank.lines.fd):
        if one in selector.get_map():
            selector.unregister(one)


def live(rank: int, orders: Orders, fn: Callable, line: socket.socket, output: int) -> NoReturn:
    """Be that rank."""
    outbox = Outbox(line)
    try:
        child.settle(rank, orders, output)
        posted = Posted(rank, orders.n, outbox)
        myself = me.become(me.Me(rank, orders.devices))
        myself.carrier = posted
        outbox.say("done", fn(*posted.ask("arguments")))
    except BaseException as error:
        sys.stdout.flush()
        outbox.say("failed", child.told(rank, error, orders.devices[rank])[0])
    finally:
        time.sleep(60)  # until it is ended: what it said is on its way
        os._exit(0)


@dataclass
class Posted:
    """What carries a rank's messages: its line to the post office."""

    rank: int
    size: int
    outbox: Outbox
    started: int = 0

    def ask(self, what: str, *content: object) -> object:
        """Ask, and wait for the answer."""
        self.outbox.say(what, *content)
        return read_message(self.outbox.line)[1]

    def start(self, tensor: Tensor, to: int, size: int) -> "Started":
        """Hand a message in."""
        self.outbox.say("start", to, packed(tensor) if size else None)
        self.started += 1
        return Started(self, self.started - 1)

    def receive(self, tensor: Tensor, source: int, size: int) -> None:
        """Wait for the next message of a rank."""
        found = self.ask("receive", source, size)
        if found is not None:
            tensor.copy_(unpacked(*found))


Packed = tuple[torch.dtype, tuple[int, ...], bytes]


def packed(tensor: Tensor) -> Packed:
    """A tensor in little: torch's own pickles take longer than all the rest of a small message."""
    flat = tensor.detach().contiguous().view(-1)
    return tensor.dtype, tuple(tensor.shape), flat.view(torch.uint8).numpy().tobytes()


def unpacked(dtype: torch.dtype, shape: tuple[int, ...], content: bytes) -> Tensor:
    """The tensor again."""
    return (
        torch.frombuffer(bytearray(content), dtype=dtype).reshape(shape) if content else torch.empty(shape, dtype=dtype)
    )


@dataclass
class Started:
    """A message in the office's hands."""

    carrier: Posted
    number: int

    def wait(self) -> None:
        """Until its receiver has it."""
        self.carrier.ask("wait", self.number)
