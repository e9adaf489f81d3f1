"""A virtual device's memory: the kernel refuses a rank more than so many bytes, and torch raises, as on a full GPU."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from labkit.parallel.hardware.device import Device

TORCH_SAYS = re.compile(r"can't allocate memory: you tried to allocate (\d+) bytes")


@contextlib.contextmanager
def limited(more: int | None) -> Iterator[None]:
    """In the block this process may add `more` bytes to its data (heap, tensors); None is no limit. Linux only."""
    if more is None:
        yield
        return
    import resource  # not above: Windows has no such module

    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + more, before[1]))
    try:
        yield
    finally:  # the report of a failure needs memory too
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _data_bytes() -> int:
    """What the kernel counts against RLIMIT_DATA now."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmData:\s+(\d+) kB", status)[1]) * 1024


def explain(rank: int, error: BaseException, device: Device) -> str | None:
    """A sentence, where a rank failed for want of its device's memory."""
    asked = TORCH_SAYS.search(str(error))
    if device.memory is None or not (asked or isinstance(error, MemoryError)):
        return None
    what = f"{int(asked[1]) / 1e6:.1f} MB more" if asked else "more"
    return f"rank {rank} is out of memory: it asked for {what}, and its device has {device.memory / 1e6:.1f} MB in all."
