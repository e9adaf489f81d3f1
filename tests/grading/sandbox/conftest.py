import contextlib
import os
import shlex
import sys
from pathlib import Path

import pytest

from labkit.grading.sandbox import Limits, Protection, bubblewrap, find, landlock, room, seccomp
from tests.needs import missing, needs_sandbox

SCRIPT = "labkit.grading.sandbox.script"
ORDINARY_USER = 54321
GENEROUS = Limits(wall_s=120, memory_mb=1024)
SLOW = 120  # seconds that a busy machine may take for what takes milliseconds


def ways_here():
    """Both walled ways for root, the one that an ordinary user has for others."""
    return ["root", "user"] if os.geteuid() == 0 else ["user"]


class Rooms:
    """One room of each way for the whole run, without torch: they start at once."""

    def __init__(self, stack, folder):
        self.stack, self.folder, self.open = stack, folder, {}

    def __call__(self, way):
        if way not in self.open:
            self.open[way] = self.stack.enter_context(room(self.protection(way), (), SCRIPT))
        return self.open[way]

    def protection(self, way):
        if way == "landlock" and not (landlock.version() and seccomp.is_known()):
            missing("No Landlock in this kernel: the test of the partial sandbox is skipped.")
        if way not in ("root", "user"):
            return Protection("partial", "", way)
        needs_sandbox()
        return Protection("sandboxed", "", way, self.ordinary() if way == "user" else bubblewrap.program())

    def ordinary(self):
        """A bubblewrap that an ordinary user runs, though we may be root."""
        if os.geteuid():
            return bubblewrap.program()
        path = self.folder / "bwrap"
        command = [sys.executable, str(Path(__file__).with_name("as_user.py")), str(ORDINARY_USER)]
        path.write_text(f'#!/bin/sh\nexec {shlex.join([*command, bubblewrap.program()])} "$@"\n')
        path.chmod(0o755)
        return str(path)


@pytest.fixture(scope="session")
def rooms(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield Rooms(stack, tmp_path_factory.mktemp("rooms"))


@pytest.fixture(params=ways_here())
def walled(request, rooms):
    """A room behind bubblewrap, in each way that this user has."""
    return rooms(request.param)


@pytest.fixture(params=[*ways_here(), "landlock", "plain"])
def any_room(request, rooms):
    """A room of every kind."""
    return rooms(request.param)


@pytest.fixture(params=[ways_here()[0], "plain"])
def either_room(request, rooms):
    """A room with namespaces and one without, for tests that take time."""
    return rooms(request.param)


@pytest.fixture(scope="session")
def warm():
    """The room that grading uses, with torch and all."""
    needs_sandbox()
    with room(find(), serve=SCRIPT) as opened:
        yield opened
