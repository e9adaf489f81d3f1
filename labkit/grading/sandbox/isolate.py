"""Namespaces of one inmate: nothing of others is in sight, and nothing that it writes is shared.

The caller is a fork of the warm process and already stands on bubblewrap's read-only system. It leaves every namespace
but that of users ("root"), or that too ("user"); its next child is the first process of a new pid namespace.
"""

import contextlib
import os
from pathlib import Path

from labkit.grading.sandbox import linux
from labkit.grading.sandbox.limits import Limits

SCRATCH = "/labkit/own"  # where the inmate's tmpfs is mounted while its folders are bound to their places
KEPT, NAMES = "/labkit/kept", "/labkit/names"  # what lies below a covered folder, under a second name
PLACES = {"work": "/work", "tmp": "/tmp", "shm": "/dev/shm"}
COVERED = ("sys", "sysrq-trigger", "irq", "bus")  # of /proc: writable for who is root outside
FILES = 100_000  # how many, at most: each costs memory of the kernel
STUDENT = 1000  # the user inside, where the namespace of users is an own one
NAMESPACES = linux.NEWNS | linux.NEWPID | linux.NEWIPC | linux.NEWNET | linux.NEWUTS


def leave(way: str) -> None:
    """Leave the namespaces of the warm process; the pid namespace begins with the next child."""
    user, group = os.getuid(), os.getgid()
    linux.unshare(NAMESPACES | (linux.NEWUSER if way == "user" else 0))
    with contextlib.suppress(OSError):  # an old kernel: its cgroup's name is then in sight, and nothing else
        linux.unshare(linux.NEWCGROUP)
    if way == "user":
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{STUDENT} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{STUDENT} {group} 1")


def furnish(limits: Limits, user: int) -> None:
    """Mounts and network of the new namespaces, made by their first process."""
    linux.mount("", "/", flags=linux.RECURSIVE | linux.PRIVATE)
    linux.mount("proc", "/proc", "proc", linux.NOSUID | linux.NODEV | linux.NOEXEC)
    cover_proc()
    own_files(limits, user)
    linux.mount("devpts", "/dev/pts", "devpts", linux.NOSUID | linux.NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    linux.raise_loopback()


def cover_proc() -> None:
    """Make read-only what root may write of /proc: this process may be root, though the student's is not."""
    flags = linux.BIND | linux.REMOUNT | linux.READONLY | linux.NOSUID | linux.NODEV | linux.NOEXEC
    for path in (f"/proc/{name}" for name in COVERED):
        if os.path.exists(path):
            linux.mount(path, path, flags=linux.BIND | linux.RECURSIVE)
            linux.mount("", path, flags=flags)


def own_files(limits: Limits, user: int) -> None:
    """One tmpfs of limited size behind /work, /tmp and /dev/shm."""
    options = f"size={limits.disk_mb}m,nr_inodes={FILES},mode=755"
    linux.mount("tmpfs", SCRATCH, "tmpfs", linux.NOSUID | linux.NODEV, options)
    for name, place in PLACES.items():
        folder = f"{SCRATCH}/{name}"
        os.mkdir(folder)
        os.chmod(folder, 0o700 if name == "work" else 0o1777)
        if user != os.getuid():
            os.chown(folder, user, user)
        linux.mount(folder, place, flags=linux.BIND)
    linux.unmount(SCRATCH)
    show_kept()


def show_kept() -> None:
    """Bind what the tmpfs covered, and the room needs, to its place again (a Python below /tmp)."""
    if not os.path.isdir(KEPT):
        return
    for number in os.listdir(KEPT):
        target = os.fsdecode(Path(f"{NAMES}/{number}").read_bytes())
        os.makedirs(target, exist_ok=True)
        linux.mount(f"{KEPT}/{number}", target, flags=linux.BIND | linux.RECURSIVE)
