"""A rank's life, from its first instruction to its last: settle down, join the group, run `fn`, report, end.

The traps on this way and their cures:
- torch's threads do not survive a fork: one thread, before anything else of torch's.
- torch 2.13's gloo aborts the process at exit in most runs: flush, destroy the group, `os._exit`.
- a rank that ends early resets connections under the others: it stays until the supervisor has heard from all.
"""

import faulthandler
import os
import pickle
import re
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from labkit.parallel import me
from labkit.parallel.hardware import memory, network
from labkit.parallel.hardware.device import Device
from labkit.parallel.processes import source
from labkit.parallel.processes.channel import Outbox
from labkit.parallel.processes.displays import print_displays
from labkit.parallel.processes.monitor import Monitor
from labkit.parallel.processes.parent import end_with

LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
NOT_FORKED = re.compile("Cannot re-initialize CUDA in forked|autograd's threading in combination with fork")
A_DAY = timedelta(days=1)  # who waits too long is named by the supervisor, better than gloo does


@dataclass(frozen=True)
class Orders:
    """What all ranks of a run are told: everything but `fn`. meeting: a file in which they find each other."""

    n: int
    devices: tuple[Device, ...]
    meeting: str
    patience: float
    timeline: bool
    parent: int
    switch: int | None = None  # the descriptor of a socket, where the ranks have a network of their own


def live(rank: int, orders: Orders, fn: Callable[[], object], line: socket.socket, output: int) -> NoReturn:
    """Be that rank. line: to the supervisor; output: a descriptor for all that the rank prints."""
    outbox = Outbox(line)
    try:
        settle(rank, orders, output)
        monitor = Monitor(outbox, orders.patience)
        monitor.start()
        _work(rank, orders, fn, outbox)
        sys.stdout.flush()
        monitor.released.wait()
        _leave()
    except BaseException as error:  # ours, not the student's
        outbox.say("failed", time.monotonic(), *told(rank, error, orders.devices[rank]))
        line.recv(1)  # until it is ended
    finally:
        os._exit(1)  # `_leave` has ended the rank where all went well


def settle(rank: int, orders: Orders, output: int) -> None:
    """Become a process of its own: no signal, no thread, no descriptor of the notebook's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor hears Ctrl-C, and ends all ranks
    signal.set_wakeup_fd(-1)  # the notebook's event loop's
    os.setpgid(0, 0)
    if orders.switch is not None:
        network.plug_in(rank, orders.switch)
    end_with(orders.parent)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # a terminal stops a group in the background that reads
    for stream in (1, 2):  # also what C++ prints
        os.dup2(output, stream)
    os.close(output)
    sys.stdout = sys.stderr = open(1, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    print_displays()
    if faulthandler.is_enabled():
        faulthandler.enable(sys.stderr, all_threads=False)  # it had the notebook's own
    import torch

    torch.set_num_threads(1)
    own_randomness(rank)


def own_randomness(rank: int) -> None:
    """Other random numbers in each rank, from the notebook's seed: else a forgotten broadcast would pass by luck."""
    import torch

    torch.manual_seed(torch.initial_seed() + rank)


def _work(rank: int, orders: Orders, fn: Callable[[], object], outbox: Outbox) -> None:
    try:
        myself = me.become(me.Me(rank, orders.devices, orders.switch is not None, [] if orders.timeline else None))
        _join(rank, orders)
        with memory.limited(myself.device.memory):
            result = fn()
        outbox.say("done", _packed(rank, result), myself.traffic, myself.events)
    except BaseException as error:
        sys.stdout.flush()
        outbox.say("failed", time.monotonic(), *told(rank, error, orders.devices[rank]))


def _join(rank: int, orders: Orders) -> None:
    import torch.distributed as dist

    os.environ["GLOO_SOCKET_IFNAME"] = network.DEVICE if orders.switch is not None else LOOPBACK
    where = f"file://{orders.meeting}"  # a file, never a port: a fixed one clashes, a free one may be taken meanwhile
    dist.init_process_group("gloo", init_method=where, rank=rank, world_size=orders.n, timeout=A_DAY)


def _packed(rank: int, result: object) -> bytes:
    try:
        return pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise CannotTravel(
            f"rank {rank} returns something that cannot be sent back ({error}): return numbers, strings, arrays or "
            "tensors, or lists and dictionaries of them."
        ) from None


class CannotTravel(TypeError):
    """A result that pickle refuses."""


def told(rank: int, error: BaseException, device: Device) -> tuple[str, str]:
    """The reason why a rank failed in a sentence, and the student's frames."""
    if isinstance(error, CannotTravel):
        return str(error), ""
    reason = memory.explain(rank, error, device) or f"rank {rank} failed: {_summary(error)}"
    if NOT_FORKED.search(str(error)):
        reason += "\nA fork cannot go on where this process used a GPU: `%%ranks` starts fresh processes."
    return reason, source.own_traceback(error)


def _summary(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")


def _leave() -> NoReturn:
    import torch.distributed as dist

    sys.stdout.flush()
    if dist.is_initialized() and not me.me().under_way:  # gloo would block on a message that nobody received
        dist.destroy_process_group()
    os._exit(0)
