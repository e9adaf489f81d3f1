"""Data parallelism: each step equals the one of a single process with the whole batch, whatever the ways and shards.

The oracle is plain torch on the whole batch, in float64. Ranks start from different seeds, so that a broadcast that is
missing cannot pass.
"""

import dataclasses
from functools import partial

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from labkit.errors import WrongUse
from labkit.parallel import RankFailed, link, ranks
from labkit.parallel.data_parallel import (
    broadcast_parameters,
    bucketed,
    naive,
    overlapped,
    rows_of,
    training_step,
)

SMALL = 300  # bytes: several buckets in each of the models below, of several parameters some of them
WAYS = {
    "naive": naive,
    "bucketed": partial(bucketed, bucket_bytes=SMALL),
    "overlapped": partial(overlapped, bucket_bytes=SMALL),
}
all_ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
STEPS = 3


class Tied(nn.Module):
    """Predicts a token from one token. The output is the embedding; a frozen layer, a buffer, a number of no shape."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 5)
        self.frozen = nn.Linear(5, 5).requires_grad_(False)
        self.inner = nn.Linear(5, 5)
        self.temperature = nn.Parameter(torch.tensor(0.9))
        self.out = nn.Linear(5, 7, bias=False)
        self.out.weight = self.embedding.weight
        self.register_buffer("shift", torch.randn(5))

    def forward(self, x):  # (rows,) -> (rows, 7)
        hidden = torch.tanh(self.frozen(self.embedding(x) + self.shift))
        return self.out(hidden + self.inner(hidden)) * self.temperature


class Experts(nn.Module):
    """Even tokens take one way, odd ones another, and nobody takes the third: no rank knows what another one uses."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(8, 6)
        self.even, self.odd, self.nobody = (nn.Linear(6, 6) for _ in range(3))
        self.out = nn.Linear(6, 8)

    def forward(self, x):  # (rows,) -> (rows, 8)
        hidden = self.embedding(x)
        for remainder, expert in enumerate((self.even, self.odd)):
            chosen = x % 2 == remainder
            if chosen.any():
                hidden = hidden.index_put((chosen,), expert(hidden[chosen]), accumulate=True)
        return self.out(hidden)


def batches(rows, vocabulary):
    generator = torch.Generator().manual_seed(1)
    shape, types = (STEPS, 2, rows), {"generator": generator}
    return [(x, y) for x, y in torch.randint(vocabulary, shape, **types)]


def make(kind):
    model = kind().double()
    return model, torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)


def gradients(model):
    return {
        name: torch.zeros_like(w) if w.grad is None else w.grad.clone()
        for name, w in model.named_parameters()
        if w.requires_grad
    }


def steps_of(kind, start, data, way, micro_batches=1):
    """Of each step: this rank's part of the loss, the gradients and the state."""
    model, optimizer = make(kind)
    model.load_state_dict(start)
    found = []
    for number, batch in enumerate(data):
        part = training_step(model, F.cross_entropy, batch, optimizer, way, number, micro_batches)
        found.append((part, gradients(model), {name: tensor.clone() for name, tensor in model.state_dict().items()}))
    return found


def trained(kind, data, n, micro_batches=1, ways=WAYS):
    """Of each rank: the state that all ways began with, and the steps of each way."""

    def train():
        model, _ = make(kind)
        broadcast_parameters(model)
        start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        return start, {name: steps_of(kind, start, data, way, micro_batches) for name, way in ways.items()}

    return ranks(train, n)


def alone(kind, start, data):
    """The oracle: one process, the whole batch."""
    model, optimizer = make(kind)
    model.load_state_dict(start)
    for x, y in data:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        yield loss.item(), gradients(model), model.state_dict()


def must_be_equal(found, kind, data):
    """Every step of every rank in every way is the oracle's, and all ranks have the same bits."""
    for number, (loss, gradient, state) in enumerate(alone(kind, found[0][0], data)):
        for name in found[0][1]:
            parts, of_ranks, states = zip(*(steps[name][number] for _, steps in found), strict=True)
            assert sum(parts) == pytest.approx(loss, rel=1e-12)
            close(of_ranks[0], gradient, name)
            close(states[0], state, name)
            for rank in range(len(found)):
                same(of_ranks[rank], of_ranks[0], name)
                same(states[rank], states[0], name)


def close(found, expected, name=""):
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-13, msg=lambda sentence: f"{name}: {sentence}")


def same(found, expected, name=""):
    torch.testing.assert_close(found, expected, rtol=0, atol=0, msg=lambda sentence: f"{name}: {sentence}")


# --- the batch


def test_the_rows_of_all_ranks_are_the_batch():
    for length, n in [(0, 1), (1, 3), (7, 3), (12, 4), (13, 4)]:
        rows = list(range(length))
        parts = [rows[rows_of(length, rank, n)] for rank in range(n)]
        assert [row for part in parts for row in part] == rows
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("rank", [-1, 3])
def test_a_rank_that_is_none_has_no_rows(rank):
    with pytest.raises(WrongUse, match="a rank from 0 to 2"):
        rows_of(7, rank, 3)


# --- before the first step


def test_every_rank_begins_with_the_roots_parameters_and_buffers():
    def start():
        model = Tied()
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        broadcast_parameters(model, root=1)
        return before, model.state_dict(), model.out.weight is model.embedding.weight

    found = ranks(start, 3)
    befores, afters, tied = zip(*found, strict=True)
    assert not torch.equal(befores[0]["shift"], befores[1]["shift"])
    for after in afters:
        same(after, befores[1])
    assert all(tied)
    once = sum(w.numel() * w.element_size() for w in [*Tied().parameters(), *Tied().buffers()])
    assert sum(moved.bytes_sent for moved in found.traffic) == 2 * once


def test_without_the_broadcast_the_ranks_stay_different():
    def start():
        return Tied().embedding.weight

    first, second = ranks(start, 2)
    assert not torch.equal(first, second)


# --- each step is the single process's


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_step_is_the_one_of_a_single_process(n):
    data = batches(rows=11, vocabulary=7)  # uneven for 2, 3 and 4
    must_be_equal(trained(Tied, data, n), Tied, data)


@pytest.mark.parametrize("n", [2, 3])
def test_what_a_rank_does_not_use_hangs_nothing(n):
    data = batches(rows=2 * n, vocabulary=8)
    for x, _ in data:
        x[:2] = torch.tensor([0, 2])  # all even: rank 0 never uses the odd ones' expert,
        x[-2:] = torch.tensor([5, 3])  # and the last rank only that
    found = trained(Experts, data, n)
    must_be_equal(found, Experts, data)
    for name in WAYS:
        _, of_rank_0, _ = found[0][1][name][0]
        assert of_rank_0["odd.weight"].abs().sum() > 0
        assert of_rank_0["nobody.weight"].abs().sum() == 0


def test_a_rank_without_rows_takes_part():
    data = batches(rows=2, vocabulary=7)
    must_be_equal(trained(Tied, data, 3), Tied, data)


@pytest.mark.parametrize("micro_batches", [2, 5])
def test_micro_batches_add_up(micro_batches):
    data = batches(rows=7, vocabulary=7)  # 4 and 3 rows: some of 5 micro-batches are empty
    found = trained(Tied, data, 2, micro_batches)
    must_be_equal(found, Tied, data)
    model = Tied().double()
    state = sum(w.numel() * w.element_size() for w in [*model.parameters(), *model.buffers()])
    once = sum(w.numel() * w.element_size() for w in model.parameters() if w.requires_grad)
    assert sum(moved.bytes_sent for moved in found.traffic) == state + len(WAYS) * STEPS * 2 * once


def test_what_only_an_earlier_micro_batch_used_is_not_lost():
    data = [(torch.tensor([0, 2, 4, 6]), torch.tensor([1, 0, 3, 2]))]
    data[0][0][0] = 1  # the odd ones' expert: in the first micro-batch of rank 0, and never again
    must_be_equal(trained(Experts, data, 2, micro_batches=2), Experts, data)


def test_what_is_frozen_later_stays_as_it_is():
    x, y = batches(rows=6, vocabulary=7)[0]

    def train(way):
        model, optimizer = make(Tied)
        broadcast_parameters(model)
        training_step(model, F.cross_entropy, (x, y), optimizer, way, 0)
        model.inner.requires_grad_(False)
        before = model.inner.weight.clone(), model.embedding.weight.clone()
        training_step(model, F.cross_entropy, (x, y), optimizer, way, 1)
        return torch.equal(model.inner.weight, before[0]), torch.equal(model.embedding.weight, before[1])

    assert ranks(lambda: [train(way) for way in WAYS.values()], 2) == [[(True, False)] * 3] * 2


def test_any_all_reduce_fits_in():
    data = batches(rows=5, vocabulary=7)
    of_torch = {name: partial(way, all_reduce=dist.all_reduce) for name, way in WAYS.items()}
    found = trained(Tied, data, 3, ways=of_torch)
    must_be_equal(found, Tied, data)
    model = Tied().double()
    state = sum(w.numel() * w.element_size() for w in [*model.parameters(), *model.buffers()])
    assert sum(moved.bytes_sent for moved in found.traffic) == 2 * state  # nothing but the broadcast uses `link`


def test_types_of_numbers_are_not_mixed():
    def average(way):
        model = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2).double(), nn.Linear(2, 2).bfloat16()])
        for w in model.parameters():
            w.grad = torch.full_like(w, 0.5 * (link.rank() + 1))
        with way(model):
            pass
        return [(w.grad.dtype == w.dtype, w.grad.unique().tolist()) for w in model.parameters()]

    assert ranks(lambda: [average(way) for way in WAYS.values()], 2) == [[[(True, [1.5])] * 6] * 3] * 2


def test_a_gradient_in_another_order_of_memory_is_averaged_too():
    def average(way):
        torch.manual_seed(0)
        model = nn.Conv2d(3, 4, 2).to(memory_format=torch.channels_last)
        model(torch.ones(1, 3, 4, 4)).square().sum().backward()
        mine = model.weight.grad.clone()
        with way(model):
            pass
        return mine.is_contiguous(), mine * 2, model.weight.grad

    for of_rank in ranks(lambda: [average(way) for way in WAYS.values()], 2):
        for contiguous, expected, found in of_rank:
            assert not contiguous
            same(found, expected)


# --- the peer


def of_torch(kind, start, data, n):
    """Losses and gradients of DistributedDataParallel, step by step."""
    model, optimizer = make(kind)
    model.load_state_dict(start)
    parallel = DistributedDataParallel(model, find_unused_parameters=True)
    found = []
    for x, y in data:
        optimizer.zero_grad()
        mine = rows_of(len(x), dist.get_rank(), n)
        loss = F.cross_entropy(parallel(x[mine]), y[mine])
        loss.backward()
        optimizer.step()
        found.append((loss.item(), gradients(model)))
    return found


@pytest.mark.parametrize(("n", "kind"), [(2, Tied), (3, Tied), (4, Tied), (3, Experts)])
def test_with_even_shards_each_step_is_torchs(n, kind):
    data = batches(rows=3 * n, vocabulary=7)
    found = trained(kind, data, n)
    peers = ranks(lambda: of_torch(kind, found[0][0], data, n), n)
    for name in WAYS:
        for number in range(STEPS):
            close(found[0][1][name][number][1], peers[0][number][1], name)
            mean = sum(of_peer[number][0] for of_peer in peers) / n
            assert sum(steps[name][number][0] for _, steps in found) == pytest.approx(mean, rel=1e-12)


def test_with_uneven_shards_torch_has_another_gradient():
    """It divides by n, whatever a rank's rows: here 3 rows count as much as 2."""
    data = batches(rows=5, vocabulary=7)[:1]
    found = trained(Tied, data, 2)
    (_, of_ours, _) = found[0][1]["naive"][0]
    (_, of_peer) = ranks(lambda: of_torch(Tied, found[0][0], data, 2), 2)[0][0]
    (x, y), (model, _) = data[0], make(Tied)
    model.load_state_dict(found[0][0])
    halves = []
    for rank in range(2):
        rows = rows_of(5, rank, 2)
        model.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()
        halves.append(gradients(model)["inner.weight"])
    close(of_peer["inner.weight"], (halves[0] + halves[1]) / 2)
    close(of_ours["inner.weight"], (3 * halves[0] + 2 * halves[1]) / 5)
    assert (of_ours["inner.weight"] - of_peer["inner.weight"]).abs().max() > 1e-3


# --- what is moved


def exchanged(way):
    """What this rank has sent for one exchange of float32 gradients."""
    model, before = Tied(), dataclasses.replace(link.traffic())
    with way(model):
        model(torch.arange(4)).sum().backward()
    return link.traffic().bytes_sent - before.bytes_sent, link.traffic().messages_sent - before.messages_sent


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_every_way_moves_the_least_bytes(n):
    """2(n - 1)/n of the gradients' bytes a rank: all ranks together, 2(n - 1) times. Nothing else."""
    found = ranks(lambda: {name: exchanged(way)[0] for name, way in WAYS.items()}, n)
    gradient_bytes = sum(w.numel() * w.element_size() for w in Tied().parameters() if w.requires_grad)
    for name in WAYS:
        sent = [of_rank[name] for of_rank in found]
        assert sum(sent) == 2 * (n - 1) * gradient_bytes
        uneven = 2 * 4 * 4  # halves of the ring, parameters, bytes: shards differ by one number at most
        assert all(abs(each - sum(sent) / n) <= uneven for each in sent)
    assert [moved.bytes_sent for moved in found.traffic] == [sum(of_rank.values()) for of_rank in found]


def test_fewer_messages_with_buckets():
    two_buckets = partial(overlapped, bucket_bytes=150)
    found = ranks(lambda: [exchanged(way)[1] for way in (naive, bucketed, overlapped, two_buckets)], 3)
    assert found == [[4 * 4, 4, 4, 2 * 4]] * 3  # 4 parameters, 2(n - 1) messages for each all-reduce


@all_ways
def test_an_all_reduce_that_fails_is_named(way):
    def train():
        calls = iter("12345")

        def broken(x):
            if link.rank() == 1:
                if next(calls) == "1":
                    raise ZeroDivisionError("my ring is broken")
                link.recv(x, 0)  # which never comes
            dist.all_reduce(x)

        model = Tied().double()
        with way(model, all_reduce=broken):
            model(torch.arange(4)).sum().backward()

    with pytest.raises(RankFailed, match="rank 1 failed: ZeroDivisionError: my ring is broken"):
        ranks(train, 2, timeout=20)
