"""A process that ends with the one that started it, however that ended."""

import ctypes
import os
import signal
import sys

DIE_WITH_PARENT = 1  # prctl(PR_SET_PDEATHSIG)


def end_with(parent: int) -> None:
    """Linux kills this process when the thread ends that started it, which waits for it as long as it lives.

    Elsewhere it is the monitor that notices. To be called after the last change of credentials, which forgets it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it was quicker
        os._exit(1)
