"""What a rank computes: `with compute("forward"):` in the timeline, and stretched to the virtual device's time.

A sleep stands in for arithmetic, so that eight ranks on two cores keep the schedule that eight devices would.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from labkit.parallel.me import me


@contextlib.contextmanager
def compute(name: str, seconds: float | None = None) -> Iterator[None]:
    """The block is one piece of work. It lasts `seconds` (else the device's `compute`) times the device's `slow`.

    Work that takes longer than that by itself is stretched by `slow` alone.
    """
    rank, began = me(), time.monotonic()
    yield
    least = rank.device.compute if seconds is None else seconds
    took = time.monotonic() - began
    left = max(took, least) * rank.device.slow - took
    if left > 0:
        time.sleep(left)
    rank.note("compute", name, began, time.monotonic())


def step(number: int) -> None:
    """Say that step `number` begins. A rank whose device dies at it is killed here, and says nothing more."""
    rank, now = me(), time.monotonic()
    rank.note("step", f"step {number}", now, now)
    # A run that torchrun has restarted lives: a power cut does not come again at the same step.
    if rank.device.dies_at == number and os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0":
        os.kill(os.getpid(), signal.SIGKILL)
