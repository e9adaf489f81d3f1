"""What platforms do differently, each with a named fallback: memory of a process, limits, cores, how processes start.

Every answer says by which method it came, so that a notebook can print it beside the number.
"""

import os
import re
import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

PROC = Path("/proc")
CGROUP_CPU = Path("/sys/fs/cgroup/cpu.max")
CGROUP_MEMORY = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True)
class PrivateMemory:
    """Megabytes (10**6 bytes) that a process costs, and how they were counted: "PSS", "USS" or "RSS"."""

    megabytes: float
    method: str


def private_memory_mb(pid: int | None = None) -> PrivateMemory:
    """What a process costs in memory.

    PSS (Linux) counts a page shared by n processes as 1/n; USS (macOS) leaves shared pages out; RSS counts them whole.
    """
    pid = pid or os.getpid()
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text()
        return PrivateMemory(int(re.search(r"^Pss:\s+(\d+) kB", text, re.M)[1]) * 1024 / 1e6, "PSS")
    except (OSError, TypeError):
        return without_pss(psutil.Process(pid))


def without_pss(process: psutil.Process) -> PrivateMemory:
    """USS where the system tells it to us, else RSS."""
    try:
        return PrivateMemory(process.memory_full_info().uss / 1e6, "USS")
    except (psutil.AccessDenied, AttributeError):
        return PrivateMemory(process.memory_info().rss / 1e6, "RSS")


@dataclass(frozen=True)
class MemoryLimit:
    """Whether this process is now held to a limit, by which method ("RLIMIT_DATA" or "none"), and why not."""

    limited: bool
    method: str
    remark: str = ""


def limit_memory(size: int) -> MemoryLimit:
    """Hold this process and its children to `size` bytes of data (heap and private mappings), for good."""
    if sys.platform != "linux" or not hasattr(resource, "RLIMIT_DATA"):
        return MemoryLimit(False, "none", f"{sys.platform} does not enforce RLIMIT_DATA: memory is not limited here.")
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    except (ValueError, OSError) as error:
        return MemoryLimit(False, "none", f"The system refused the limit ({error}): memory is not limited here.")
    return MemoryLimit(True, "RLIMIT_DATA")


@dataclass(frozen=True)
class Cores:
    """How many cores this process may use, which ones where that is known, and by which method."""

    count: int
    method: str
    numbers: tuple[int, ...] = ()


def usable_cores() -> Cores:
    """The cores of this process's affinity, fewer where a container's quota is smaller; else all of the machine."""
    if hasattr(os, "sched_getaffinity"):
        numbers = tuple(sorted(os.sched_getaffinity(0)))
        quota = cpu_quota()
        if quota and quota < len(numbers):
            return Cores(max(1, int(quota)), "container quota", numbers)
        return Cores(len(numbers), "affinity", numbers)
    return Cores(os.cpu_count() or 1, "cpu_count")


def cpu_quota() -> float | None:
    """The cores that a container grants, or None where it grants all."""
    try:
        quota, period = CGROUP_CPU.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError):
        return None


@dataclass(frozen=True)
class Pin:
    """Whether this process now runs on one core only, which one, and why not."""

    pinned: bool
    method: str
    core: int | None = None
    remark: str = ""


def pin_to_core(index: int = 0) -> Pin:
    """Run this process on its `index`-th usable core only (counted around where there are fewer)."""
    if not hasattr(os, "sched_setaffinity"):
        return Pin(False, "none", remark=f"{sys.platform} cannot pin a process to a core: timings vary more.")
    numbers = sorted(os.sched_getaffinity(0))
    core = numbers[index % len(numbers)]
    os.sched_setaffinity(0, {core})
    return Pin(True, "affinity", core)


def compilers() -> list[str]:
    """The paths of the C++ compilers that there are, `$CXX` first; how new they are is not examined."""
    names = (os.environ.get("CXX"), "c++", "g++", "clang++")
    return [path for name in names if name and (path := shutil.which(name))]


def how_to_get_a_compiler() -> str:
    """A command for this platform."""
    return {"darwin": "xcode-select --install"}.get(sys.platform, "sudo apt install g++")


@dataclass(frozen=True)
class StartMethod:
    """How to start processes ("fork" or "spawn", as multiprocessing names them), and what that means."""

    name: str
    remark: str = ""


def start_method() -> StartMethod:
    """Fork on Linux; elsewhere spawn, as macOS's own libraries break in a forked child."""
    if sys.platform == "linux" and hasattr(os, "fork"):
        return StartMethod("fork")
    return StartMethod("spawn", f"{sys.platform} has no safe fork: functions must be importable, and starts are slow.")


def memory_limit_bytes() -> int:
    """The machine's memory, or a container's limit where that is smaller."""
    total = psutil.virtual_memory().total
    for path in CGROUP_MEMORY:
        try:
            return min(total, int(path.read_text()))
        except (OSError, ValueError):
            continue  # no such file, or "max"
    return total
