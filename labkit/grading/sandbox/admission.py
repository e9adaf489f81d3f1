"""One admission, inside: a fork of the warm process isolates itself, and becomes the student's process and its watch.

The warm process forks A. A leaves the namespaces and forks B, the first process of a new pid namespace, and ends. B
mounts what the inmate sees, forks C, the student's process, and watches it. Where there are no namespaces, A is B.
"""

import contextlib
import os
import shutil
import signal
import socket

from labkit.grading.sandbox import confine, isolate, linux, request, watch
from labkit.grading.sandbox.plan import Plan

FIRST_USER, USERS = 2_000_000_000, 100_000_000  # beyond the users that any service of a system hands out
IGNORED = (signal.SIGINT, signal.SIGPIPE, signal.SIGHUP, signal.SIGTERM)


class Admission:
    """What the fork of the warm process knows of one inmate."""

    def __init__(self, plan: Plan, slot: int, data: socket.socket, control: socket.socket, groups: list[int]) -> None:
        self.plan = plan
        self.slot = slot
        self.data = data
        self.control = control
        self.groups = groups  # open `cgroup.procs`, for the student's process to enter
        self.own = f"{plan.folder}/{slot}"  # its folder, in the ways that have no tmpfs

    def run(self) -> None:
        """Everything, to the end of the inmate; never returns."""
        try:
            self._prepare()
            wanted = request.received(self.control)
            if not self.plan.walled or self._enter_namespaces():
                self._begin(wanted)
        except BaseException as error:
            watch.say(self.control, refused=f"{type(error).__name__}: {error}")
        finally:
            os._exit(0)

    def _prepare(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in IGNORED:  # the first process of a namespace gets, from inside, only signals that it handles
            signal.signal(number, signal.SIG_IGN)
        with contextlib.suppress(OSError):
            os.setsid()

    def _enter_namespaces(self) -> bool:
        """True in the first process of the new pid namespace, False in the one that has to end."""
        isolate.leave(self.plan.way)
        return os.fork() == 0

    def _begin(self, wanted: request.Request) -> None:
        if self.plan.walled:
            isolate.furnish(wanted.limits, self._user())
            linux.prctl(linux.DUMPABLE, 0)
        else:
            self._own_folder()
        started, tell = socket.socketpair()
        child = os.fork()
        if child == 0:
            started.close()
            self._become_student(wanted, tell)
        tell.close()
        self._become_watch(watch.Watch(self.control, child, started, wanted.limits, self.plan.walled))

    def _user(self) -> int:
        """The user that the inmate is, as the mounts of its namespace count."""
        return FIRST_USER + self.slot % USERS if self.plan.way == "root" else os.getuid()

    def _own_folder(self) -> None:
        for folder in (self.own, *confine.folders(self.plan, self.own)):
            os.mkdir(folder, 0o700)
        with contextlib.suppress(OSError):  # only Linux has this: orphans of the student come to us
            linux.prctl(linux.SUBREAPER, 1)

    def _become_watch(self, observer: watch.Watch) -> None:
        self.data.close()
        for number in self.groups:
            os.close(number)
        if self.plan.walled:
            linux.keep_capabilities(linux.KILL, linux.SYS_PTRACE)
        observer.run()
        if not self.plan.walled:
            shutil.rmtree(self.own, ignore_errors=True)

    def _become_student(self, wanted: request.Request, tell: socket.socket) -> None:
        try:
            self.control.close()
            confine.enter(self.groups)
            confine.prepare(wanted, self.plan, self.own, self._user())
        except BaseException as error:
            tell.send(f"{type(error).__name__}: {error}".encode())
            os._exit(1)
        tell.send(watch.READY)
        tell.recv(1)  # the watch hangs up when it has said so outside
        try:
            confine.serve(self.plan, confine.tidy_files(self.data), wanted.seed)
        except SystemExit as end:
            os._exit(end.code if isinstance(end.code, int) else 0 if end.code is None else 1)
        except BaseException:
            os._exit(1)
        os._exit(0)
