"""Several hosts on one laptop, without root: each has a network of its own, and its torchrun believes that it is alone.

    python -m labkit.parallel.cluster --hosts 2 --bandwidth 25e6 -- --nproc-per-node 2 train.py

Everything after `--` goes to each host's torchrun. What the hosts say to each other passes the virtual switch.
"""

import argparse
import os
import signal
import socket
import sys
import time
from typing import NoReturn

from labkit.errors import WrongUse
from labkit.parallel.hardware import network
from labkit.parallel.hardware.device import Device
from labkit.parallel.processes import interrupts
from labkit.parallel.processes.fork import own_group
from labkit.parallel.processes.parent import end_with

PORT = 29500  # fixed, and yet never taken: the network is the hosts' own
TICK = 0.05  # seconds


def run(hosts: list[Device], words: list[str]) -> int:
    """Run torchrun with these words on every host, until all have ended. Returns the first exit status that is not 0.

    A host's Device gives its link; what the scripts print is prefixed by torchrun, where `--tee 3` asks it to.
    Raises WrongUse where this system gives them no network.
    """
    started: set[int] = set()
    with network.switched(tuple(hosts)) as switch:
        try:
            with interrupts.held():
                for host in range(len(hosts)):
                    started.add(_start(host, len(hosts), words, switch))
            return _first_failure(started)
        finally:
            with interrupts.held():
                for pid in started:
                    os.killpg(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)


def _first_failure(started: set[int]) -> int:
    """Forgets who has ended: that pid may be another's soon."""
    while started:
        for pid in list(started):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                started.remove(pid)
            if status:
                return os.waitstatus_to_exitcode(status)
        time.sleep(TICK)
    return 0


def _start(host: int, hosts: int, words: list[str], switch: int) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become(host, hosts, words, switch, parent)
    own_group(pid)
    return pid


def _become(host: int, hosts: int, words: list[str], switch: int, parent: int) -> NoReturn:
    try:
        os.setpgid(0, 0)
        network.plug_in(host, switch)
        end_with(parent)
        master = ["--master-addr", socket.inet_ntoa(network.address(0)), "--master-port", str(PORT)]
        place = ["--nnodes", str(hosts), "--node-rank", str(host), "--rdzv-backend", "static", *master]
        environment = {**os.environ, "GLOO_SOCKET_IFNAME": network.DEVICE, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "torch.distributed.run", *place, *words]
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execve(sys.executable, command, environment)
    except OSError as error:
        print(f"host {host} did not start: {error}", file=sys.stderr)
    finally:
        os._exit(1)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--bandwidth", type=float, default=float("inf"), help="bytes per second")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("words", nargs="+", help="of torchrun, after --")
    asked = parser.parse_args()
    try:
        link = Device(bandwidth=asked.bandwidth, latency=asked.latency)
        sys.exit(run([link] * asked.hosts, asked.words))
    except WrongUse as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
