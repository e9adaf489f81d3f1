"""One direction of a virtual link: a bucket of tokens that holds no burst, as arithmetic on times.

Nothing sleeps here. A message of S bytes leaves in S/B seconds, one after the other, and arrives a latency later:
the alpha-beta model (Hockney 1994), t = alpha + S/B.
"""

from dataclasses import dataclass


@dataclass
class Wire:
    """bandwidth: bytes per second. free: when the last byte that was handed to it will have passed [s]."""

    bandwidth: float
    free: float = 0.0

    def carry(self, size: int, now: float) -> tuple[float, float]:
        """Hand it a message of `size` bytes at `now`. Returns when its first and its last byte pass [s]."""
        begins = max(self.free, now)
        self.free = begins + size / self.bandwidth
        return begins, self.free
