"""The wall where no namespaces can be made: the kernel's Landlock, by which a process gives up most of the file system.

What it cannot do: hide that other processes exist, count memory, or stop a process from looking at names in folders
whose files it cannot open. Rules name open folders; a ruleset holds them; after `restrict` nothing else opens.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from labkit.grading.sandbox import linux

CREATE, ADD, RESTRICT = 444, 445, 446  # the same on every machine
VERSION_FLAG, BENEATH = 1, 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE, DEVICE_IOCTL = 1, 2, 4, 8, 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | DEVICE_IOCTL
MAKE_SOCKET, REMOVE = 1 << 9, 1 << 5
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many rights over files each version knows
NO_TCP = 3  # bind and connect, from version 4 on
NO_SIGNALS, NO_ABSTRACT_SOCKETS = 2, 1  # to who is outside, from version 6 on
SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives"),
    *("/etc/fonts", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/sys/devices/system/cpu"),
    *("/dev/urandom", "/dev/random", "/dev/zero", "/dev/full"),
)


class Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr."""

    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class Beneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def version() -> int:
    """Which version of Landlock the kernel has; 0 for none."""
    if sys.platform != "linux":
        return 0
    try:
        return linux.syscall(CREATE, None, 0, VERSION_FLAG)
    except OSError:
        return 0


def file_rights() -> int:
    """All rights over files that this kernel knows."""
    return (1 << RIGHTS[min(version(), 5)]) - 1


def readable() -> list[str]:
    """What student code may read: the system's programs and libraries, the Python, the course's package."""
    package = Path(__file__).resolve().parents[2]
    return [
        *SYSTEM,
        f"/proc/{os.getpid()}",
        sys.prefix,
        sys.base_prefix,
        os.path.realpath(sys.base_prefix),
        str(package),
    ]


def new_ruleset(tcp: bool) -> int:
    """A ruleset that forbids everything this kernel can forbid (TCP only if told so), as an open file."""
    known = version()
    scoped = NO_SIGNALS | NO_ABSTRACT_SOCKETS if known >= 6 else 0
    rules = Ruleset(file_rights(), 0 if tcp or known < 4 else NO_TCP, scoped)
    size = 8 if known < 4 else 16 if known < 6 else 24
    return linux.syscall(CREATE, ctypes.byref(rules), size, 0)


def allow(ruleset: int, path: str, rights: int) -> None:
    """Allow these rights on a path and all below it; a path that is missing is passed over."""
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights &= file_rights() if os.path.isdir(path) else file_rights() & OF_FILES
        rule = Beneath(rights, opened)
        linux.syscall(ADD, ruleset, BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(opened)


def restrict(
    read: Iterable[str], write: Iterable[str], sockets: Iterable[str] = (), devices: Iterable[str] = (os.devnull,)
) -> None:
    """From now on read only there, write only there, for good. In the folders `sockets`, only sockets can be made."""
    sockets = list(sockets)
    ruleset = new_ruleset(tcp=bool(sockets))
    for path in read:
        allow(ruleset, path, READ)
    for path in write:
        allow(ruleset, path, file_rights())
    for path in sockets:
        allow(ruleset, path, READ | MAKE_SOCKET | REMOVE)
    for path in devices:
        allow(ruleset, path, OF_FILES)
    linux.prctl(linux.NO_NEW_PRIVS, 1)
    linux.syscall(RESTRICT, ruleset, 0)
    os.close(ruleset)
