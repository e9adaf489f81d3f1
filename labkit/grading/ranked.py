"""A student's function on many ranks, whose messages pass through the hands of whoever checks it.

    ran = on_ranks(ring_all_reduce, [(torch.ones(5),), (torch.ones(5),)])
    ran.results, ran.steps, ran.bytes_sent

The ranks are processes on the student's side; the post office is on the side of the tests. So what is counted is the
tests' own count. The results are the student's word, as those of any call; that they were made from what the messages
brought is what `travels` looks at.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.grading.crossing import crossing
from labkit.parallel.post import Answers, Move, Office


@dataclass(frozen=True)
class Ranked:
    """What came of it. results, bytes_sent, messages_sent: one a rank; steps: of the whole, as `post` counts them."""

    results: list
    bytes_sent: list[int]
    messages_sent: list[int]
    steps: int
    moves: list[Move]


@crossing
def _play(functions: list[Callable], n: int, ask: Callable[[list[tuple]], Answers]) -> None:
    """Run functions[0](*the others, *a rank's arguments) on each rank."""
    from labkit.parallel.posted import run  # not above: it starts processes, which is the student's side's to do

    if not all(callable(function) for function in functions):
        raise TypeError("a function was expected")
    run(lambda *arguments: functions[0](*functions[1:], *arguments), n, ask)


def on_ranks(
    function: Callable | list[Callable],
    arguments: Sequence[tuple],
    change: Callable[[int, Tensor], Tensor] | None = None,
) -> Ranked:
    """Run function(*arguments[rank]) on len(arguments) ranks, which talk with `labkit.parallel.link`.

    function: or a list of them, of which the first is called, and given the others. change(number, tensor): what a
    message is on its arrival.
    Raises AssertionError in a sentence: a deadlock, an error in a rank, a message that nobody received.
    """
    __tracebackhide__ = True
    office = Office(arguments) if change is None else Office(arguments, change)

    def ask(requests: list[tuple]) -> Answers:
        return office.ask_all(requests)

    _play(function if isinstance(function, list) else [function], len(arguments), ask)
    if len(office.finished) < office.n:
        raise AssertionError("not every rank came to its end")
    for message in office.undelivered():
        raise AssertionError(f"rank {message.source} sent rank {message.to} a message that it never received")
    ranks = range(office.n)
    return Ranked(
        office.results,
        [office.bytes_sent(rank) for rank in ranks],
        [office.messages_sent(rank) for rank in ranks],
        office.steps,
        office.moves,
    )


def travels(function: Callable | list[Callable], arguments: Sequence[tuple], messages: Sequence[int]) -> None:
    """Check that results are made of messages: each of these, counted from 0 as they are sent, is changed under way.

    Raises AssertionError where there is no such message, or no rank's result is another for it.
    """
    __tracebackhide__ = True
    before = on_ranks(function, arguments).results
    for number in messages:
        other = OneMore(number)
        after = on_ranks(function, arguments, other).results
        if not other.done:
            raise AssertionError(f"there is no message {number}, counted from 0, with a number in it")
        if all(_equal(one, now) for one, now in zip(before, after, strict=True)):
            raise AssertionError(
                f"message {number} was changed on its way, and no rank's result is another: is what a rank receives "
                "used, and does each result come from what was received?"
            )


@dataclass
class OneMore:
    """Adds 1 to all numbers of one message."""

    number: int
    done: bool = False

    def __call__(self, sent: int, tensor: Tensor) -> Tensor:
        if sent != self.number or not tensor.numel():
            return tensor
        self.done = True
        return tensor + 1


def _equal(one: object, other: object) -> bool:
    if type(one) is not torch.Tensor or type(other) is not torch.Tensor:
        raise AssertionError("a rank's result is no tensor")
    return one.shape == other.shape and torch.equal(one, other)
