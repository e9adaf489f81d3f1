"""The bench of servers: what is measured is what is said, and a server that refuses is not counted as a quick one."""

import contextlib

import pytest

from labkit.bench.serving import rounds
from labkit.bench.serving.rounds import Rounds
from labkit.bench.serving.server import OURS, Contestant, started
from tests.needs import needs_compiler
from tests.serving.cpp.conftest import write_model


def test_a_ratio_is_taken_within_a_round_and_its_median_over_the_rounds():
    rows = [
        {"server": name, "round": turn, "requests_per_cpu_s": value}
        for turn, pair in enumerate([(8, 2), (100, 10), (30, 5)])
        for name, value in zip(("ours", "theirs"), pair, strict=True)
    ]
    assert Rounds(rows).ratio("ours", "theirs") == 6


def test_a_server_that_refuses_is_no_measurement(tmp_path, monkeypatch):
    """The request is the classifier's, and this model takes three numbers: every answer is a 400."""
    needs_compiler()
    write_model(tmp_path)
    monkeypatch.setattr(rounds.shop, "request", lambda model: b"{}")
    contestant = Contestant(OURS, "virtual")
    with started(contestant, tmp_path, "tiny") as server, pytest.raises(RuntimeError, match="failed"):
        rounds.stretch(server, "tiny", seconds=0.3)


def test_the_processor_time_is_that_of_the_servers_processes(tmp_path):
    needs_compiler()
    write_model(tmp_path)
    with contextlib.ExitStack() as stack:
        busy, idle = (stack.enter_context(started(Contestant(OURS, "virtual"), tmp_path, "tiny")) for _ in range(2))
        before = busy.cpu_seconds(), idle.cpu_seconds()
        body = b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 0, 0]}]}'
        result = rounds.closed_loop(busy.url, seconds=1, body=body, path="/v2/models/tiny/infer")
        used = busy.cpu_seconds() - before[0], idle.cpu_seconds() - before[1]
    assert result.ok > 0
    assert used[0] > used[1]
