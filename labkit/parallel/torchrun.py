"""The same `fn` under torchrun: this process already is a rank, and its environment says which one.

    torchrun --nnodes 2 --node-rank 0 --nproc-per-node 2 --rdzv-backend c10d --rdzv-endpoint HOST:PORT script.py

A run that shall survive the death of a rank (`--max-restarts`) needs TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1, else the new
ranks read the keys of the old ones (pytorch #135712).
"""

import os
from collections.abc import Callable, Sequence

from labkit.errors import WrongUse
from labkit.parallel import me
from labkit.parallel.hardware import device as plan
from labkit.parallel.hardware import memory
from labkit.parallel.hardware.device import Device
from labkit.parallel.processes.child import own_randomness
from labkit.parallel.timeline import Timeline

SAYS = ("TORCHELASTIC_RUN_ID", "RANK", "WORLD_SIZE", "MASTER_ADDR")


def started_this() -> bool:
    """Whether torchrun has started this process."""
    return all(name in os.environ for name in SAYS)


def run(
    fn: Callable[[], object],
    n: int | None,
    hardware: Sequence[Device] | Device | None,
    timeline: bool,
    results: type[list],
    real_network: bool,
) -> list:
    """fn() in this process. Every rank returns all ranks' results. Failures and restarts are torchrun's."""
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    devices = _devices(hardware, n, world, real_network)
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    own_randomness(rank)
    dist.init_process_group("gloo")
    try:
        myself = me.become(me.Me(rank, devices, events=[] if timeline else None))
        with memory.limited(myself.device.memory):
            result = fn()
        told = [None] * world
        dist.all_gather_object(told, (result, myself.traffic, myself.events))
    finally:
        dist.destroy_process_group()  # else gloo aborts the process at its exit, in most runs
    found = results(result for result, _, _ in told)
    found.traffic = tuple(moved for _, moved, _ in told)
    found.timeline = Timeline.of([events for _, _, events in told]) if timeline else None
    return found


def _devices(hardware: Sequence[Device] | Device | None, n: int | None, world: int, real_network: bool) -> tuple:
    if n not in (None, world):
        raise WrongUse(f"ranks(fn, {n}) runs under torchrun with {world} ranks: leave n out, and torchrun decides.")
    devices = plan.devices(hardware, world)
    if real_network or any(device.throttles for device in devices):
        raise WrongUse("A virtual link needs one clock, and hosts have one each: under torchrun leave the link out.")
    return devices
