"""Memory that stays warm: what a call frees, the next call gets, with its pages in place.

By default glibc returns large blocks to the system at once, and every call that makes a large result pays for each of
its pages again: five to ten times the op itself. That would flatter whoever writes into an array that exists already.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
NEVER, TRIM_DEFAULT, MMAP_DEFAULT = 2**31 - 1, 128 * 1024, 65536

COLD = "the allocator's memory is not kept warm on this system: large results without `out` cost the others page faults"


@contextmanager
def warm_memory() -> Iterator[bool]:
    """Keep freed memory in this process. Yields whether that is possible: it is with glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        yield False
        return
    warm = bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, NEVER))
    try:
        yield warm
    finally:
        mallopt(M_TRIM_THRESHOLD, TRIM_DEFAULT)
        mallopt(M_MMAP_MAX, MMAP_DEFAULT)
