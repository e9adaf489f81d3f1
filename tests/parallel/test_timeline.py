"""What each rank did: noted, saved for Perfetto, drawn."""

import json
import time

import pytest
import torch
import torch.distributed as dist

from labkit.notebook import NotQuite
from labkit.parallel import Device, Timeline, compute, link, ranks, step
from labkit.parallel.timeline import Event


def pipeline():
    x = torch.zeros(1000)
    step(0)
    if dist.get_rank() == 0:
        with compute("forward", 0.05):
            pass
        link.send(x, 1)
    else:
        link.recv(x, 0)
        with compute("forward", 0.05):
            pass


@pytest.fixture(scope="module")
def timeline():
    return ranks(pipeline, 2, timeline=True).timeline


def test_without_being_asked_there_is_none():
    assert ranks(pipeline, 2).timeline is None


def test_it_holds_what_the_ranks_did(timeline):
    found = [(event.rank, event.kind, event.name, event.size) for event in timeline.events if event.kind != "step"]
    assert sorted(found) == [
        (0, "compute", "forward", 0),
        (0, "send", "to 1", 4000),
        (1, "compute", "forward", 0),
        (1, "wait", "from 0", 4000),
    ]
    assert timeline.events[0].start == 0
    assert all(event.start <= event.end for event in timeline.events)
    assert 0.1 <= timeline.seconds("compute") < 0.3
    assert 0.05 <= timeline.seconds("compute", rank=1) < 0.15


def test_what_follows_from_a_message_comes_after_it(timeline):
    by_name = {(event.rank, event.kind): event for event in timeline.events}
    assert by_name[1, "wait"].end >= by_name[0, "send"].start >= by_name[0, "compute"].end
    assert by_name[1, "compute"].start >= by_name[1, "wait"].end


def test_noting_costs_little():
    def note():
        took = []
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(1000):
                with compute("nothing"):
                    pass
            took.append(time.perf_counter() - began)
        return min(took) / 1000

    assert ranks(note, 1, timeline=True)[0] < 50e-6


def test_the_file_is_a_trace_that_perfetto_opens(timeline, tmp_path):
    trace = json.loads(timeline.save(tmp_path / "trace.json").read_text())
    names = [event for event in trace["traceEvents"] if event["ph"] == "M"]
    spans = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert [(name["pid"], name["args"]["name"]) for name in names] == [(0, "rank 0"), (1, "rank 1")]
    assert len(spans) == len(timeline.events)
    for span, event in zip(spans, timeline.events, strict=True):
        assert (span["pid"], span["cat"], span["name"]) == (event.rank, event.kind, event.name)
        assert span["dur"] == pytest.approx(1e6 * (event.end - event.start))
        assert span["args"]["bytes"] == event.size


def test_it_is_drawn_as_a_row_a_rank(timeline, capsys):
    timeline.draw("Rank 1 waits for rank 0.")
    assert "Figure (throttled): Rank 1 waits for rank 0." in capsys.readouterr().out


def test_nothing_is_not_drawn():
    with pytest.raises(NotQuite, match="nothing to draw"):
        Timeline((), 2).draw("An empty title.")


def test_times_begin_at_the_first_event():
    noted = [[Event(0, "compute", "a", 12.0, 13.0)], [Event(1, "wait", "b", 10.0, 12.5, 8)]]
    assert Timeline.of(noted).events == (Event(1, "wait", "b", 0.0, 2.5, 8), Event(0, "compute", "a", 2.0, 3.0))


def test_a_throttled_run_shows_the_link():
    found = ranks(pipeline, 2, Device(bandwidth=40_000), timeline=True).timeline
    by_name = {(event.rank, event.kind): event for event in found.events}
    assert found.seconds("send", 0) >= 0.1
    assert by_name[1, "wait"].end - by_name[0, "send"].start >= 0.1
