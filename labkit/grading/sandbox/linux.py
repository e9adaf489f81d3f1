"""The system calls that Python does not have, each raising OSError when it fails."""

import ctypes
import errno
import fcntl
import functools
import os
import platform
import socket
import struct
import sys
from pathlib import Path

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
READONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH = 2
PDEATHSIG, DUMPABLE, SECCOMP, BOUNDING_DROP, SUBREAPER, NO_NEW_PRIVS, AMBIENT = 1, 4, 22, 24, 36, 38, 47
KILL, SETPCAP, SYS_PTRACE = 5, 8, 19  # capabilities
SIOCGIFFLAGS, SIOCSIFFLAGS, UP = 0x8913, 0x8914, 1


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library."""
    return ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> int:
    """The result, unless it says that the call failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int = 0, *more: int) -> int:
    """prctl(2), whose arguments are all longs."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "Only Linux has prctl.")
    values = [ctypes.c_ulong(one) for one in (value, *more, 0, 0, 0)[:4]]
    return checked(libc().prctl(option, *values), f"prctl {option}")


def syscall(number: int, *arguments: object) -> int:
    """A system call by its number; integers cross as longs."""
    values = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return checked(libc().syscall(ctypes.c_long(number), *values), f"system call {number}")


def unshare(flags: int) -> None:
    """Leave the namespaces named by the flags for new ones."""
    checked(libc().unshare(flags), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    values = [text.encode() or None for text in (source, target, kind)]
    checked(libc().mount(*values, ctypes.c_ulong(flags), options.encode() or None), f"mount {target}")


def unmount(target: str) -> None:
    """Take a mount out of sight; binds of it stay."""
    checked(libc().umount2(target.encode(), DETACH), f"umount {target}")


def keep_capabilities(*kept: int) -> None:
    """Give up every capability but these."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    low = sum(1 << one for one in kept)
    # effective, permitted and inheritable of capabilities 0-31, then of the rest
    data = (ctypes.c_uint32 * 6)(low, low, 0, 0, 0, 0)
    checked(libc().capset(header, data), "capset")


def has_capabilities() -> bool:
    """Whether this process may change its capabilities: root outside, or anybody in a user namespace of its own."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("CapEff:")[1].split()[0], 16) >> SETPCAP & 1 == 1


def bound_capabilities() -> None:
    """Let no capability come back through exec, for good."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for one in range(last + 1):
        prctl(BOUNDING_DROP, one)


def raise_loopback() -> None:
    """Bring up 127.0.0.1 of this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH22x", b"lo", 0)
        flags = struct.unpack("16sH22x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | UP))


def machine() -> str:
    """The processor's name as Linux has it."""
    return platform.machine()
