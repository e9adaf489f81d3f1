"""The switch between the ranks' network namespaces: reads IP packets, and delivers each when its links would have.

It stands in for `tc qdisc ... netem`, which needs root and a kernel that has it. The arithmetic is `wire`'s, a packet
at a time; nothing is dropped, so TCP finds the pace by itself.
"""

import heapq
import os
import select
import signal
import socket
import struct
import time
from typing import NoReturn

from labkit.parallel.hardware.device import Device
from labkit.parallel.hardware.network import MTU, address
from labkit.parallel.hardware.wire import Wire
from labkit.parallel.processes.parent import end_with

DESTINATION = slice(16, 20)  # of an IPv4 header (RFC 791)
AT_ONCE = 32  # packets read from one cable before the others have a turn


def start_switch(devices: tuple[Device, ...], plugs: socket.socket) -> int:
    """Fork it. plugs: where the ranks hand in their cables. Returns its pid."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.set_wakeup_fd(-1)
            end_with(parent)
            Switch(devices).run(plugs)
        finally:
            os._exit(1)
    return pid


class Switch:
    """One wire out of each rank and one into it."""

    def __init__(self, devices: tuple[Device, ...]):
        self.latency = [device.latency for device in devices]
        self.outgoing = [Wire(device.bandwidth) for device in devices]
        self.incoming = [Wire(device.bandwidth) for device in devices]
        self.rank_of = {address(rank): rank for rank in range(len(devices))}
        self.cables: dict[int, int] = {}
        self.under_way: list[tuple[float, int, int, bytes]] = []  # when, a number that keeps order, to whom, what
        self.count = 0

    def run(self, plugs: socket.socket) -> NoReturn:
        """For ever: it is killed when the ranks are done."""
        while True:
            left = max(0.0, self.under_way[0][0] - time.monotonic()) if self.under_way else 1.0
            ready, _, _ = select.select([plugs, *self.cables.values()], [], [], left)
            if plugs in ready:
                self._plug(plugs)
            for rank, cable in self.cables.items():
                if cable in ready:
                    self._take(rank, cable)
            self._deliver(time.monotonic())

    def _plug(self, plugs: socket.socket) -> None:
        told, cables, _, _ = socket.recv_fds(plugs, 4, 1)
        if cables:
            self.cables[struct.unpack("I", told)[0]] = cables[0]

    def _take(self, rank: int, cable: int) -> None:
        for _ in range(AT_ONCE):
            try:
                packet = os.read(cable, MTU)
            except OSError:  # nothing more now, or the rank is gone
                return
            to = self.rank_of.get(packet[DESTINATION])
            if to is not None:  # the kernel also asks the neighbourhood for IPv6 routers
                self._send(rank, to, packet, time.monotonic())

    def _send(self, rank: int, to: int, packet: bytes, now: float) -> None:
        first, last = self.outgoing[rank].carry(len(packet), now)
        latency = self.latency[rank]
        arrives = max(last + latency, self.incoming[to].carry(len(packet), first + latency)[1])
        self.count += 1
        heapq.heappush(self.under_way, (arrives, self.count, to, packet))

    def _deliver(self, now: float) -> None:
        while self.under_way and self.under_way[0][0] <= now:
            _, _, to, packet = heapq.heappop(self.under_way)
            cable = self.cables.get(to)
            if cable is None:
                continue  # not plugged in yet: TCP asks again
            try:
                os.write(cable, packet)
            except OSError:  # the rank is gone
                continue
