"""The plan is refused where it is wrong, and carried out where it is right."""

import dataclasses
import sys
import time

import pytest
import torch
import torch.distributed as dist

from labkit.errors import WrongUse
from labkit.parallel import Device, RankFailed, compute, link, ranks, step

MB = 1_000_000
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="Only Linux limits a process's memory.")


@pytest.mark.parametrize(
    "wrong", [{"memory": 0}, {"latency": -1}, {"bandwidth": 0}, {"compute": -1}, {"slow": 0.5}, {"slow": float("nan")}]
)
def test_a_device_that_there_cannot_be(wrong):
    with pytest.raises(WrongUse, match=next(iter(wrong))):
        Device(**wrong)


def test_a_device_is_data():
    assert dataclasses.replace(Device(latency=1), slow=2) == Device(latency=1, slow=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Device().slow = 3


def test_one_device_a_rank():
    assert ranks(lambda: dist.get_world_size(), hardware=[Device(), Device(slow=2)]) == [2, 2]
    with pytest.raises(WrongUse, match="`hardware` has 3 devices for 2 ranks"):
        ranks(lambda: None, 2, [Device()] * 3)
    with pytest.raises(WrongUse, match="a list with one Device a rank"):
        ranks(lambda: None, 2, ["fast", "slow"])


@needs_linux
def test_a_rank_without_memory_says_so():
    def allocate():
        kept = []
        for _ in range(10):
            kept.append(torch.ones(25 * MB // 4))
        return len(kept)

    with pytest.raises(RankFailed) as failure:
        ranks(allocate, hardware=[Device(), Device(memory=100 * MB)])
    assert failure.value.reason == (
        "rank 1 is out of memory: it asked for 25.0 MB more, and its device has 100.0 MB in all."
    )
    assert "kept.append(torch.ones(25 * MB // 4))" in failure.value.frames
    assert ranks(allocate, 1, Device(memory=400 * MB)) == [10]


@needs_linux
def test_python_is_limited_too():
    with pytest.raises(RankFailed, match="rank 0 is out of memory: it asked for more, and its device has 50"):
        ranks(lambda: len(bytearray(200 * MB)), 1, Device(memory=50 * MB))


def test_compute_takes_the_time_of_the_device():
    def work():
        times = []
        for seconds in (None, 0.1):
            began = time.monotonic()
            with compute("forward", seconds):
                pass
            times.append(time.monotonic() - began)
        return times

    plain, paced, slow = ranks(work, hardware=[Device(), Device(compute=0.05), Device(compute=0.05, slow=3)])
    for found, expected in zip(plain + paced + slow, [0, 0.1, 0.05, 0.1, 0.15, 0.3], strict=True):
        assert expected <= found < expected + 0.1


def test_real_work_is_stretched_on_a_slow_device():
    def work():
        began = time.monotonic()
        with compute("sleep"):
            time.sleep(0.1)
        return time.monotonic() - began

    quick, slow = ranks(work, hardware=[Device(), Device(slow=2)])
    assert 0.1 <= quick < 0.2 <= slow < 0.35


def test_a_rank_dies_at_its_step():
    def train():
        for number in range(5):
            step(number)
            print("step", number)
            link.barrier()

    with pytest.raises(RankFailed, match=r"rank 1 was killed \(signal 9\)"):
        ranks(train, hardware=[Device(), Device(dies_at=3)])
    ranks(train, hardware=[Device(), Device(dies_at=5)])


def test_a_rank_that_dies_has_done_the_steps_before(capsys):
    def train():
        for number in range(5):
            step(number)
            print("step", number)

    with pytest.raises(RankFailed):
        ranks(train, 1, Device(dies_at=2))
    assert capsys.readouterr().out.splitlines() == ["[rank 0] step 0", "[rank 0] step 1"]
