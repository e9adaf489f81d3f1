import asyncio
import sys

import pytest

from labkit.serving.load import schedule as room
from labkit.serving.load.alarm import FileAlarm, LoopAlarm, alarm
from labkit.serving.load.connection import clock
from labkit.serving.load.schedule import BATCH, Schedule


@pytest.fixture(params=[alarm, LoopAlarm], ids=["best", "loop"])
def made(request, monkeypatch):
    """With each kind of alarm: the better one is not to be had everywhere."""
    monkeypatch.setattr(room, "alarm", request.param)


def run(gaps: list[float], length: float, late_start: float = 0.0) -> tuple[list, list, list]:
    """(wanted moments, moments acted for, clock at each) of a schedule that begins now."""

    async def main():
        start = clock() - late_start
        moments = [start + gap for gap in gaps]
        acted, at = [], []

        def act(moment: float) -> None:
            acted.append(moment)
            at.append(clock())

        with Schedule(iter(moments), start + length, act) as made:
            while not made.done:
                await asyncio.sleep(0.001)
            assert len(made.late) == len(acted)
            assert min(made.late) >= 0
            p50, p99 = made.lateness()
            assert min(made.late) <= p50 <= p99 <= max(made.late)
            made.forget()
            assert made.lateness() == (0, 0)
        return moments, acted, at

    return asyncio.run(main())


@pytest.mark.usefixtures("made")
def test_every_moment_has_its_turn_and_none_is_early():
    moments, acted, at = run([0.01, 0.011, 0.0111, 0.03, 0.031, 9], length=0.05)
    assert acted == moments[:5]
    assert all(now >= moment for now, moment in zip(at, acted, strict=True))


@pytest.mark.usefixtures("made")
def test_a_client_that_is_behind_catches_up_and_owns_up():
    n = 5 * BATCH
    moments, acted, at = run([i * 1e-4 for i in range(n)] + [9], length=1, late_start=0.5)
    assert acted == moments[:n]
    assert at[0] - acted[0] >= 0.5


def test_the_loop_has_its_turn_while_a_backlog_is_worked_off():
    async def main() -> int:
        start, count, seen = clock() - 1, 0, []

        def act(moment: float) -> None:
            nonlocal count
            count += 1

        moments = iter([start + i * 1e-5 for i in range(20 * BATCH)] + [start + 9])
        with Schedule(moments, start + 5, act) as made:
            while not made.done:
                seen.append(count)
                await asyncio.sleep(0)
        return len(set(seen))

    assert asyncio.run(main()) > 5


def test_linux_has_the_better_alarm(monkeypatch):
    async def kind():
        made = alarm(lambda: None)
        made.close()
        return type(made)

    if sys.platform == "linux":
        assert asyncio.run(kind()) is FileAlarm
    monkeypatch.setattr("sys.platform", "darwin")
    assert asyncio.run(kind()) is LoopAlarm


def test_an_alarm_can_be_put_off():
    async def main() -> list[float]:
        rung = []
        made = alarm(lambda: (rung.append(clock()), made.set(None)))
        first = clock() + 0.01
        made.set(first)
        made.set(first + 0.04)
        await asyncio.sleep(0.2)
        made.close()
        return [now - first for now in rung]

    (after,) = asyncio.run(main())
    assert after >= 0.04
