"""What /proc says about processes. Where there is no /proc, psutil answers."""

import os
import re
from pathlib import Path

import psutil

KB_ANONYMOUS = re.compile(r"^Rss(?:Anon|Shmem):\s+(\d+) kB", re.M)
KB_SHARE = re.compile(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB", re.M)
KB_DATA = re.compile(r"^VmData:\s+(\d+) kB", re.M)


def everyone() -> list[int]:
    """All processes of this pid namespace but its first."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]


def descendants() -> list[int]:
    """All processes below this one."""
    return [process.pid for process in psutil.Process().children(recursive=True)]


def children() -> list[int]:
    """The processes right below this one."""
    return [process.pid for process in psutil.Process().children()]


def total_kb(pattern: re.Pattern, pid: int, name: str) -> int:
    """The sum of the numbers that a file of /proc holds in the lines sought; 0 where the process is gone."""
    try:
        return sum(map(int, pattern.findall((Path("/proc") / str(pid) / name).read_text(errors="replace"))))
    except OSError:
        return 0


def resident_mb(pids: list[int]) -> float:
    """Memory that the processes touched, shared pages counted whole in each: cheap, and never too low."""
    if not os.path.isdir("/proc/self"):
        return resident_elsewhere_mb(pids)
    return sum(total_kb(KB_ANONYMOUS, pid, "status") for pid in pids) / 1024


def resident_elsewhere_mb(pids: list[int]) -> float:
    """The same where there is no /proc."""
    total = 0
    for pid in pids:
        try:
            total += psutil.Process(pid).memory_info().rss
        except psutil.Error:
            continue
    return total / 2**20


def memory_mb(pids: list[int], enough: float) -> float:
    """Memory of the processes. Where the cheap count passes `enough`, a page shared by n counts as 1/n in each."""
    cheap = resident_mb(pids)
    if cheap <= enough:
        return cheap
    exact = sum(total_kb(KB_SHARE, pid, "smaps_rollup") for pid in pids) / 1024
    return exact or cheap


def data_bytes() -> int:
    """The private writable memory that this process has mapped; 0 where that cannot be told."""
    return total_kb(KB_DATA, os.getpid(), "status") * 1024


def threads() -> int:
    """How many threads this process has."""
    if os.path.isdir("/proc/self/task"):
        return len(os.listdir("/proc/self/task"))
    return psutil.Process().num_threads()
