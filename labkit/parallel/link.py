"""Messages between ranks: `send`, `recv`, `sendrecv`, `barrier`. Counted, and kept in the timeline.

What carries them is `gloo` in ranks that are real, slowed down by a virtual link or not, and `post` before a judge: the
same code of a student's runs on both.
"""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.errors import WrongUse
from labkit.parallel.me import Carried, Carrier, Traffic, me


@dataclass(eq=False)
class Sending:
    """A message that is under way. Its tensor must not change before `wait()` has returned."""

    carried: Carried
    to: int
    size: int
    began: float
    done: bool = False

    def wait(self) -> None:
        """Until the tensor may change: the receiver has asked for it, and the link has taken its last byte."""
        if self.done:
            return
        self.carried.wait()
        self.done = True
        me().under_way.remove(self)
        me().note("send", f"to {self.to}", self.began, time.monotonic(), self.size)


def rank() -> int:
    """This rank's number, from 0."""
    return _carrier().rank


def size() -> int:
    """How many ranks there are."""
    return _carrier().size


def send(tensor: Tensor, to: int) -> None:
    """Send a tensor, any shape, to rank `to`. Returns when that rank has asked for it: two that send first deadlock."""
    start_send(tensor, to).wait()


def start_send(tensor: Tensor, to: int) -> Sending:
    """Begin to send and return at once, so that a rank can receive meanwhile; then call `wait()` on what it returns."""
    _check("to", to)
    size = _bytes(tensor)
    sending = _start(tensor.detach().contiguous(), to, size)
    traffic = me().traffic
    traffic.bytes_sent += size
    traffic.messages_sent += 1
    return sending


def recv(tensor: Tensor, source: int) -> Tensor:
    """Receive from rank `source` into `tensor`, of the shape and type that was sent; returns it."""
    _check("source", source)
    size = _bytes(tensor)
    _receive(tensor.detach(), source, size)
    traffic = me().traffic
    traffic.bytes_received += size
    traffic.messages_received += 1
    return tensor


def sendrecv(tensor: Tensor, to: int, into: Tensor, source: int) -> Tensor:
    """Send `tensor` to one rank while receiving `into` from another (MPI_Sendrecv): no order of ranks can deadlock."""
    sending = start_send(tensor, to)
    recv(into, source)
    sending.wait()
    return into


def barrier() -> None:
    """Return when every rank has called it. ceil(log2 n) messages a rank (Hensgen, Finkel & Manber 1988)."""
    here, n, traffic = rank(), size(), me().traffic
    token, distance = torch.zeros(1, dtype=torch.uint8), 1
    while distance < n:
        sending = _start(token, (here + distance) % n, 0)
        _receive(torch.zeros(1, dtype=torch.uint8), (here - distance) % n, 0, "barrier")
        sending.wait()
        traffic.messages_sent += 1
        traffic.messages_received += 1
        distance *= 2


def traffic() -> Traffic:
    """What this rank has sent and received so far."""
    return me().traffic


def _carrier() -> Carrier:
    return me().carrier


def _check(name: str, other: object) -> None:
    here, n = rank(), size()
    if not isinstance(other, int) or isinstance(other, bool) or not 0 <= other < n or other == here:
        raise WrongUse(
            f"{name}={other!r} is no rank that rank {here} of {n} can talk to: it is a whole number from 0 to {n - 1}, "
            "and another rank than this one."
        )


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _start(tensor: Tensor, to: int, size: int) -> Sending:
    """`size`: the bytes that count, on the link and in the timeline."""
    began = time.monotonic()
    sending = Sending(_carrier().start(tensor, to, size), to, size, began)
    # Gloo cancels a message whose handle nobody holds, or blocks the process; so it is held until `wait()`.
    me().under_way.append(sending)
    return sending


def _receive(tensor: Tensor, source: int, size: int, name: str = "") -> None:
    began = time.monotonic()
    landing = tensor if tensor.is_contiguous() else torch.empty_like(tensor, memory_format=torch.contiguous_format)
    _carrier().receive(landing, source, size)
    if landing is not tensor:
        tensor.copy_(landing)
    me().note("wait", name or f"from {source}", began, time.monotonic(), size)
