"""Broadcast and reduce along a binomial tree: ceil(log2 n) steps, in each of which all of x travels.

Broadcast doubles those who have it: after step k, 2^k ranks. Reduce is the same tree, backwards. Fewer steps than the
ring, so quicker where the latency counts; more bytes through one link, so slower where the bandwidth does
(Thakur, Rabenseifner & Gropp 2005).
"""

import torch
from torch import Tensor

from labkit.errors import WrongUse
from labkit.parallel import link


def broadcast(x: Tensor, root: int = 0) -> Tensor:
    """Fill x, any shape, with what rank `root` has in it. Returns x. Raises WrongUse where there is no such rank."""
    place = _place(root)
    for distance in _distances(link.size()):
        if place < distance:
            if place + distance < link.size():
                link.send(x, _rank(place + distance, root))
        elif place < 2 * distance:
            link.recv(x, _rank(place - distance, root))
    return x


def reduce(x: Tensor, root: int = 0) -> Tensor:
    """Sum x, any shape, over the ranks into the x of `root`, in place; in the others' x partial sums remain.

    Returns x. Raises WrongUse where there is no such rank.
    """
    place, data = _place(root), x.detach()
    landing = torch.empty_like(data)
    for distance in reversed(_distances(link.size())):
        if place < distance:
            if place + distance < link.size():
                data += link.recv(landing, _rank(place + distance, root))
        elif place < 2 * distance:
            link.send(data, _rank(place - distance, root))
    return x


def tree_all_reduce(x: Tensor) -> Tensor:
    """Sum x, any shape, over the ranks, in place: `reduce`, `broadcast`. Returns x, the same bits on every rank."""
    return broadcast(reduce(x))


def _distances(n: int) -> list[int]:
    """1, 2, 4, ... below n: how far each step of the broadcast reaches."""
    return [1 << step for step in range((n - 1).bit_length())]


def _place(root: int) -> int:
    """This rank's place in the tree, counted from the root."""
    n = link.size()
    if not isinstance(root, int) or isinstance(root, bool) or not 0 <= root < n:
        raise WrongUse(f"root={root!r} is none of the {n} ranks: it is a whole number from 0 to {n - 1}.")
    return (link.rank() - root) % n


def _rank(place: int, root: int) -> int:
    return (place + root) % link.size()
