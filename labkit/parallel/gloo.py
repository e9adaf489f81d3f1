"""What `link` rides on in real ranks: torch's gloo, slowed down to the pace of virtual wires where the devices say so.

Under a virtual link the times at which a message leaves travel ahead of it, and the receiver waits until it would have
arrived: many may be under way at once, and no thread has to sleep.
"""

import time
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from labkit.errors import WrongUse
from labkit.parallel.hardware.device import Device
from labkit.parallel.hardware.wire import Wire


@dataclass(eq=False)
class Underway:
    """A message that has been started. keep: torch does not hold the tensors while it sends."""

    works: list
    keep: list[Tensor]
    leaves: float  # when the virtual link has taken its last byte

    def wait(self) -> None:
        """Until the receiver has asked for it, and the link has taken its last byte."""
        for work in self.works:
            work.wait()
        sleep_until(self.leaves)


class Gloo:
    """One rank's ends of its wires. real_network: the wires are real ones, so nothing is added to them."""

    def __init__(self, device: Device, devices: tuple[Device, ...], real_network: bool = False):
        self.latency = device.latency
        self.outgoing, self.incoming = Wire(device.bandwidth), Wire(device.bandwidth)
        # Both ends of every message must know whether a stamp travels with it, so it is a property of the whole plan.
        self.throttled = not real_network and any(each.throttles for each in devices)

    @property
    def rank(self) -> int:
        return dist.get_rank(_group())

    @property
    def size(self) -> int:
        return dist.get_world_size(_group())

    def start(self, tensor: Tensor, to: int, size: int) -> Underway:
        """Begin to send. size: the bytes that count on the wire."""
        now = time.monotonic()
        stamps, leaves = self._depart(size, now)
        keep = [*stamps, tensor]
        return Underway([dist.isend(part, to) for part in _not_empty(keep)], keep, leaves)

    def receive(self, tensor: Tensor, source: int, size: int) -> None:
        """Fill a contiguous tensor. Returns when its last byte would have arrived."""
        stamp = torch.zeros(2, dtype=torch.float64) if self.throttled else None
        if stamp is not None:
            dist.recv(stamp, source)
        for part in _not_empty([tensor]):
            dist.recv(part, source)
        if stamp is not None:
            first, last = stamp.tolist()
            sleep_until(max(last, self.incoming.carry(size, first)[1]))

    def _depart(self, size: int, now: float) -> tuple[list[Tensor], float]:
        if not self.throttled:
            return [], now
        first, last = self.outgoing.carry(size, now)
        return [torch.tensor([first + self.latency, last + self.latency], dtype=torch.float64)], last


def _group() -> dist.ProcessGroup:
    if not dist.is_initialized():
        raise WrongUse("This process is no rank, and has nobody to talk to: call it in a function that `ranks` runs.")
    return dist.group.WORLD


def sleep_until(moment: float) -> None:
    """Sleep until that time of time.monotonic()."""
    left = moment - time.monotonic()
    if left > 0:
        time.sleep(left)


def _not_empty(tensors: list[Tensor]) -> list[Tensor]:
    """Gloo sends no empty tensor, and an uneven shard may well be one: both ends know, so nothing is sent."""
    return [tensor for tensor in tensors if tensor.numel()]
