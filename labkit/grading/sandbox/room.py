"""The room: one warm process behind a wall, and a fork of it for each submission.

Admissions go over a pair of sockets that only this process and its forks have, with the new inmate's own sockets
attached; a message is one byte, so threads and forks may admit at the same time. No path leads to the room.
"""

import array
import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from labkit.grading.sandbox import bubblewrap, cgroups, environment, request
from labkit.grading.sandbox.inmate import Inmate
from labkit.grading.sandbox.limits import Limits, Protection
from labkit.grading.sandbox.plan import PRELOAD, SERVE, Plan

START_S, END_S = 300.0, 20.0  # importing torch from a cold disk takes long
KNOCK = b"a"  # one byte, so that none arrives in part or together with another
MAIN = "from labkit.grading.sandbox.warm import main; main()"


class Room:
    """A running warm process."""

    def __init__(self, protection: Protection, door: socket.socket) -> None:
        self.protection = protection
        self._door = door

    def admit(self, limits: Limits, files: dict[str, bytes], seed: int = 0) -> Inmate:
        """A new inmate: a fork of the warm process, isolated, with the files in its working directory.

        May be called from several threads and from forks of this process. Raises ValueError for a bad file name and
        Refused where the machine does not let it begin.
        """
        text = request.packed(request.Request(limits, request.checked(files), seed))
        groups = cgroups.make(limits) if self.protection.way == "root" else cgroups.Groups()
        data, control = self._knock(groups)
        inmate = Inmate(data, control, groups, limits, self.protection.way)
        with contextlib.suppress(OSError):  # begin says why
            control.sendall(text)
        inmate.begin()
        return inmate

    def _knock(self, groups: cgroups.Groups) -> tuple[socket.socket, socket.socket]:
        """Our ends of the data and the control socket, after their other ends went through the door."""
        data, its_data = socket.socketpair()
        control, its_control = socket.socketpair()
        opened = groups.open()
        numbers = array.array("i", [its_data.fileno(), its_control.fileno(), *opened])
        try:
            self._door.sendmsg([KNOCK], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
        except OSError as error:
            groups.remove()
            raise request.Refused(f"The warm process of the sandbox is gone ({error}).") from error
        finally:
            for one in (its_data, its_control):
                one.close()
            for number in opened:
                os.close(number)
        return data, control


@contextlib.contextmanager
def room(
    protection: Protection,
    preload: tuple[str, ...] = PRELOAD,
    serve: str = SERVE,
    wanted: tuple[str, ...] = (),
    meanwhile: Callable[[], object] = lambda: None,
) -> Iterator[Room]:
    """Start the warm process; at the end nothing of it is left, nor after this process is killed.

    preload: modules that it imports; wanted: such that it imports if it can; `meanwhile` is done at the same time.
    It lives as long as the thread that opened it: the kernel ends it with its parent thread.
    """
    owner = os.getpid()
    ours, inside = socket.socketpair()
    with ours, tempfile.TemporaryFile() as said:
        with inside:
            running = start(protection, Plan(protection.way, preload, wanted, serve, "", inside.fileno()), said)
        try:
            meanwhile()
            wait_until_warm(ours, running, said)
            yield Room(protection, ours)
        finally:
            if os.getpid() == owner:
                ours.shutdown(socket.SHUT_RDWR)  # forks of ours may hold copies
                running.end()


class Running:
    """The warm process, and what has to be removed after it."""

    def __init__(self, process: subprocess.Popen, init: int | None = None, folder: str = "") -> None:
        self.process = process
        self.init = init  # a file that tells when the first process inside the wall is gone, with all others there
        self.folder = folder

    def end(self) -> None:
        """End it and wait until nothing is left."""
        if self.init is not None:
            self.process.kill()
            select.select([self.init], [], [], END_S)
            os.close(self.init)
            self.init = None
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def start(protection: Protection, plan: Plan, said: IO) -> Running:
    """Start the warm process in the way of this protection."""
    if plan.walled:
        cgroups.sweep()
        return start_walled(protection, plan, said)
    folder = tempfile.mkdtemp(prefix="labkit-room-")
    plan = replace(plan, folder=folder)
    names = environment.variables(str(Path(sys.executable).parent), str(bubblewrap.package().parent), folder, folder)
    command = [sys.executable, "-P", "-s", "-c", MAIN, plan.text()]
    return Running(launch(command, (plan.door,), said, env=names, cwd=folder), folder=folder)


def start_walled(protection: Protection, plan: Plan, said: IO) -> Running:
    """Start it behind bubblewrap."""
    told, tell = os.pipe()
    wall = bubblewrap.wall(protection.bwrap, protection.way)
    files = bubblewrap.opened(wall)
    command = [*wall, "--info-fd", str(tell), "--", bubblewrap.python(), "-P", "-s", "-c", MAIN, plan.text()]
    try:
        process = launch(command, (plan.door, tell, *files), said)
    finally:
        for number in (tell, *files):
            os.close(number)
    with os.fdopen(told) as source:
        return Running(process, handle(source.read()))


def launch(command: list[str], files: tuple[int, ...], said: IO | int, **options: object) -> subprocess.Popen:
    """Start a command that keeps these files open. A session of its own: Ctrl-C in our terminal is not for it."""
    null = subprocess.DEVNULL
    return subprocess.Popen(
        command, stdin=null, stdout=null, stderr=said, pass_fds=files, start_new_session=True, **options
    )


def handle(info: str) -> int | None:
    """A file that becomes readable when the process of bubblewrap's report is gone."""
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return os.pidfd_open(json.loads(info)["child-pid"])
    return None


def wait_until_warm(door: socket.socket, running: Running, said: IO) -> None:
    """Wait for the warm process's first word; Refused, with what it wrote, where it ends instead."""
    if select.select([door], [], [], START_S)[0] and door.recv(1):
        return
    running.end()
    said.seek(0)
    text = said.read().decode(errors="replace").strip().splitlines()
    raise request.Refused(f"The sandbox did not start: {text[-1] if text else 'it said nothing'}")
