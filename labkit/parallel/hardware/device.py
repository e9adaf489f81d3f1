"""Virtual hardware: what each rank may have, as data. Nothing here runs; `ranks(fn, hardware=...)` interprets it.

    slow = Device(bandwidth=25e6, latency=0.001, slow=2)
    ranks(fn, hardware=[Device(bandwidth=25e6, latency=0.001)] * 3 + [slow])

A run under such a plan is *throttled*, never *measured*: its figures say so.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from labkit.errors import WrongUse


@dataclass(frozen=True)
class Device:
    """What one rank has. Every default is "as the machine is".

    memory: bytes that the rank may add to what it starts with (Linux). latency: seconds from the last byte sent to its
    arrival. bandwidth: bytes per second, out of the rank and, separately, into it. compute: seconds that each
    `compute()` block takes at least, if it does not say so itself. slow: a factor on the time of its compute blocks.
    dies_at: the `step()` at which the rank is killed, as by a power cut.
    """

    memory: int | None = None
    latency: float = 0.0
    bandwidth: float = math.inf
    compute: float = 0.0
    slow: float = 1.0
    dies_at: int | None = None

    def __post_init__(self):
        for wrong, sentence in (
            (self.memory is not None and self.memory <= 0, "memory is more than 0 bytes, or None for no limit"),
            (self.latency < 0, "latency is 0 seconds or more"),
            (not self.bandwidth > 0, "bandwidth is more than 0 bytes per second"),
            (self.compute < 0, "compute is 0 seconds or more"),
            (not self.slow >= 1, "slow is a factor of 1 or more"),
        ):
            if wrong:
                raise WrongUse(f"In {self}, {sentence}.")

    @property
    def throttles(self) -> bool:
        """Whether its link is slower than the machine's."""
        return self.latency > 0 or self.bandwidth < math.inf


def devices(hardware: Sequence[Device] | Device | None, n: int | None) -> tuple[Device, ...]:
    """One device a rank: a single one stands for all, none for the machine as it is. Raises WrongUse."""
    if isinstance(hardware, Device) or hardware is None:
        hardware = [hardware or Device()] * _count(n)
    if not all(isinstance(device, Device) for device in hardware):
        raise WrongUse("`hardware` is a Device, or a list with one Device a rank.")
    if len(hardware) != _count(len(hardware) if n is None else n):
        raise WrongUse(f"`hardware` has {len(hardware)} devices for {n} ranks: give each rank one.")
    if any(device.memory for device in hardware) and sys.platform != "linux":
        raise WrongUse("A limit on a rank's memory needs Linux: leave `memory` out on this machine.")
    return tuple(hardware)


def _count(n: int | None) -> int:
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise WrongUse(f"ranks(fn, n) needs n, a whole number of at least 1, not {n!r}.")
    return n
