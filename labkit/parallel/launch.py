"""`ranks(fn, n)`: run a function on n ranks, and have their results, or one sentence about what went wrong.

    def mean_of_all():
        x = torch.ones(3) * dist.get_rank()
        dist.all_reduce(x)
        return x / dist.get_world_size()

    ranks(mean_of_all, 4)

In a notebook the ranks are forks of it; under `torchrun` this process already is one of them, on any number of hosts.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence

from labkit.errors import WrongUse
from labkit.parallel import torchrun
from labkit.parallel.hardware import device as plan
from labkit.parallel.hardware import network
from labkit.parallel.hardware.device import Device
from labkit.parallel.me import Traffic
from labkit.parallel.processes import interrupts
from labkit.parallel.processes.child import Orders
from labkit.parallel.processes.fork import flush, load_torch, start_fork
from labkit.parallel.processes.process import Rank, end
from labkit.parallel.processes.supervise import supervise, unpacked
from labkit.parallel.timeline import Timeline

DEADLOCK_SECONDS = 5.0


class Results(list):
    """The ranks' results, in order. traffic: what each moved with `link`; timeline: where it was asked for, or None."""

    traffic: tuple[Traffic, ...] = ()
    timeline: Timeline | None = None


def ranks(
    fn: Callable[[], object],
    n: int | None = None,
    hardware: Sequence[Device] | Device | None = None,
    timeline: bool = False,
    deadlock: float = DEADLOCK_SECONDS,
    timeout: float | None = None,
    real_network: bool = False,
) -> Results:
    """Run fn() on n ranks, with torch.distributed (gloo) ready in each. Returns what each returned, in order.

    hardware: what each rank has (then n may be left out). deadlock: seconds without a byte moved after which ranks that
    all wait are ended; timeout: seconds after which they are ended whatever they do. real_network: throttle torch's own
    traffic too, by a network of the ranks' own (Linux).
    Raises RankFailed, Deadlock or RanksTimeout; WrongUse. Nothing that it started runs any more when it returns.
    """
    if not callable(fn):
        raise WrongUse(f"The first argument of `ranks` is a function without arguments, not {fn!r}.")
    if torchrun.started_this():
        return torchrun.run(fn, n, hardware, timeline, Results, real_network)
    if hardware is not None and n is None and not isinstance(hardware, Device):
        n = len(hardware)
    devices = plan.devices(hardware, n)
    load_torch()
    with orders_for(devices, deadlock, timeline, real_network) as orders:
        return run(orders, lambda number, before: start_fork(number, orders, fn, before, show), timeout)


@contextlib.contextmanager
def orders_for(devices: tuple[Device, ...], deadlock: float, timeline: bool, real_network: bool) -> Iterator[Orders]:
    """What the ranks are told."""
    import torch.distributed as dist

    if dist.is_initialized():
        raise WrongUse(
            "This process is in a process group already: call torch.distributed.destroy_process_group() first."
        )
    with contextlib.ExitStack() as stack:
        meeting = os.path.join(stack.enter_context(tempfile.TemporaryDirectory(prefix="ranks-")), "meeting")
        switch = stack.enter_context(network.switched(devices)) if real_network else None
        yield Orders(len(devices), devices, meeting, deadlock, timeline, os.getpid(), switch)


def run(orders: Orders, start: Callable[[int, list[Rank]], Rank], timeout: float | None) -> Results:
    """Start every rank, hear them out, end them. start(number, those before): one rank."""
    started: list[Rank] = []
    well = False
    flush()
    try:
        with interrupts.held():
            for number in range(orders.n):
                started.append(start(number, started))
        reports = supervise(started, orders.patience, timeout)
        well = True
    finally:
        with interrupts.held():
            end(started, released=well)
    return _results(reports)


def _results(reports: list[tuple]) -> Results:
    results = Results(unpacked(number, report[1]) for number, report in enumerate(reports))
    results.traffic = tuple(report[2] for report in reports)
    if reports[0][3] is not None:
        results.timeline = Timeline.of([report[3] for report in reports])
    return results


def show(line: str) -> None:
    """One line of one rank, in one piece, at once."""
    sys.stdout.write(line)
    sys.stdout.flush()
