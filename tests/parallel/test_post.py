"""The post office: what it delivers, what it counts, and that it sees a deadlock; then ranks that use it."""

import os
import time

import pytest
import torch

from labkit.parallel import link
from labkit.parallel.me import me
from labkit.parallel.post import Deadlock, Failed, Move, Office
from labkit.parallel.posted import packed, run, unpacked


def office(n: int = 2, **more) -> Office:
    return Office([(rank,) for rank in range(n)], **more)


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def test_a_message_arrives_and_frees_its_sender():
    post = office()
    assert post.ask(0, "start", 1, numbers(7)) == []
    assert post.ask(0, "wait", 0) == []
    (receiver, data), (sender, nothing) = post.ask(1, "receive", 0, 4)
    assert (receiver, sender, nothing) == (1, 0, None)
    assert data.tolist() == [7]
    assert post.moves == [Move(1, 0, 1, 4)]
    assert post.steps == 1


def test_who_asks_too_early_is_answered_when_it_comes():
    post = office()
    assert post.ask(1, "receive", 0, 4) == []
    [(rank, data)] = post.ask(0, "start", 1, numbers(7))
    assert (rank, data.tolist()) == (1, [7])


def test_messages_of_one_pair_keep_their_order():
    post = office()
    for value in (1, 2, 3):
        post.ask(0, "start", 1, numbers(value))
    assert [post.ask(1, "receive", 0, 4)[0][1].item() for _ in range(3)] == [1, 2, 3]


def test_a_rank_sends_one_message_a_step_and_receives_one():
    post = office(4)
    for rank in (1, 2, 3):
        post.ask(rank, "start", 0, numbers(1))
    for rank in (1, 2, 3):
        post.ask(0, "receive", rank, 4)
    assert [move.step for move in post.moves] == [1, 2, 3]
    for rank in (1, 2, 3):
        post.ask(0, "start", rank, numbers(1))
    for rank in (3, 2, 1):
        post.ask(rank, "receive", 0, 4)
    assert sorted(move.step for move in post.moves) == [1, 2, 3, 4, 5, 6]


def test_two_pairs_do_not_wait_for_each_other():
    post = office(4)
    for source, to in ((0, 1), (2, 3)):
        post.ask(source, "start", to, numbers(1))
        post.ask(to, "receive", source, 4)
    assert post.steps == 1


def test_an_empty_message_has_no_bytes():
    post = office()
    post.ask(0, "start", 1, None)
    assert post.ask(1, "receive", 0, 0) == [(1, None)]
    assert (post.bytes_sent(0), post.messages_sent(0)) == (0, 1)


def test_a_deadlock_is_seen_at_once():
    post = office(3)
    post.ask(2, "done", None)
    post.ask(0, "start", 1, numbers(1))
    post.ask(0, "wait", 0)
    post.ask(1, "start", 2, numbers(1))
    with pytest.raises(Deadlock, match="rank 0 sends to rank 1; rank 1 sends to rank 2; rank 2 has ended"):
        post.ask(1, "wait", 0)


def test_what_nobody_received_is_known():
    post = office()
    post.ask(0, "start", 1, numbers(1))
    assert [(one.source, one.to) for one in post.undelivered()] == [(0, 1)]


@pytest.mark.parametrize("requests", [[None], [(0,)], ["x"], [{}], [[]], 3 * [("a",)]])
def test_requests_that_are_none(requests):
    with pytest.raises(Failed, match="asks for what there is not"):
        office().ask_all(requests)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.float8_e5m2])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)])
def test_a_tensor_arrives_as_it_was(dtype, shape):
    tensor = torch.ones(shape).to(dtype)
    found = unpacked(*packed(tensor))
    assert (found.dtype, found.shape) == (dtype, shape)
    assert torch.equal(found.float(), tensor.float())


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ((0, "start", 0, numbers(1)), "sends to rank 0"),
        ((0, "start", 2, numbers(1)), "sends to rank 2"),
        ((0, "start", True, numbers(1)), "what is no rank"),
        ((0, "start", 1, [1.0]), "no tensor"),
        ((0, "start", 1), "what there is not"),
        ((0, "wait", 0), "has not sent"),
        ((0, "receive", 0, 4), "receives from rank 0"),
        ((0, "nonsense"), "what there is not"),
        ((2, "done", None), "rank 2 asks for something, and cannot"),
        ((None, "done", None), "what is no rank asks"),
        ((0, "failed", "rank 0 failed: no idea"), "no idea"),
    ],
)
def test_what_cannot_be_asked(what, says):
    with pytest.raises(Failed, match=says):
        office().ask(*what)


def test_a_message_of_another_size_than_asked_for():
    post = office()
    post.ask(0, "start", 1, numbers(1, 2))
    with pytest.raises(Failed, match="receives 4 bytes, and rank 0 has sent it 8"):
        post.ask(1, "receive", 0, 4)


def test_a_rank_that_waits_asks_for_nothing_else():
    post = office()
    post.ask(0, "receive", 1, 4)
    with pytest.raises(Failed, match="rank 0 asks for something, and cannot"):
        post.ask(0, "done", None)


def around(x: torch.Tensor) -> torch.Tensor:
    """Each rank's tensor to the next."""
    into = torch.empty_like(x)
    return link.sendrecv(x, (link.rank() + 1) % link.size(), into, (link.rank() - 1) % link.size())


def test_ranks_talk_through_it():
    post = Office([(torch.full((3,), float(rank)),) for rank in range(3)])
    run(around, 3, post.ask_all)
    assert [result.tolist() for result in post.results] == [[2, 2, 2], [0, 0, 0], [1, 1, 1]]
    assert [post.bytes_sent(rank) for rank in range(3)] == [12, 12, 12]
    assert post.steps == 1


def test_a_strided_tensor_and_a_barrier():
    def program(x: torch.Tensor) -> list[float]:
        into = torch.zeros(3, 2)
        link.sendrecv(x[:, 0], 1 - link.rank(), into[:, 1], 1 - link.rank())
        link.barrier()
        return into.tolist()

    post = Office([(torch.arange(6.0).reshape(3, 2) + rank,) for rank in range(2)])
    run(program, 2, post.ask_all)
    assert post.results[0] == [[0, 1], [0, 3], [0, 5]]
    assert [post.messages_sent(rank) for rank in range(2)] == [2, 2]


def test_a_deadlock_ends_its_ranks():
    pids: list[int] = []

    def program(number: int) -> None:
        link.send(torch.tensor([os.getpid()]), 1 - number)

    post = office()

    def ask(requests: list[tuple]):
        pids.extend(data[0].item() for _, what, *data in requests if what == "start" for data in [data[1:]])
        return post.ask_all(requests)

    began = time.monotonic()
    with pytest.raises(Deadlock):
        run(program, 2, ask)
    assert time.monotonic() - began < 4
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (lambda number: 1 // number, "rank 0 failed: ZeroDivisionError"),
        (lambda number: os._exit(3), "process ended before"),
        (lambda number: link.send(torch.ones(1), number), "can talk to"),
        (lambda number: lambda: None, "failed"),
    ],
)
def test_a_rank_that_fails(program, says):
    with pytest.raises(Failed, match=says):
        run(program, 2, office().ask_all)


def test_this_process_stays_as_it_was():
    before = me()
    run(lambda number: None, 2, office().ask_all)
    assert me() is before
