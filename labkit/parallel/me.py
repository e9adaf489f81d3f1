"""What a rank knows about itself: its device, what carries its messages, what it has moved, what it has done.

One a process, made before `fn` runs; `link`, `compute` and `step` find it here.
"""

import functools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from labkit.parallel.hardware.device import Device
from labkit.parallel.timeline import Event

if TYPE_CHECKING:
    from torch import Tensor


class Carried(Protocol):
    """A message that is under way."""

    def wait(self) -> None:
        """Until the sender has nothing more to do with it."""


class Carrier(Protocol):
    """What brings a rank's messages to the others."""

    rank: int
    size: int

    def start(self, tensor: "Tensor", to: int, size: int) -> Carried:
        """Begin to send a contiguous tensor. size: the bytes of it that count."""

    def receive(self, tensor: "Tensor", source: int, size: int) -> None:
        """Fill a contiguous tensor with the next message of that rank."""


@dataclass
class Traffic:
    """What one rank moved with `link`: payload only. A barrier is messages without payload."""

    bytes_sent: int = 0
    bytes_received: int = 0
    messages_sent: int = 0
    messages_received: int = 0


@dataclass
class Me:
    """The rank that this process is. events: None where no timeline is kept."""

    rank: int = 0
    devices: tuple[Device, ...] = (Device(),)
    real_network: bool = False
    events: list[Event] | None = None
    traffic: Traffic = field(default_factory=Traffic)
    under_way: list = field(default_factory=list)  # messages that nobody has waited for yet

    @property
    def device(self) -> Device:
        return self.devices[self.rank]

    @functools.cached_property
    def carrier(self) -> Carrier:
        from labkit.parallel.gloo import Gloo  # not above: it needs torch

        return Gloo(self.device, self.devices, self.real_network)

    def note(self, kind: str, name: str, start: float, end: float, size: int = 0) -> None:
        """Put something into the timeline. kind: compute, send, wait or step; times of time.monotonic()."""
        if kind == "wait" and threading.current_thread() is not threading.main_thread():
            kind = "receive"  # it is the thread that waits: the rank computes meanwhile
        if self.events is not None:
            self.events.append(Event(self.rank, kind, name, start, end, size))


_me = Me()


def me() -> Me:
    """The rank that this process is. Outside `ranks` a lone one, on the machine as it is."""
    return _me


def become(new: Me) -> Me:
    """From now on this process is this rank."""
    global _me
    _me = new
    return new
