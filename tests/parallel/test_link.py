"""Messages: whole, counted, and as slow as the virtual link says: t = latency + bytes / bandwidth."""

import math
import time

import pytest
import torch
import torch.distributed as dist

from labkit.errors import WrongUse
from labkit.parallel import Device, link, ranks
from labkit.parallel.hardware.wire import Wire
from labkit.parallel.me import Traffic

MS = 1e-3


def test_a_wire_carries_one_message_after_the_other():
    wire = Wire(bandwidth=100.0)
    assert wire.carry(50, now=10.0) == (10.0, 10.5)
    assert wire.carry(100, now=10.1) == (10.5, 11.5)  # it waits for the first
    assert wire.carry(0, now=20.0) == (20.0, 20.0)
    assert Wire(math.inf).carry(1 << 40, now=1.0) == (1.0, 1.0)


TENSORS = {
    "float32": torch.arange(6.0).reshape(2, 3),
    "not contiguous": torch.arange(6.0).reshape(2, 3).T,
    "bfloat16": torch.ones(3, dtype=torch.bfloat16),
    "int64": torch.tensor([1 << 40, -3]),
    "no dimension": torch.tensor(2.5),
    "empty": torch.zeros(0, 4),
    "needs a gradient": torch.ones(3, requires_grad=True),
}


@pytest.mark.parametrize("device", [Device(), Device(latency=1 * MS)], ids=["free", "throttled"])
@pytest.mark.parametrize("tensor", TENSORS.values(), ids=TENSORS)
def test_any_tensor_arrives_as_it_was_sent(tensor, device):
    def carry():
        if dist.get_rank() == 0:
            return link.send(tensor, 1)
        return link.recv(torch.zeros_like(tensor), 0).detach()

    torch.testing.assert_close(ranks(carry, 2, device)[1], tensor.detach(), rtol=0, atol=0)


def test_receiving_fills_the_tensor_that_was_given():
    def carry():
        x = torch.zeros(3, 2)
        if dist.get_rank() == 0:
            link.send(torch.ones(2), 1)
        else:
            link.recv(x[1], 0)
        return x

    assert ranks(carry, 2)[1].tolist() == [[0, 0], [1, 1], [0, 0]]


def test_messages_of_a_pair_keep_their_order():
    def carry():
        if dist.get_rank() == 0:
            for sending in [link.start_send(torch.tensor([number]), 1) for number in range(20)]:
                sending.wait()
                sending.wait()  # once more does nothing
            return None
        return [link.recv(torch.zeros(1, dtype=torch.int64), 0).item() for _ in range(20)]

    assert ranks(carry, 2)[1] == list(range(20))


@pytest.mark.parametrize("device", [Device(), Device(bandwidth=10e6)], ids=["free", "throttled"])
def test_a_message_that_nobody_waits_for_arrives_all_the_same(device):
    def carry():
        if dist.get_rank() == 0:
            for number in range(3):
                link.start_send(torch.full((100_000,), float(number)), 1)
            return None
        time.sleep(0.2)
        return [link.recv(torch.zeros(100_000), 0)[-1].item() for _ in range(3)]

    assert ranks(carry, 2, device, timeout=20)[1] == [0, 1, 2]


def test_a_message_that_nobody_receives_does_not_keep_the_rank():
    def carry():
        if dist.get_rank() == 0:
            link.start_send(torch.zeros(100_000), 1)

    began = time.monotonic()
    ranks(carry, 2, timeout=20)
    assert time.monotonic() - began < 3


def test_bytes_and_messages_are_counted():
    def ring():
        rank, n = dist.get_rank(), dist.get_world_size()
        x = torch.ones(rank + 1, 10)
        sending = link.start_send(x, (rank + 1) % n)
        link.recv(torch.zeros((rank - 1) % n + 1, 10), (rank - 1) % n)
        sending.wait()
        return link.traffic().messages_sent

    for device in (Device(), Device(latency=1 * MS)):  # a stamp is not payload
        results = ranks(ring, 3, device)
        assert results == [1, 1, 1]
        assert results.traffic == (Traffic(40, 120, 1, 1), Traffic(80, 40, 1, 1), Traffic(120, 80, 1, 1))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_barrier_holds_all_back_and_costs_log2_messages(n):
    def meet():
        time.sleep(0.1 * dist.get_rank())
        arrived = time.monotonic()
        link.barrier()
        return arrived, time.monotonic()

    results = ranks(meet, n)
    assert min(left for _, left in results) >= max(arrived for arrived, _ in results)
    messages = math.ceil(math.log2(n))
    assert results.traffic == (Traffic(0, 0, messages, messages),) * n


def longest(work, n, device) -> float:
    """From the first rank's start to the last one's end [s]; the best of three: others use the machine too."""

    def measured():
        link.barrier()
        began = time.monotonic()
        work()
        return began, time.monotonic()

    runs = [ranks(measured, n, device) for _ in range(3)]
    return min(max(end for _, end in run) - min(began for began, _ in run) for run in runs)


def test_a_round_trip_takes_two_latencies_and_two_transfers():
    def round_trip():
        x = torch.zeros(100_000, dtype=torch.uint8)
        if dist.get_rank() == 0:
            link.send(x, 1)
            link.recv(x, 1)
        else:
            link.recv(x, 0)
            link.send(x, 0)

    expected = 2 * (20 * MS + 100_000 / 1e6)
    assert expected <= longest(round_trip, 2, Device(latency=20 * MS, bandwidth=1e6)) < expected * 1.25


def test_messages_under_way_together_pay_the_latency_once():
    def three():
        for _ in range(3):
            if dist.get_rank() == 0:
                link.send(torch.zeros(50_000, dtype=torch.uint8), 1)
            else:
                link.recv(torch.zeros(50_000, dtype=torch.uint8), 0)

    expected = 50 * MS + 3 * 50_000 / 1e6
    assert expected <= longest(three, 2, Device(latency=50 * MS, bandwidth=1e6)) < expected * 1.25


def test_sending_and_receiving_do_not_slow_each_other_down():
    def exchange():
        x, other = torch.zeros(100_000, dtype=torch.uint8), 1 - dist.get_rank()
        sending = link.start_send(x, other)
        link.recv(torch.zeros_like(x), other)
        sending.wait()

    assert 0.1 <= longest(exchange, 2, Device(bandwidth=1e6)) < 0.15


def test_all_who_send_to_one_share_its_link():
    def gather():
        x = torch.zeros(100_000, dtype=torch.uint8)
        if dist.get_rank():
            return link.send(x, 0)
        return [link.recv(x, source) for source in (1, 2, 3)] and None

    assert 0.3 <= longest(gather, 4, Device(bandwidth=1e6)) < 0.4


@pytest.mark.parametrize("call", [link.rank, link.size, link.barrier, lambda: link.send(torch.ones(1), 0)])
def test_outside_of_ranks_a_sentence_says_where_it_belongs(call):
    with pytest.raises(WrongUse, match="This process is no rank"):
        call()


@pytest.mark.parametrize("other", [0, 2, -1, True, 1.0, None])
def test_nobody_of_that_number(other):
    def program():
        if link.rank() == 0:
            with pytest.raises(WrongUse, match="is no rank that rank 0 of 2 can talk to"):
                link.send(torch.ones(1), other)
            with pytest.raises(WrongUse, match="is no rank that rank 0 of 2 can talk to"):
                link.recv(torch.ones(1), other)
        return True

    assert ranks(program, 2) == [True, True]
