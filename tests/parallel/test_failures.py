"""A rank fails: who it was, of what, in which of the student's own lines, and nothing left running."""

import os
import pickle
import signal
import sys
import time
import types

import psutil
import pytest
import torch
import torch.distributed as dist

from labkit.parallel import Deadlock, Device, RankFailed, RanksTimeout, link, ranks


@pytest.fixture(autouse=True)
def _nothing_is_left():
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def helper(x):
    return x / 0


def test_the_traceback_holds_the_students_frames_alone():
    def divide():
        if dist.get_rank() == 1:
            helper(1)
        dist.barrier()

    with pytest.raises(RankFailed) as failure:
        ranks(divide, 3)
    assert failure.value.rank == 1
    assert failure.value.reason == "rank 1 failed: ZeroDivisionError: division by zero"
    assert "in divide" in failure.value.frames
    assert "return x / 0" in failure.value.frames
    assert "child.py" not in str(failure.value)
    assert failure.value._render_traceback_() == [str(failure.value)]


def test_an_error_inside_torch_ends_at_the_students_line():
    def wrong():
        torch.nn.Linear(3, 4)(torch.ones(2, 5))

    with pytest.raises(RankFailed, match="RuntimeError: mat1 and mat2") as failure:
        ranks(wrong, 1)
    assert "torch.nn.Linear(3, 4)(torch.ones(2, 5))" in failure.value.frames
    assert "site-packages" not in failure.value.frames


def test_a_cause_is_told_too():
    def wrong():
        try:
            helper(1)
        except ZeroDivisionError as error:
            raise ValueError("no mean of nothing") from error

    with pytest.raises(RankFailed, match="ValueError: no mean of nothing") as failure:
        ranks(wrong, 1)
    assert "ZeroDivisionError" in failure.value.frames
    assert "direct cause" in failure.value.frames


def test_a_killed_rank_is_named_and_not_those_who_miss_it():
    def die():
        if dist.get_rank() == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        dist.all_reduce(torch.ones(100_000))

    for _ in range(3):  # the others often complain first
        with pytest.raises(RankFailed) as failure:
            ranks(die, 4)
        assert str(failure.value) == "rank 2 was killed (signal 9), perhaps for want of memory."


@pytest.mark.parametrize(
    ("leave", "sentence"),
    [
        (lambda: sys.exit(3), r"rank 0 failed: it called sys\.exit\(3\)"),
        (lambda: os._exit(3), r"rank 0 left with exit status 3 before `fn` had returned\."),
        (lambda: os.abort(), r"rank 0 was killed \(signal 6\)"),
    ],
)
def test_a_rank_that_leaves(leave, sentence):
    with pytest.raises(RankFailed, match=sentence):
        ranks(lambda: leave() if dist.get_rank() == 0 else dist.barrier(), 2)


def test_a_result_that_cannot_be_sent_back():
    with pytest.raises(RankFailed) as failure:
        ranks(lambda: lambda: 1, 1)
    assert "rank 0 returns something that cannot be sent back" in str(failure.value)
    assert len(str(failure.value).splitlines()) == 1


class OnlyThere:
    def __reduce__(self):
        return pickle.loads, (b"nonsense",)


def test_a_result_that_only_the_rank_can_read():
    with pytest.raises(RankFailed, match="rank 0 returned something that this process cannot read"):
        ranks(OnlyThere, 1)


def test_what_a_rank_started_is_ended_with_it():
    def start():
        pid = os.fork()
        if pid == 0:
            time.sleep(100)
        print("grandchild", pid)
        helper(1)

    with pytest.raises(RankFailed):
        ranks(start, 1)  # the fixture looks for what is left


def test_two_who_receive_first():
    def both_wait():
        x = torch.ones(1)
        dist.recv(x, 1 - dist.get_rank())

    with pytest.raises(Deadlock) as found:
        ranks(both_wait, 2, deadlock=0.6)
    assert str(found.value).startswith("Deadlock: no byte moved for 0.6 s")
    for rank in range(2):
        assert found.value.waits[rank].endswith("of both_wait: dist.recv(x, 1 - dist.get_rank())")
        assert f"rank {rank} waits in line" in str(found.value)


def test_two_who_send_first():
    def both_send():
        link.send(torch.ones(100_000), 1 - dist.get_rank())

    with pytest.raises(Deadlock, match=r"of both_send: link\.send"):
        ranks(both_send, 2, deadlock=0.6)


def test_an_asynchronous_wait_and_a_rank_that_is_finished():
    def last_waits():
        if dist.get_rank() == 1:
            dist.irecv(torch.ones(1), 0).wait()

    with pytest.raises(Deadlock) as found:
        ranks(last_waits, 2, deadlock=0.6)
    assert found.value.waits[0] == "is finished"
    assert "dist.irecv(torch.ones(1), 0).wait()" in found.value.waits[1]


def test_waiting_for_who_computes_is_no_deadlock():
    def one_computes():
        if dist.get_rank() == 0:
            until = time.monotonic() + 1.2
            while time.monotonic() < until:
                torch.ones(100).sum()
        dist.barrier()

    ranks(one_computes, 2, deadlock=0.4)


def test_a_slow_link_is_no_deadlock():
    def cross():
        if dist.get_rank() == 0:
            return link.send(torch.ones(1), 1)
        return link.recv(torch.zeros(1), 0).item()

    assert ranks(cross, 2, Device(latency=1.2), deadlock=0.4) == [None, 1.0]


def test_a_timeout_says_where_each_rank_is():
    def one_sleeps():
        if dist.get_rank() == 0:
            time.sleep(60)
        dist.barrier()

    began = time.monotonic()
    with pytest.raises(RanksTimeout, match=r"not finished after 0\.8 s") as found:
        ranks(one_sleeps, 2, deadlock=0.3, timeout=0.8)
    assert time.monotonic() - began < 10
    assert "time.sleep(60)" in found.value.waits[0]
    assert "dist.barrier()" in found.value.waits[1]
    assert isinstance(found.value, TimeoutError)


@pytest.mark.parametrize("error", [RankFailed(1, "a", "b"), Deadlock(5, {0: "x"}), RanksTimeout(5, {0: "x"})])
def test_errors_travel(error):
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_a_cell_of_a_notebook_counts_as_the_students_own():
    cell = types.FunctionType(compile("1 / 0", "/tmp/ipykernel_1/2.py", "exec"), {})
    with pytest.raises(RankFailed, match="ipykernel_1"):
        ranks(cell, 1)
