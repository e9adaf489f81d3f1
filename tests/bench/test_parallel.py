"""The bench of ranks: a wrong sum, a wasted byte, state held twice or a slower step would be seen in its figures."""

import json

import pytest
from typer.testing import CliRunner

from labkit.bench import parallel
from labkit.bench.parallel import ring, start, throttled, zero
from labkit.cli import app
from labkit.parallel import Device, RankFailed
from labkit.parallel.collectives import tree_all_reduce
from labkit.parallel.hardware import network
from tests.needs import needs_own_network

CASE = throttled.Case(n=4, link=Device(bandwidth=4e6, latency=5e-3), compute=0.05, size=80_000)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(ring, "ELEMENTS", 40_000)
    monkeypatch.setattr(ring, "ROUNDS", 3)
    monkeypatch.setattr(ring, "LINK", Device(bandwidth=4e6))
    monkeypatch.setattr(throttled, "STEPS", 5)
    monkeypatch.setattr(throttled, "CASES", (CASE,))
    monkeypatch.setattr(start, "RUNS", 2)


@pytest.fixture
def _namespaces():
    needs_own_network()


@pytest.mark.usefixtures("_namespaces")
def test_both_all_reduces_are_as_slow_as_the_link_makes_them():
    ratio, rows = ring.against_gloo()
    assert ratio > 0
    assert [row["name"] for row in rows] == ["gloo", "ring"]
    assert all(row["over_bandwidth_bound"] > 1 for row in rows)


@pytest.mark.usefixtures("_namespaces")
def test_an_all_reduce_that_sums_nothing_is_not_counted_as_a_quick_one(monkeypatch):
    monkeypatch.setitem(ring.CALLS, "ring", lambda x: x)
    with pytest.raises(RankFailed, match="An all-reduce gave a wrong sum"):
        ring.against_gloo()


def test_without_a_network_of_their_own_there_is_no_ratio_but_a_reason(monkeypatch):
    monkeypatch.setattr(network, "why_not", lambda: "It needs Linux.")
    assert ring.against_gloo() == (None, [{"reason": "It needs Linux."}])


def test_wasted_bytes_are_counted(monkeypatch):
    assert ring.bytes_over_bound()[0] == 1
    monkeypatch.setattr(ring, "ring_all_reduce", tree_all_reduce)
    over, rows = ring.bytes_over_bound()
    assert [row["bytes"] for row in rows] == [160_000, 2 * 160_000, 3 * 160_000]  # the root's ceil(log2 n) copies
    assert over == pytest.approx(3 / (2 * 7 / 8))


def test_state_that_is_not_sharded_is_an_error(monkeypatch):
    assert zero.bytes_error()[0] < 0.01
    monkeypatch.setattr(zero, "STAGES", {2: zero.Stage1})
    error, rows = zero.bytes_error()
    assert error == pytest.approx((8 + 8 / 4) / (4 + 12 / 4) - 1, rel=0.01)
    assert [row["ranks"] for row in rows] == [2, 3, 4]


def test_a_step_is_predicted_from_its_parts():
    assert CASE.predicted_s == pytest.approx(0.05 + 6 * (0.005 + 0.005))
    error, (row,) = throttled.error()
    assert error == row["error"] == pytest.approx(abs(row["seconds"] / row["predicted_s"] - 1))
    assert error < 0.25


def test_a_step_that_takes_longer_than_its_parts_is_an_error(monkeypatch):
    monkeypatch.setattr(throttled, "ring_all_reduce", tree_all_reduce)
    assert throttled.error()[0] > (0.05 + 4 * (0.005 + 0.02)) / CASE.predicted_s - 1 - 0.05


def test_every_start_is_a_row():
    seconds, rows = start.seconds()
    assert [row["ranks"] for row in rows] == [4, 4]
    assert min(row["seconds"] for row in rows) <= seconds <= max(row["seconds"] for row in rows)


def test_the_command_gives_one_figure_a_part(monkeypatch):
    monkeypatch.setattr(network, "why_not", lambda: "It needs Linux.")
    result = json.loads(CliRunner().invoke(app, ["bench", "parallel", "--json"]).stdout)
    assert set(result["summary"]) == set(parallel.PARTS) == {row["part"] for row in result["rows"]}
    assert result["summary"]["ring_vs_gloo"] is None
    assert result["rows"][0] == {"part": "ring_vs_gloo", "reason": "It needs Linux."}
