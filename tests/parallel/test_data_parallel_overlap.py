"""Buckets that leave while backward goes on: in one order, in one thread, and quicker by what overlaps."""

import contextlib
import threading
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from labkit.errors import WrongUse
from labkit.parallel import Deadlock, Device, RankFailed, link, ranks
from labkit.parallel.data_parallel import Paced, bucketed, buckets, overlapped, training_step
from labkit.parallel.data_parallel.in_order import InOrder


def same(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


# --- buckets, and their order


def weights(*sizes, dtype=torch.float32):
    return [nn.Parameter(torch.zeros(size, dtype=dtype)) for size in sizes]


def test_buckets_hold_the_parameters_last_first():
    parameters = weights(5, 2, 3, 9, 1)
    assert [[len(w) for w in bucket] for bucket in buckets(parameters, 20)] == [[1], [9], [3, 2], [5]]
    assert [len(bucket) for bucket in buckets(iter(parameters), 1 << 20)] == [5]
    assert [len(bucket) for bucket in buckets(parameters, 1)] == [1] * 5
    assert buckets([], 20) == []


def test_a_bucket_has_one_type_of_number():
    parameters = [*weights(1, 1), *weights(1, dtype=torch.float64), *weights(1)]
    assert [len(bucket) for bucket in buckets(parameters, 1000)] == [1, 1, 2]


def test_a_bucket_that_holds_nothing_is_refused():
    with pytest.raises(WrongUse, match="at least 1 byte"):
        buckets(weights(1), 0)


def in_order(*sizes):
    """The parameters, and the sizes of the buckets that left, as they leave."""
    left = []
    parameters = weights(*sizes)
    return parameters, left, InOrder([[w] for w in parameters], lambda bucket: left.append(len(bucket[0])))


def test_a_bucket_that_is_full_waits_for_those_before_it():
    parameters, left, order = in_order(1, 2, 3)
    order.arrived(parameters[1])
    assert left == []
    order.arrived(parameters[0])
    assert left == [1, 2]
    order.arrived(parameters[2])
    assert left == [1, 2, 3]
    order.finish()
    assert left == [1, 2, 3]


def test_at_the_end_the_rest_leaves_too():
    parameters, left, order = in_order(1, 2, 3)
    order.arrived(parameters[2])
    order.finish()
    assert left == [1, 2, 3]


def test_a_bucket_leaves_when_its_last_gradient_arrives():
    parameters, left = weights(1, 1, 1), []
    order = InOrder([parameters], left.append)
    for w in parameters[:2]:
        order.arrived(w)
        assert left == []
    order.arrived(parameters[2])
    assert left == [parameters]


def test_a_second_gradient_is_refused():
    def twice():
        model = nn.Linear(2, 2)
        with overlapped(model):
            model(torch.ones(1, 2)).sum().backward()
            model(torch.ones(1, 2)).sum().backward()

    with pytest.raises(RankFailed, match=r"second gradient.*backward\(\) once"):
        ranks(twice, 2)


# --- overlapped: threads, hooks, failures


def test_nothing_of_a_step_stays_behind():
    """Neither hooks nor threads: a backward pass outside of the context moves nothing."""

    def train():
        model = nn.Linear(2, 2)
        with overlapped(model):
            model(torch.ones(1, 2)).sum().backward()
        with contextlib.suppress(KeyError), overlapped(model):
            raise KeyError
        before = link.traffic().messages_sent
        model(torch.ones(1, 2)).sum().backward()
        for thread in threading.enumerate():
            if "communication" in thread.name:
                thread.join(5)
        left = [thread.name for thread in threading.enumerate() if "communication" in thread.name]
        return link.traffic().messages_sent - before, model.weight._post_accumulate_grad_hooks, left

    for messages, hooks, threads in ranks(train, 2):
        assert messages == 0
        assert not hooks
        assert threads == []


def test_a_rank_that_fails_in_backward_is_named_though_others_wait_for_its_gradients():
    def train():
        model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        if link.rank() == 1:
            model[0].weight.register_hook(lambda gradient: 1 / 0)
        with overlapped(model, bucket_bytes=1):
            model(torch.ones(1, 2)).sum().backward()

    with pytest.raises(RankFailed, match="rank 1 failed: ZeroDivisionError"):
        ranks(train, 3, timeout=20)


def test_large_gradients_are_summed_in_the_thread_of_a_fork():
    """torch's own threads do not survive a fork: a tensor large enough to use them must not hang."""
    torch.randn(1 << 20).exp().sum()  # the parent has used its threads

    def train():
        model = nn.Linear(1 << 10, 1 << 10, bias=False)
        nn.init.ones_(model.weight)
        with overlapped(model):
            (model(torch.ones(1, 1 << 10)).sum() * (link.rank() + 1)).backward()
        return model.weight.grad.unique().tolist()

    assert ranks(train, 2, timeout=60) == [[3.0]] * 2


# --- overlapped: time, under a virtual link

LAYERS, WIDTH, LAYER_SECONDS = 6, 100, 0.05
LINK = Device(bandwidth=WIDTH * WIDTH * 4 / 0.05)  # with 2 ranks, a layer's all-reduce takes as long as its backward


def deep():
    layers = [Paced(nn.Linear(WIDTH, WIDTH, bias=False), 0, LAYER_SECONDS) for _ in range(LAYERS)]
    return nn.Sequential(*layers)


def timeline_of(way):
    def train():
        model = deep()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        batch = torch.ones(2, WIDTH), torch.zeros(2, WIDTH)
        for number in range(2):
            training_step(model, F.mse_loss, batch, optimizer, way, number)
        link.barrier()

    return ranks(train, 2, LINK, timeline=True).timeline


def second_step(timeline, rank=0):
    """The events of one rank in its second step, and how long it took [s]."""
    began = next(e.start for e in timeline.events if e.rank == rank and e.name == "step 1")
    events = [e for e in timeline.events if e.rank == rank and e.start >= began and e.name != "barrier"]
    return events, max(e.end for e in events) - began


@pytest.fixture(scope="module")
def timelines():
    layer = WIDTH * WIDTH * 4
    return {
        "bucketed": timeline_of(partial(bucketed, bucket_bytes=layer)),
        "overlapped": timeline_of(partial(overlapped, bucket_bytes=layer)),
    }


def test_the_overlapped_step_hides_all_but_the_last_bucket(timelines):
    """L layers of t seconds, buckets of t seconds: L t + L t after backward, L t + t while it goes on."""
    (_, after), (_, during) = second_step(timelines["bucketed"]), second_step(timelines["overlapped"])
    whole = LAYERS * LAYER_SECONDS
    assert after >= 2 * whole
    assert during >= whole + LAYER_SECONDS
    assert after - during >= 0.5 * (LAYERS - 1) * LAYER_SECONDS  # all of it on an idle machine


def test_the_timeline_says_so(timelines):
    for way, hidden in (("bucketed", 0), ("overlapped", LAYERS - 1)):
        events, _ = second_step(timelines[way])
        (backward,) = [e for e in events if e.name == "backward"]
        assert [e.name for e in events].count("forward") == 1
        assert backward.end - backward.start >= LAYERS * LAYER_SECONDS
        sends = [e for e in events if e.kind == "send" and e.size]
        assert len(sends) == 2 * LAYERS
        early = [e for e in sends if e.start < backward.end]
        assert len(early) >= hidden if hidden else not early


def test_the_thread_counts_what_it_moves(timelines):
    for way in timelines:
        events, _ = second_step(timelines[way])
        assert sum(e.size for e in events if e.kind == "send") == LAYERS * WIDTH * WIDTH * 4  # 2(n - 1)/n = 1


def test_a_rank_that_computes_does_not_wait(timelines):
    """What the thread receives while the rank computes is no waiting of the rank's, and does not hide its computing."""
    events, _ = second_step(timelines["overlapped"])
    (backward,) = [e for e in events if e.name == "backward"]
    assert not [e for e in events if e.kind == "wait" and e.start < backward.end]
    assert [e.name for e in events if e.kind == "wait"] == ["for the buckets"]
    received = [e for e in events if e.kind == "receive"]
    assert sum(e.size for e in received) == LAYERS * WIDTH * WIDTH * 4


def test_ranks_whose_threads_wait_for_each_other_are_a_deadlock():
    def wrong(x):
        link.recv(x, 1 - link.rank())

    def train():
        model = nn.Linear(2, 2)
        with overlapped(model, all_reduce=wrong):
            model(torch.ones(1, 2)).sum().backward()

    with pytest.raises(Deadlock):
        ranks(train, 2, deadlock=0.6, timeout=20)


def test_a_thread_that_the_link_holds_up_is_no_deadlock():
    def train():
        model = nn.Linear(100, 100)
        with overlapped(model):
            model(torch.ones(1, 100)).sum().backward()
        return True

    slow = Device(bandwidth=100 * 100 * 4 / 2)
    assert ranks(train, 2, slow, deadlock=0.6) == [True] * 2


# --- Paced


def test_a_paced_layer_has_the_gradients_of_the_layer():
    layer = nn.Linear(3, 2).double()
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(Paced(layer, 0, 0), x)
    expected = torch.autograd.grad(layer(x).square().sum(), [x, layer.weight])
    found = torch.autograd.grad(Paced(layer, 0, 0)(x).square().sum(), [x, layer.weight])
    for mine, other in zip(found, expected, strict=True):
        same(mine, other)
