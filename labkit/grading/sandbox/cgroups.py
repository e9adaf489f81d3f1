"""Control groups of one inmate, where we may make them: the kernel then counts memory and threads itself.

Never required: the watch counts too. But the kernel counts what no process shows (a file in memory that nobody has
mapped), and between two looks. Made and removed outside; the student's process enters through an open `cgroup.procs`.
"""

import contextlib
import os
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from labkit.grading.sandbox.limits import Limits

ROOT = Path("/sys/fs/cgroup")
NAME = "labkit"
MB = 2**20
NUMBERS = count()


@dataclass
class Groups:
    """The folders of one inmate's control groups; none where we may make none."""

    folders: list[Path] = field(default_factory=list)

    def open(self) -> list[int]:
        """Their `cgroup.procs`, open for writing."""
        return [os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for folder in self.folders]

    def ran_out(self) -> bool:
        """Whether the kernel killed a process for its memory."""
        for folder in self.folders:
            for name in ("memory.oom_control", "memory.events"):
                with contextlib.suppress(OSError):
                    if any(line.split() > ["oom_kill", "0"] for line in lines(folder / name)):
                        return True
        return False

    def remove(self, within: float = 5.0) -> None:
        """Remove the folders; the kernel takes a moment to see that the last process is gone."""
        until = time.monotonic() + within
        for folder in self.folders:
            while folder.exists() and time.monotonic() < until:
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.005)
        self.folders = []


def lines(path: Path) -> list[str]:
    """The lines of a file that begin with "oom_kill "."""
    return [line for line in path.read_text().splitlines() if line.startswith("oom_kill ")]


def own_unified() -> Path | None:
    """The folder of version 2 in which we may make groups with both controllers, or None."""
    try:
        entry = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        folder = ROOT / entry.removeprefix("0::").lstrip("/")
        enabled = (folder / "cgroup.subtree_control").read_text().split()
    except (OSError, StopIteration):
        return None
    return folder if {"memory", "pids"} <= set(enabled) and os.access(folder, os.W_OK) else None


def wanted(limits: Limits) -> dict[Path, dict[str, int]]:
    """The folders to be made, each with its settings. Files in memory count too, hence the sum."""
    memory, threads = (limits.memory_mb + limits.disk_mb) * MB, limits.threads
    name = f"{NAME}-{os.getpid()}-{next(NUMBERS)}"
    if folder := own_unified():
        settings = {"memory.max": memory, "memory.swap.max": 0, "memory.oom.group": 1, "pids.max": threads}
        return {folder / name: settings}
    first = {"memory": {"memory.limit_in_bytes": memory}, "pids": {"pids.max": threads}}
    return {
        ROOT / kind / name: settings for kind, settings in first.items() if os.access(ROOT / kind / "tasks", os.W_OK)
    }


def make(limits: Limits) -> Groups:
    """Make the groups of one inmate: those of the kernel's that we may make."""
    groups = Groups()
    for folder, settings in wanted(limits).items():
        with contextlib.suppress(OSError):
            folder.mkdir()
            groups.folders.append(folder)
            for name, value in settings.items():
                with contextlib.suppress(FileNotFoundError):
                    (folder / name).write_text(str(value))
    return groups


def sweep() -> None:
    """Remove the empty groups of processes that were killed before they could."""
    for parent in {folder.parent for folder in wanted(Limits())}:
        for folder in parent.glob(f"{NAME}-*-*"):
            owner = folder.name.split("-")[1]
            if owner.isdigit() and not os.path.isdir(f"/proc/{owner}"):
                with contextlib.suppress(OSError):
                    folder.rmdir()
