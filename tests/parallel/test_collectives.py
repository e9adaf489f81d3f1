"""Collectives: the values of torch's own, the bits of one another, and no byte or message more than was said."""

import itertools
import time
from dataclasses import astuple

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from labkit.errors import WrongUse
from labkit.parallel import Device, collectives, link, ranks
from labkit.parallel.collectives import Move, shards, steps
from labkit.parallel.me import Traffic

ALL_REDUCES = {
    "naive": collectives.naive_all_reduce,
    "tree": collectives.tree_all_reduce,
    "ring": collectives.ring_all_reduce,
}
LENGTHS = [0, 1, 2, 3, 5, 12, 1001]
TYPES = [torch.float64, torch.float16, torch.bfloat16, torch.int64]
CASES = [(length, torch.float32) for length in LENGTHS] + [(7, dtype) for dtype in TYPES]
SIZES = [1, 2, 3, 4, 5]


def whole_numbers(length: int, dtype: torch.dtype) -> Tensor:
    """Other ones on every rank, and so small that any order of adding them is exact in every type."""
    return ((torch.arange(length) * 7 + dist.get_rank() * 5) % 23 - 11).to(dtype)


def fractions(length: int) -> Tensor:
    """Other ones on every rank, of sizes so far apart that the order of adding shows in the last bits."""
    generator = torch.Generator().manual_seed(dist.get_rank())
    return torch.randn(length, generator=generator) * 10.0 ** torch.randint(-4, 5, (length,), generator=generator)


def equal(x: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(x, expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("length", "n", "sizes"),
    [(8, 4, [2, 2, 2, 2]), (7, 3, [3, 2, 2]), (2, 4, [1, 1, 0, 0]), (0, 2, [0, 0]), (5, 1, [5])],
)
def test_shards_are_contiguous_and_differ_by_at_most_one(length, n, sizes):
    pieces = shards(length, n)
    assert [piece.stop - piece.start for piece in pieces] == sizes
    assert [number for piece in pieces for number in range(length)[piece]] == list(range(length))


@pytest.mark.parametrize(("length", "n"), [(-1, 2), (3, 0)])
def test_shards_of_nothing_are_refused(length, n):
    with pytest.raises(WrongUse, match="at least one rank"):
        shards(length, n)


@pytest.mark.parametrize("n", SIZES)
def test_the_plan_gathers_every_sum_and_brings_it_to_every_rank(n):
    """No process: held[rank][shard] is whose addends it holds. Adding one twice would be seen."""
    held = [[[rank] for _ in range(n)] for rank in range(n)]
    for step in range(2 * (n - 1)):
        moves = [move for move in steps(n) if move.step == step]
        assert sorted(move.source for move in moves) == sorted(move.to for move in moves) == list(range(n))
        carried = [list(held[move.source][move.shard]) for move in moves]
        for move, addends in zip(moves, carried, strict=True):
            assert move.kind == ("reduce" if step < n - 1 else "gather")
            held[move.to][move.shard] = addends + (held[move.to][move.shard] if move.kind == "reduce" else [])
        if step == n - 2:  # the reduce-scatter is over
            assert all(sorted(held[rank][rank]) == list(range(n)) for rank in range(n))
    assert all(sorted(shard) == list(range(n)) for rank in held for shard in rank)


def test_the_plan_of_two():
    assert steps(1) == []
    assert steps(2) == [
        Move(0, 0, 1, 1, "reduce"),
        Move(0, 1, 0, 0, "reduce"),
        Move(1, 0, 1, 0, "gather"),
        Move(1, 1, 0, 1, "gather"),
    ]


@pytest.mark.parametrize("n", SIZES)
def test_all_reduces_give_torchs_values_for_every_length_and_type(n):
    def check():
        for length, dtype in CASES:
            expected = whole_numbers(length, dtype)
            if length:
                dist.all_reduce(expected)
            for all_reduce in ALL_REDUCES.values():
                x = whole_numbers(length, dtype)
                assert all_reduce(x) is x
                equal(x, expected)

    ranks(check, n)


@pytest.mark.parametrize("n", [3, 4])
@pytest.mark.parametrize("all_reduce", ALL_REDUCES.values(), ids=ALL_REDUCES)
def test_all_ranks_end_with_the_same_bits_near_the_true_sum(all_reduce, n):
    def both():
        x = fractions(1001)
        return all_reduce(x.clone()), x

    results = ranks(both, n)
    true = sum(x.double() for _, x in results)
    size = sum(x.double().abs() for _, x in results)
    for found, _ in results:
        equal(found, results[0][0])
        assert ((found - true).abs() <= n * torch.finfo(torch.float32).eps * size).all()


@pytest.mark.parametrize("all_reduce", ALL_REDUCES.values(), ids=ALL_REDUCES)
def test_any_shape_is_reduced_where_it_lies(all_reduce):
    def check():
        scalar = torch.tensor(2.0)
        table = torch.full((4, 3, 2), dist.get_rank() + 1.0)
        gradient = torch.ones(5, requires_grad=True)
        all_reduce(scalar), all_reduce(table[1:3]), all_reduce(gradient)
        return scalar, table, gradient.detach()

    for rank, (scalar, table, gradient) in enumerate(ranks(check, 3)):
        assert scalar.item() == 6
        assert table[1:3].eq(6).all()
        assert table[[0, 3]].eq(rank + 1).all()
        assert gradient.tolist() == [3] * 5


@pytest.mark.parametrize("n", [1, 3, 4])
def test_reduce_scatter_leaves_each_rank_the_sum_of_its_shard(n):
    def check():
        for length in LENGTHS:
            x, total = whole_numbers(length, torch.float32), whole_numbers(length, torch.float32)
            if length:
                dist.all_reduce(total)
            mine = shards(length, n)[dist.get_rank()]
            found = collectives.reduce_scatter(x)
            equal(found, total[mine])
            equal(x[mine], total[mine])
            assert found.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()

    ranks(check, n)


@pytest.mark.parametrize("n", [1, 3, 4])
def test_all_gather_brings_every_shard_to_every_rank(n):
    def check():
        for length in LENGTHS:
            x = torch.full((length,), -1)
            mine = shards(length, n)[dist.get_rank()]
            x[mine] = torch.arange(length)[mine]
            assert collectives.all_gather(x) is x
            equal(x, torch.arange(length))

    ranks(check, n)


@pytest.mark.parametrize("n", [1, 3, 4])
def test_broadcast_and_reduce_work_from_and_to_every_root(n):
    def check():
        for root in range(n):
            x = whole_numbers(7, torch.float32)
            expected = ((torch.arange(7) * 7 + root * 5) % 23 - 11).float()
            assert collectives.broadcast(x, root) is x
            equal(x, expected)
            x, total = whole_numbers(7, torch.float32), whole_numbers(7, torch.float32)
            dist.all_reduce(total)
            assert collectives.reduce(x, root) is x
            if dist.get_rank() == root:
                equal(x, total)

    ranks(check, n)


@pytest.mark.parametrize("name", ["broadcast", "tree", "naive"])
def test_what_does_not_lie_in_one_piece_is_copied_where_the_whole_travels(name):
    call = collectives.broadcast if name == "broadcast" else ALL_REDUCES[name]

    def check():
        return call((torch.arange(6).reshape(2, 3) + dist.get_rank()).T)

    expected = torch.arange(6).reshape(2, 3).T
    for found in ranks(check, 3):
        equal(found, expected if name == "broadcast" else 3 * expected + 3)


@pytest.mark.parametrize("name", ["reduce_scatter", "all_gather", "ring_all_reduce"])
def test_the_ring_refuses_what_does_not_lie_in_one_piece(name):
    def refuse():
        with pytest.raises(WrongUse, match=r"of shape \(3, 2\), does not\. Call it on x\.contiguous\(\)"):
            getattr(collectives, name)(torch.zeros(2, 3).T)

    assert ranks(refuse, 2).traffic == (Traffic(), Traffic())


def test_a_root_that_is_no_rank_is_refused():
    def refuse():
        for call, root in itertools.product((collectives.broadcast, collectives.reduce), (2, -1, 1.0, True)):
            with pytest.raises(WrongUse, match=r"root=.* is none of the 2 ranks: it is a whole number from 0 to 1"):
                call(torch.zeros(1), root)

    ranks(refuse, 2)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_ring_moves_every_byte_of_the_bound_and_no_other(n):
    """A rank sends all shards but its own in the first half, all but its right neighbour's in the second."""

    def moved(length: int) -> Traffic:
        before = astuple(link.traffic())
        collectives.ring_all_reduce(torch.ones(length))
        return Traffic(*(now - then for now, then in zip(astuple(link.traffic()), before, strict=True)))

    lengths = (24, 1001, 2)
    for rank, each in enumerate(ranks(lambda: [moved(length) for length in lengths], n)):
        assert each[0].bytes_sent == 2 * (n - 1) * 4 * 24 // n
        for length, traffic in zip(lengths, each, strict=True):
            size = [4 * (piece.stop - piece.start) for piece in shards(length, n)]
            sent = 2 * 4 * length - size[rank] - size[(rank + 1) % n]
            received = 2 * 4 * length - size[rank - 1] - size[rank]
            assert traffic == Traffic(sent, received, 2 * (n - 1), 2 * (n - 1))


@pytest.mark.parametrize("name", ["reduce_scatter", "all_gather"])
@pytest.mark.parametrize("n", [1, 3])
def test_each_half_moves_half(name, n):
    results = ranks(lambda: getattr(collectives, name)(torch.ones(24)), n)
    half = (n - 1) * 4 * 24 // n
    assert results.traffic == (Traffic(half, half, n - 1, n - 1),) * n


@pytest.mark.parametrize("n", [1, 4, 5])
def test_the_tree_and_the_naive_way_move_all_of_it_every_time(n):
    """Each of n - 1 ranks has one edge up the tree: 2 (n - 1) messages of S bytes altogether, either way."""
    found = {}
    for name in ("tree", "naive"):
        found[name] = ranks(lambda name=name: ALL_REDUCES[name](torch.ones(6)), n).traffic
        assert sum(traffic.messages_sent for traffic in found[name]) == 2 * (n - 1)
        assert sum(traffic.bytes_sent for traffic in found[name]) == 2 * (n - 1) * 24
    assert found["naive"][0].messages_sent == n - 1
    assert found["tree"][0].messages_sent == (n - 1).bit_length()


def test_in_the_ring_each_rank_talks_to_its_neighbours_alone():
    timeline = ranks(lambda: collectives.ring_all_reduce(torch.ones(8)), 4, timeline=True).timeline
    for rank in range(4):
        events = [event for event in timeline.events if event.rank == rank]
        assert {event.name for event in events if event.kind == "send"} == {f"to {(rank + 1) % 4}"}
        assert {event.name for event in events if event.kind == "wait"} == {f"from {(rank - 1) % 4}"}


COSTS = {  # alpha-beta model, four ranks
    "tree": lambda alpha, beta: 2 * 2 * (alpha + beta),
    "ring": lambda alpha, beta: 2 * 3 * (alpha + beta / 4),
}


@pytest.mark.parametrize("name", ["tree", "ring"])
def test_on_a_throttled_link_it_takes_what_the_model_says(name):
    alpha, beta = 0.01, 0.08

    def reduce():
        x = torch.ones(20_000)
        link.barrier()
        began = time.monotonic()
        ALL_REDUCES[name](x)
        return began, time.monotonic()

    began, ended = zip(*ranks(reduce, 4, Device(bandwidth=80_000 / beta, latency=alpha)), strict=True)
    ideal = COSTS[name](alpha, beta)
    assert 0.99 * ideal <= max(ended) - min(began) < 1.5 * ideal
