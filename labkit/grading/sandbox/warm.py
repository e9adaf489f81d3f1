"""The warm process: imports once what every submission imports, and forks for each admission.

`python -P -s -c "from labkit.grading.sandbox.warm import main; main()" PLAN`. Admissions come over the door, an open
socket whose other end only the outside has: one byte, with the data socket, the control socket and the control groups.
No inmate has the door, so none can start another.
"""

import array
import contextlib
import gc
import importlib
import itertools
import os
import random
import select
import shutil
import signal
import socket
import sys
import traceback

from labkit.grading.sandbox import linux, plan, processes, watch
from labkit.grading.sandbox.admission import USERS, Admission

READY = b"r"
MAX_FILES = 8  # open files that come with one admission
LOOK = 0.3  # seconds between two looks for orphans, where there are no namespaces


def first_uses() -> None:
    """What is slow the first time, paid once. Nothing here may start a thread, as threads do not survive a fork."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
        torch.testing.assert_close(torch.zeros(1), torch.zeros(1))
    if numba := sys.modules.get("numba"):
        numba.njit(lambda x: x + 1)(1)


def warm_up(modules: tuple[str, ...], wanted: tuple[str, ...] = ()) -> None:
    """Import, and make sure that forking is safe."""
    for name in modules:
        importlib.import_module(name)
    for name in wanted:
        with contextlib.suppress(Exception):  # who needs it will be told
            importlib.import_module(name)
    first_uses()
    if processes.threads() != 1:
        raise RuntimeError(f"The warm process has {processes.threads()} threads: a fork of it would hang.")
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, every page that inmates share


class Warm:
    """The loop that admits."""

    def __init__(self, orders: plan.Plan) -> None:
        self.plan = orders
        self.door = socket.socket(fileno=orders.door)
        # Two rooms of one machine should not use the same users.
        self.slots = itertools.count(random.SystemRandom().randrange(USERS))
        self.watches: set[int] = set()
        self.orphans = False  # whether there were some at the last look: the next to die may leave more

    def run(self) -> None:
        """Admit until the outside is gone."""
        warm_up((*self.plan.preload, self.plan.serve), self.plan.wanted)
        if self.plan.walled:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries our children
        elif sys.platform == "linux":
            linux.prctl(linux.SUBREAPER, 1)
        self.door.send(READY)
        self._wait()
        while got := self._next():
            self._admit(*got)
            self._wait()

    def _wait(self) -> None:
        while not select.select([self.door], [], [], LOOK if self.watches or self.orphans else None)[0]:
            self.bury()

    def _next(self) -> tuple[socket.socket, socket.socket, list[int]] | None:
        numbers = array.array("i")
        text, extra, _, _ = self.door.recvmsg(1, socket.CMSG_SPACE(MAX_FILES * numbers.itemsize))
        if not text:
            return None
        for level, kind, content in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers.frombytes(content)
        data, control, *groups = numbers
        return socket.socket(fileno=data), socket.socket(fileno=control), groups

    def _admit(self, data: socket.socket, control: socket.socket, groups: list[int]) -> None:
        slot = next(self.slots)
        pid = os.fork()
        if pid == 0:
            self.door.close()
            Admission(self.plan, slot, data, control, groups).run()
        if not self.plan.walled:
            self.watches.add(pid)
        for number in (data.detach(), control.detach(), *groups):
            os.close(number)

    def bury(self) -> None:
        """Where there are no namespaces: forget watches that have ended, end orphans."""
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                self.watches.discard(pid)
        orphans = set(processes.children()) - self.watches
        for pid in orphans:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.orphans = bool(orphans)

    def close(self) -> None:
        """Where there are no namespaces: end everything and leave no file."""
        if not self.plan.walled:
            watch.end_descendants()
            shutil.rmtree(self.plan.folder, ignore_errors=True)


def main() -> None:
    """What the command line starts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for the outside
    warm = Warm(plan.read(sys.argv[1]))
    try:
        warm.run()
    except BaseException:
        traceback.print_exc()
    warm.close()
    os._exit(0)
