import json
import multiprocessing
import time

import pytest

from labkit import bench
from labkit.bench import harness
from labkit.bench.harness import ForeignLoad, Measurement, geometric_mean, interleaved, ratio
from labkit.errors import WrongUse


def spin(seconds):
    def call():
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    return call


class Clock:
    """A clock that only the timed calls move: a busy machine makes no difference."""

    now = 0.0

    def perf_counter(self):
        return self.now

    def takes(self, seconds):
        def call():
            self.now += seconds

        return call


def test_a_ratio_finds_which_of_two_takes_three_times_as_long(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(harness, "time", clock)
    timed = interleaved({"slow": clock.takes(0.003), "quick": clock.takes(0.001)}, rounds=5)
    assert ratio(timed["slow"], timed["quick"]) == pytest.approx(3)
    assert len(timed["slow"].seconds) == 5
    assert timed["slow"].calls * 0.003 >= harness.ROUND_S, "a stretch is long enough for the clock"


def test_the_ratio_is_the_median_of_rounds_not_of_times():
    # One slow round troubles both sides alike, and must not change the ratio.
    assert ratio(Measurement("a", [2.0, 20.0, 2.0], 1), Measurement("b", [1.0, 10.0, 1.0], 1)) == 2.0


def test_the_geometric_mean_of_a_gain_and_its_loss_is_one():
    assert geometric_mean([4.0, 0.25]) == pytest.approx(1.0)


def test_foreign_load_sees_another_process_and_not_this_one():
    with ForeignLoad() as own:
        spin(0.3)()
    other = multiprocessing.get_context("spawn").Process(target=time_burner)
    with ForeignLoad() as foreign:
        other.start()
        time.sleep(2)
        other_alive = other.is_alive()
    other.kill()
    other.join()
    assert other_alive
    assert 0 <= own.share <= 1
    assert foreign.share > 0.1


def time_burner():
    while True:
        pass


def test_an_unknown_bench_is_wrong_use_that_names_those_there_are():
    with pytest.raises(WrongUse, match="engines"):
        bench.run("speed")


def test_the_engines_bench_gives_machine_rows_and_summary():
    result = bench.run("engines")
    assert json.dumps(result, allow_nan=False)
    assert set(result) == {"machine", "rows", "summary"}
    assert [row["images"] for row in result["rows"]] == [1, 32]
    assert result["summary"]["eager_vs_onnxruntime"] > 0
