"""All-reduce around a ring: reduce-scatter, then all-gather (Patarasuk & Yuan 2009).

x is cut into n shards, one a rank. In every step each rank sends one shard to the right and receives another from the
left, so that all links are busy all the time. In the first n - 1 steps what arrives is added: a shard goes once
around and gathers its sum, which ends at the rank that owns it. In the next n - 1 steps the sums go around.

`steps` is the plan, as data; what is below it carries it out.
"""

import functools
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from labkit.errors import WrongUse
from labkit.parallel import link
from labkit.parallel.collectives.shards import shards

Kind = Literal["reduce", "gather"]


class Move(NamedTuple):
    """One shard goes from one rank to the next. kind: reduce, if it is added on arrival, or gather, if it stays."""

    step: int
    source: int
    to: int
    shard: int
    kind: Kind


def steps(n: int) -> list[Move]:
    """The ring all-reduce of n ranks: 2(n - 1) steps, n moves in each, in order of step and source.

    What a rank sends in a step is what it received, and summed, in the one before.
    """
    return [
        Move(step, source, (source + 1) % n, (source - 1 - step) % n, "reduce" if step < n - 1 else "gather")
        for step in range(2 * (n - 1))
        for source in range(n)
    ]


def ring_all_reduce(x: Tensor) -> Tensor:
    """Sum x, any shape, contiguous, over the ranks, in place. Returns x, the same bits on every rank.

    2(n - 1) steps; a rank sends 2(n - 1)/n S bytes, the least that is possible. Raises WrongUse.
    """
    reduce_scatter(x)
    return all_gather(x)


def reduce_scatter(x: Tensor) -> Tensor:
    """Sum x, any shape, contiguous, over the ranks, in place, each rank its own shard; the rest of x is scratch.

    Returns that shard, a view: `x.view(-1)[shards(x.numel(), n)[rank]]`. n - 1 steps, (n - 1)/n S bytes a rank. Raises
    WrongUse.
    """
    pieces = _pieces(x)
    landing = torch.empty_like(pieces[0])  # the largest
    for sent, received in _moves(link.rank(), link.size(), "reduce"):
        mine = pieces[received.shard]
        mine += link.sendrecv(pieces[sent.shard], sent.to, landing[: mine.numel()], received.source)
    return pieces[link.rank()]


def all_gather(x: Tensor) -> Tensor:
    """Fill x, any shape, contiguous, in place, with every rank's own shard, cut as `reduce_scatter` cuts it.

    Returns x. n - 1 steps, (n - 1)/n S bytes a rank. Raises WrongUse.
    """
    pieces = _pieces(x)
    for sent, received in _moves(link.rank(), link.size(), "gather"):
        link.sendrecv(pieces[sent.shard], sent.to, pieces[received.shard], received.source)
    return x


@functools.cache
def _moves(rank: int, n: int, kind: Kind) -> list[tuple[Move, Move]]:
    """What one rank sends and, meanwhile, receives in each step."""
    moves = [move for move in steps(n) if move.kind == kind]
    sent = [move for move in moves if move.source == rank]
    received = [move for move in moves if move.to == rank]
    return list(zip(sent, received, strict=True))


def _pieces(x: Tensor) -> list[Tensor]:
    if not x.is_contiguous():
        raise WrongUse(
            f"The ring works in place, on a tensor that lies in one piece; this one, of shape {tuple(x.shape)}, "
            "does not. Call it on x.contiguous(), and copy the result back."
        )
    flat = x.detach().view(-1)
    return [flat[piece] for piece in shards(flat.numel(), link.size())]
