"""A real network for the ranks, without root: each gets a network namespace of its own with one device, `eth0`.

What a rank sends through it, torch's own collectives included, a `switch` carries at the pace of the devices. The
device is a TUN (linux/if_tun.h): whatever the kernel would put on a cable can be read as IP packets from a descriptor.
A user namespace gives the right to make one. Linux only, and some systems refuse it: `why_not` says so in a sentence.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterator

from labkit.errors import WrongUse
from labkit.parallel.hardware.device import Device
from labkit.parallel.processes import interrupts

DEVICE = "eth0"
TUN = "/dev/net/tun"
MTU = 9000  # bytes a packet: jumbo frames, so that a slow interpreter is quick enough to be the switch
NEW_USER, NEW_NET = 0x10000000, 0x40000000  # linux/sched.h
SET_FLAGS, SET_ADDRESS, SET_NETMASK, SET_MTU = 0x8914, 0x8916, 0x891C, 0x8922  # linux/sockios.h
TUN_SET, TUN_WITHOUT_HEADER = 0x400454CA, 0x0001 | 0x1000  # linux/if_tun.h
UP = 0x1


def address(rank: int) -> bytes:
    """The IP address of a rank, as four bytes. A private network, which nothing outside can reach."""
    return bytes([10, 77, *divmod(rank + 1, 256)])


def plug_in(rank: int, switch: int) -> None:
    """Move this process into a namespace of its own, and hand the cable to the switch, a socket's descriptor.

    To be called before the process has a second thread: the kernel refuses it then.
    """
    _unshare()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        _bring_up(door, "lo")
        cable = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(cable, TUN_SET, struct.pack("16sH22x", DEVICE.encode(), TUN_WITHOUT_HEADER))
        _set(door, SET_ADDRESS, DEVICE, struct.pack("HH4s", socket.AF_INET, 0, address(rank)))
        _set(door, SET_NETMASK, DEVICE, struct.pack("HH4s", socket.AF_INET, 0, bytes([255, 255, 0, 0])))
        _set(door, SET_MTU, DEVICE, struct.pack("i", MTU))
        _bring_up(door, DEVICE)
    with socket.socket(fileno=switch) as plug:
        socket.send_fds(plug, [struct.pack("I", rank)], [cable])
    os.close(cable)


def _unshare() -> None:
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_USER | NEW_NET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    # Inside it is still the same person, so that files are theirs as before.
    for name, content in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)


def _bring_up(door: socket.socket, device: str) -> None:
    _set(door, SET_FLAGS, device, struct.pack("H", UP))


def _set(door: socket.socket, what: int, device: str, value: bytes) -> None:
    fcntl.ioctl(door, what, struct.pack("16s24s", device.encode(), value))


def why_not() -> str | None:
    """Why the ranks cannot have a network of their own here, in a sentence; None where they can. Tries it in a fork."""
    if sys.platform != "linux":
        return "A network of the ranks' own needs Linux."
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _try(writing)
    os.close(writing)
    with os.fdopen(reading) as answer:
        reason = answer.read()
    os.waitpid(pid, 0)
    return f"This system gives the ranks no network of their own: {reason}." if reason else None


def _try(writing: int) -> None:
    try:
        ours, theirs = socket.socketpair()
        plug_in(0, theirs.detach())
        ours.close()
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        os.write(writing, f"{error.strerror}{where}".encode())
    finally:
        os._exit(0)


@contextlib.contextmanager
def switched(devices: tuple[Device, ...]) -> Iterator[int]:
    """A switch process for the length of the block. Yields the descriptor that a rank's cable goes through."""
    if reason := why_not():
        raise WrongUse(f"{reason} Leave real_network out: then `link` alone is throttled.")
    from labkit.parallel.hardware.switch import start_switch  # not above: it imports this

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        pid = None
        try:
            with interrupts.held():
                pid = start_switch(devices, theirs)
            yield ours.fileno()
        finally:
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
