"""How many bytes this process's TCP connections have carried, torch's own included: the kernel counts them."""

import os
import socket
import struct
import sys
from collections.abc import Collection

# struct tcp_info of linux/tcp.h: 8 bytes, 24 numbers of 4, 2 of 8, then tcpi_bytes_acked and tcpi_bytes_received.
COUNTS = struct.Struct("=120xQQ")
HAS_COUNTS = sys.platform == "linux"


def sockets() -> dict[int, str]:
    """The open sockets of this process: by descriptor, a name that no other socket has. Empty where nothing counts."""
    found = {}
    for number in os.listdir("/proc/self/fd") if HAS_COUNTS else ():
        try:
            name = os.readlink(f"/proc/self/fd/{number}")
        except OSError:  # closed meanwhile, as the folder's own descriptor is
            continue
        if name.startswith("socket:"):
            found[int(number)] = name
    return found


def bytes_moved(but: Collection[str] = ()) -> int:
    """Sent and acknowledged, plus received, over all open connections; 0 where the system does not say.

    but: names of sockets that do not count. A fork inherits its notebook's, which has a heartbeat once a second.
    """
    return sum(_carried(fd) for fd, name in sockets().items() if name not in but)


def _carried(fd: int) -> int:
    try:
        with socket.socket(fileno=os.dup(fd)) as connection:
            if connection.family not in (socket.AF_INET, socket.AF_INET6) or connection.type != socket.SOCK_STREAM:
                return 0
            return sum(COUNTS.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, COUNTS.size)))
    except (OSError, struct.error):  # closed meanwhile, or a kernel that does not count
        return 0
