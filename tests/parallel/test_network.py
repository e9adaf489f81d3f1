"""A network of the ranks' own: torch's traffic keeps to the plan too, and nothing of it is left."""

import os
import time

import pytest
import torch
import torch.distributed as dist

from labkit.errors import WrongUse
from labkit.parallel import Deadlock, Device, RankFailed, link, ranks
from labkit.parallel.hardware import network
from tests.needs import needs_own_network

LINK = Device(bandwidth=10e6, latency=0.01)


@pytest.fixture
def _namespaces():
    needs_own_network()


@pytest.mark.usefixtures("_namespaces")
def test_torchs_own_collectives_are_throttled():
    def reduce():
        x = torch.full((500_000,), dist.get_rank() + 1.0)
        dist.barrier()
        began = time.monotonic()
        dist.all_reduce(x)
        return time.monotonic() - began, x[0].item()

    results = ranks(reduce, 2, LINK, real_network=True)
    ideal = 2 * (2 - 1) / 2 * 2e6 / 10e6  # 2 (n - 1) / n S / B
    assert max(seconds for seconds, _ in results) >= ideal
    assert [total for _, total in results] == [3.0, 3.0]


@pytest.mark.usefixtures("_namespaces")
def test_a_round_trip_takes_two_latencies():
    def round_trip():
        x, times = torch.ones(1), []
        for _ in range(3):
            dist.barrier()
            began = time.monotonic()
            if dist.get_rank() == 0:
                dist.send(x, 1)
                dist.recv(x, 1)
            else:
                dist.recv(x, 0)
                dist.send(x, 0)
            times.append(time.monotonic() - began)
        return min(times)

    assert ranks(round_trip, 2, LINK, real_network=True)[0] >= 0.02


@pytest.mark.usefixtures("_namespaces")
def test_link_is_not_throttled_twice():
    def carry():
        x = torch.zeros(250_000)
        link.barrier()
        began = time.monotonic()
        if dist.get_rank() == 0:
            link.send(x, 1)
        else:
            link.recv(x, 0)
        return time.monotonic() - began

    results = ranks(carry, 2, Device(bandwidth=2e6), real_network=True)
    assert 0.5 <= results[1] < 0.9
    assert results.traffic[0].bytes_sent == 1_000_000


@pytest.mark.usefixtures("_namespaces")
def test_each_rank_has_a_network_and_its_own_files():
    found = ranks(lambda: (os.listdir("/sys/class/net") and os.readlink("/proc/self/ns/net"), os.getuid()), 2, LINK)
    apart = ranks(lambda: (os.readlink("/proc/self/ns/net"), os.getuid()), 2, LINK, real_network=True)
    assert len({network for network, _ in found}) == 1
    assert len({network for network, _ in apart}) == 2
    assert {user for _, user in apart} == {os.getuid()}


@pytest.mark.usefixtures("_namespaces")
def test_failures_and_deadlocks_are_named_there_too():
    with pytest.raises(RankFailed, match="rank 1 failed: ZeroDivisionError"):
        ranks(lambda: 1 / (1 - dist.get_rank()), 2, LINK, real_network=True)
    with pytest.raises(Deadlock):
        ranks(lambda: dist.recv(torch.ones(1), 1 - dist.get_rank()), 2, LINK, real_network=True, deadlock=0.6)


@pytest.mark.usefixtures("_namespaces")
def test_a_slow_transfer_is_no_deadlock():
    """Nearly no processor time is used, but bytes move."""

    def carry():
        if dist.get_rank() == 0:
            return dist.send(torch.zeros(100_000), 1)
        return dist.recv(torch.zeros(100_000), 0)

    ranks(carry, 2, Device(bandwidth=200e3), real_network=True, deadlock=0.8)


def test_where_there_is_none_a_sentence_says_so(monkeypatch):
    def refused(rank, switch):
        raise PermissionError(1, "Operation not permitted", "/proc/self/uid_map")

    monkeypatch.setattr(network, "plug_in", refused)
    with pytest.raises(
        WrongUse, match=r"no network of their own: Operation not permitted \(/proc/self/uid_map\)\. Leave"
    ):
        ranks(lambda: None, 2, LINK, real_network=True)
