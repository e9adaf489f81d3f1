"""A post office: carries the messages of ranks one at a time, and counts what they cost, on no clock but its own.

It is what a judge puts in the place of gloo. Every message passes through it, so bytes, messages and steps are its own
counts and not the ranks' word; and it sees at once, with no waiting, that all ranks wait for each other. Nothing here
runs a rank: `posted` does.

A step is the time of one message, in the one-port model (Hockney 1994; Chan et al. 2007, section 2): in one step a rank
sends one message and receives one.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

Answers = list[tuple[int, object]]  # which rank may go on, and with what


class Deadlock(AssertionError):
    """Every rank that still runs waits for another."""


class Failed(AssertionError):
    """A rank raised, or its process ended."""


@dataclass(frozen=True)
class Move:
    """One message. step: the one in which it travelled, from 1; size: bytes."""

    step: int
    source: int
    to: int
    size: int


@dataclass
class Message:
    """data: None for a message without content; leaves: the step in which it can travel first."""

    source: int
    to: int
    size: int
    data: Tensor | None
    leaves: int
    arrived: int = 0


@dataclass
class Office:
    """arguments: for each rank what it is given when it asks. change(number, tensor): what a message is on arrival."""

    arguments: Sequence[tuple]
    change: Callable[[int, Tensor], Tensor] = lambda number, tensor: tensor
    moves: list[Move] = field(default_factory=list)

    def __post_init__(self):
        self.n = len(self.arguments)
        self.results: list[object] = [None] * self.n
        self.finished: set[int] = set()
        self._clock, self._sent, self._received = [0] * self.n, [0] * self.n, [0] * self.n
        self._messages: list[Message] = []
        self._started: list[list[Message]] = [[] for _ in range(self.n)]
        self._boxes: dict[tuple[int, int], deque[Message]] = defaultdict(deque)
        self._waits: dict[int, Callable[[], list | None]] = {}
        self._places: dict[int, str] = {}

    @property
    def steps(self) -> int:
        """How many steps the whole took."""
        return max(self._clock)

    def bytes_sent(self, rank: int) -> int:
        """What one rank has sent, and another has received."""
        return sum(move.size for move in self.moves if move.source == rank)

    def messages_sent(self, rank: int) -> int:
        """How many messages of one rank another has received; those of a barrier have no bytes, and count."""
        return sum(move.source == rank for move in self.moves)

    def undelivered(self) -> list[Message]:
        """The messages that nobody has received."""
        return [message for message in self._messages if not message.arrived]

    def ask_all(self, requests: Sequence[tuple]) -> Answers:
        """`ask`, for each (rank, what, *content) in turn."""
        answers: Answers = []
        for request in requests:
            if type(request) not in (list, tuple) or len(request) < 2:
                raise Failed("what is no rank asks for what there is not")
            answers += self.ask(*request)
        return answers

    def ask(self, rank: int, what: str, *content: object) -> Answers:
        """A rank asks for something. Returns who may go on now: it, or others, or nobody. Raises Deadlock, Failed.

        what: "arguments"; "start", to, data (which needs no answer); "wait", how many messages it had started before
        this one; "receive", source, size; "done", result; "failed", sentence. Anything else, or of another shape,
        raises Failed.
        """
        if type(rank) is not int or not 0 <= rank < self.n or rank in self.finished or rank in self._waits:
            raise Failed(f"{_named(rank)} asks for something, and cannot")
        try:
            found = self._does[what](self, rank, *content)
        except (KeyError, TypeError, IndexError):
            raise Failed(f"rank {rank} asks for what there is not") from None
        answers = ([] if found is None else [(rank, found[0])]) + self._go_on()
        if len(self._waits) + len(self.finished) == self.n and self._waits:
            raise Deadlock(self._deadlock())
        return answers

    def _arguments(self, rank: int) -> list:
        return [self.arguments[rank]]

    def _start(self, rank: int, to: int, data: Tensor | None) -> None:
        if type(to) is not int or not 0 <= to < self.n or to == rank:
            raise Failed(f"rank {rank} sends to {_named(to)}, and there are {self.n} ranks")
        if data is not None and type(data) is not torch.Tensor:
            raise Failed(f"rank {rank} sends what is no tensor")
        leaves = max(self._clock[rank], self._sent[rank]) + 1
        self._sent[rank] = leaves
        size = 0 if data is None else data.numel() * data.element_size()
        arrives = data if data is None else self.change(len(self._messages), data)
        message = Message(rank, to, size, arrives, leaves)
        self._messages.append(message)
        self._started[rank].append(message)
        self._boxes[rank, to].append(message)

    def _wait(self, rank: int, number: int) -> list | None:
        if type(number) is not int or not 0 <= number < len(self._started[rank]):
            raise Failed(f"rank {rank} waits for a message that it has not sent")
        message = self._started[rank][number]
        return self._until(rank, f"sends to rank {message.to}", lambda: self._is_sent(rank, message))

    def _is_sent(self, rank: int, message: Message) -> list | None:
        if not message.arrived:
            return None
        self._clock[rank] = max(self._clock[rank], message.arrived)
        return [None]

    def _receive(self, rank: int, source: int, size: int) -> list | None:
        if type(source) is not int or not 0 <= source < self.n or source == rank:
            raise Failed(f"rank {rank} receives from {_named(source)}, and there are {self.n} ranks")
        return self._until(rank, f"receives from rank {source}", lambda: self._deliver(rank, source, size))

    def _deliver(self, rank: int, source: int, size: int) -> list | None:
        box = self._boxes[source, rank]
        if not box:
            return None
        if type(size) is not int:
            raise Failed(f"rank {rank} receives what is no number of bytes")
        message = box.popleft()
        if message.size != size:
            raise Failed(f"rank {rank} receives {size} bytes, and rank {source} has sent it {message.size}")
        message.arrived = max(message.leaves, self._received[rank] + 1, self._clock[rank] + 1)
        self._received[rank] = self._clock[rank] = message.arrived
        self.moves.append(Move(message.arrived, source, rank, size))
        return [message.data]

    def _done(self, rank: int, result: object) -> None:
        self.finished.add(rank)
        self.results[rank] = result

    def _failed(self, rank: int, sentence: str) -> None:
        raise Failed(sentence[:2000] if type(sentence) is str else f"rank {rank} failed")

    _does: ClassVar[dict[str, Callable]] = {
        "arguments": _arguments,
        "start": _start,
        "wait": _wait,
        "receive": _receive,
        "done": _done,
        "failed": _failed,
    }

    def _until(self, rank: int, place: str, ready: Callable[[], list | None]) -> list | None:
        found = ready()
        if found is None:
            self._waits[rank], self._places[rank] = ready, place
        return found

    def _go_on(self) -> Answers:
        """Those whose waiting is over, until there are no more of them."""
        answers: Answers = []
        while freed := [(rank, found) for rank, ready in self._waits.items() if (found := ready()) is not None]:
            for rank, found in freed:
                del self._waits[rank]
                answers.append((rank, found[0]))
        return answers

    def _deadlock(self) -> str:
        said = [f"rank {rank} {self._places[rank]}" for rank in sorted(self._waits)]
        ended = [f"rank {rank} has ended" for rank in sorted(self.finished)]
        return f"deadlock, every rank waits for another: {'; '.join(said + ended)}"


def _named(rank: object) -> str:
    """Nothing of a stranger's is asked what it is called."""
    return f"rank {rank}" if type(rank) is int else "what is no rank"
