"""The ring all-reduce: how long beside gloo's own, and how many bytes beside the bound."""

import time

import torch
import torch.distributed as dist

from labkit.bench.harness import Measurement, ratio
from labkit.parallel import Device, ranks
from labkit.parallel.collectives import ring_all_reduce
from labkit.parallel.hardware import network

N = 4
ELEMENTS = 1 << 22  # float32: 16 MiB
ROUNDS = 9
LINK = Device(bandwidth=50e6, latency=0.2e-3)  # slow enough for the link, not two cores, to be what four ranks wait for
CALLS = {"gloo": dist.all_reduce, "ring": ring_all_reduce}


def against_gloo() -> tuple[float | None, list[dict]]:
    """Gloo's time over ours; None where the ranks cannot have a network of their own. A row for each of the two."""
    if reason := network.why_not():
        return None, [{"reason": reason}]
    found = ranks(_rounds, N, LINK, real_network=True)
    seconds = {name: [max(times) for times in zip(*(rank[name] for rank in found), strict=True)] for name in CALLS}
    measured = {name: Measurement(name, seconds[name], calls=1) for name in CALLS}
    least = _bound(N) / LINK.bandwidth
    rows = [
        {"name": name, "bytes": 4 * ELEMENTS, "seconds": one.median_s, "over_bandwidth_bound": one.median_s / least}
        for name, one in measured.items()
    ]
    return ratio(measured["gloo"], measured["ring"]), rows


def bytes_over_bound() -> tuple[float, list[dict]]:
    """Bytes that the rank sends which sends most, over the bound; the largest of 2, 4 and 8 ranks. A row for each."""
    rows = []
    for n in (2, 4, 8):  # which cut it evenly: of uneven shards some rank sends more than its share
        sent = max(one.bytes_sent for one in ranks(_once, n).traffic)
        rows.append({"ranks": n, "bytes": sent, "over_bound": sent / _bound(n)})
    return max(row["over_bound"] for row in rows), rows


def _bound(n: int) -> float:
    """The bytes that n ranks have to send at least, each its part (Patarasuk & Yuan 2009)."""
    return 2 * (n - 1) / n * 4 * ELEMENTS


def _once() -> None:
    ring_all_reduce(torch.zeros(ELEMENTS))


def _rounds() -> dict[str, list[float]]:
    """On each rank. Seconds of every round but the first, which warms up; nobody always goes first."""
    x = torch.ones(ELEMENTS)
    seconds: dict[str, list[float]] = {name: [] for name in CALLS}
    for turn in range(ROUNDS + 1):
        for name in list(CALLS) if turn % 2 else reversed(CALLS):
            dist.barrier()
            began = time.monotonic()
            CALLS[name](x)
            seconds[name].append(time.monotonic() - began)
    if not x.eq(float(N) ** (len(CALLS) * (ROUNDS + 1))).all():  # a power of two, so exact
        raise RuntimeError("An all-reduce gave a wrong sum.")
    return {name: times[1:] for name, times in seconds.items()}
