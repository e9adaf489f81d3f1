"""Both loops against servers that behave, and that do not. Percentiles are read off the histograms: those are kept
whatever this machine is busy with."""

import asyncio
import itertools
import socket
import time

import pytest

from labkit.errors import WrongUse
from labkit.serving.load import closed_loop, open_loop
from labkit.serving.load.arrivals import poisson
from labkit.serving.process import running
from tests.serving.load import servers
from tests.serving.load.servers import answer, serving

OWN = {"body": b"question", "path": "/ask"}


def closed(url: str, connections: int = 4, seconds: float = 0.3, **options):
    return closed_loop(url, connections=connections, seconds=seconds, **{"warmup": 0.05} | OWN | options)


def opened(url: str, rate: float = 200, connections: int = 16, seconds: float = 0.3, **options):
    return open_loop(url, rate, connections=connections, seconds=seconds, **{"warmup": 0.05} | OWN | options)


LOOPS = pytest.mark.parametrize("loop", [closed, opened])


def adds_up(result) -> bool:
    counted = sum(result.statuses.values()) + sum(result.errors.values())
    return result.sent == result.ok + result.failed == counted and result.ok == result.samples


def p99_s(histogram) -> float:
    return histogram.get_value_at_percentile(99) / 1e6


@LOOPS
def test_a_server_that_answers(loop):
    with serving(servers.fine) as server:
        result = loop(server.url)
    assert result.ok > 20
    assert result.failed == 0
    assert result.statuses == {"200": result.ok}
    assert adds_up(result)
    assert result.rate == pytest.approx(result.ok / 0.3, rel=0.3)
    assert set(server.bodies) == {b"question"}
    assert result.client_busy > 0
    assert result.histogram.get_total_count() >= result.samples


def test_the_open_loop_sends_what_arrives_and_nothing_else():
    with serving(servers.fine) as server:
        result = opened(server.url, rate=300, seconds=1, warmup=0, seed=9)
    due = len(list(itertools.takewhile(lambda moment: moment < 1, poisson(300, 9))))
    assert result.sent == result.ok == server.asked == due
    assert server.made == 16


def test_the_warm_up_is_not_counted():
    with serving(servers.fine) as server:
        result = opened(server.url, rate=300, seconds=0.5, warmup=0.5)
    due = list(itertools.takewhile(lambda moment: moment < 1, poisson(300, 0)))
    assert server.asked == len(due)
    assert result.sent == sum(moment >= 0.5 for moment in due)


def test_a_delay_is_measured():
    with serving(servers.after(0.05)) as server:
        result = opened(server.url, rate=50, seconds=1)
    assert result.uncorrected.get_min_value() >= 0.049e6
    assert result.uncorrected.get_value_at_percentile(50) < 0.5e6


def test_a_stall_is_seen_by_those_who_did_not_wait_for_it():
    """Coordinated omission: the open loop sees the stall, the closed loop only where it is corrected."""
    with serving(servers.stalls_once(1.0, after=1.0)) as server:
        independent = opened(server.url, rate=200, connections=8, seconds=4)
    with serving(servers.stalls_once(1.0, after=1.0)) as server:
        waiting = closed(server.url, connections=4, seconds=3)
    assert independent.failed == waiting.failed == 0
    # Eight connections met the stall; everyone else who came in that second stood in a queue behind them.
    assert p99_s(independent.uncorrected) > 0.8
    assert waiting.samples > 1000
    assert p99_s(waiting.uncorrected) < 0.5
    assert p99_s(waiting.histogram) > 0.8
    assert waiting.uncorrected.get_max_value() > 0.95e6


def test_the_queue_for_a_connection_is_a_part_of_the_wait():
    with serving(servers.after(0.01)) as server:
        result = opened(server.url, rate=200, connections=1, seconds=0.5, warmup=0)
    # One connection answers at most 100 a second of the 200 that come: the last has waited as long as they all took.
    assert result.ok == result.sent == server.asked
    assert result.uncorrected.get_max_value() > 0.2e6
    assert result.rate <= 100


@LOOPS
def test_a_refusal_is_counted_by_its_status(loop):
    async def overloaded(server, writer):
        writer.write(answer(200 if server.asked % 3 else 503))

    with serving(overloaded) as server:
        result = loop(server.url)
    assert adds_up(result)
    assert result.statuses["503"] == result.failed
    assert result.failed == pytest.approx(result.sent / 3, rel=0.2)
    assert result.errors == {}


@LOOPS
def test_nothing_but_refusals_leave_no_percentile(loop, judged):
    judged()
    with serving(servers.sends(answer(503))) as server:
        result = loop(server.url)
    assert result.ok == result.rate == 0
    assert result.statuses == {"503": result.sent}
    assert result.p50_ms is result.p99_ms is result.p999_ms is result.max_ms is None
    assert result.why == "No percentiles: nothing was answered."
    assert not result.client_bound


@LOOPS
def test_a_connection_that_is_closed_is_opened_again(loop):
    with serving(servers.closes) as server:
        result = loop(server.url)
    assert result.ok > 20
    assert result.failed == 0
    assert server.made >= server.asked


@LOOPS
def test_a_server_that_hangs_up_is_tried_again(loop):
    with serving(servers.hangs_up) as server:
        result = loop(server.url)
    assert adds_up(result)
    assert result.ok == 0
    assert result.errors == {"connection lost": result.sent}
    assert server.asked > 5


@LOOPS
def test_an_answer_in_two_packets(loop):
    whole = answer()
    with serving(servers.sends(whole[:20], whole[20:])) as server:
        result = loop(server.url)
    assert result.ok > 5
    assert result.failed == 0


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"SSH-2.0-nonsense\r\n\r\n", "bad HTTP: no status line"),
        (answer() + b"more", "bad HTTP: more bytes than promised"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "unsupported HTTP: a body in chunks"),
    ],
)
@LOOPS
def test_bad_http_is_a_failure_with_a_reason(loop, packet, reason):
    with serving(servers.sends(packet)) as server:
        result = loop(server.url)
    assert adds_up(result)
    assert result.errors == {reason: result.failed}
    assert result.failed > 5


@LOOPS
def test_a_server_that_dies(loop):
    with serving(servers.dies(30)) as server:
        result = loop(server.url, seconds=1, warmup=0)
    assert adds_up(result)
    assert 0 < result.ok < 40
    assert result.errors["connection lost"] > 0
    assert result.errors["no connection: connection refused"] > 0


@LOOPS
def test_an_answer_that_never_comes_is_a_failure(loop):
    with serving(servers.silent) as server:
        result = loop(server.url, connections=2, seconds=0.5, timeout=0.2)
    assert adds_up(result)
    assert result.errors == {"timeout": result.sent}
    # Each connection was given up and opened again.
    assert server.made > 2


def test_a_run_ends_although_its_server_does_not_answer():
    began = time.monotonic()
    with serving(servers.silent) as server:
        result = opened(server.url, rate=500, connections=2, timeout=0.5)
    assert result.errors == {"timeout": result.sent}
    assert server.asked < result.sent  # what waited for too long in the queue was never sent
    assert time.monotonic() - began < 10


def test_a_client_that_was_the_bottleneck_has_no_percentiles(judged):
    judged("the client was slow.")
    with serving(servers.fine) as server:
        results = [closed(server.url), opened(server.url)]
    for result in results:
        assert result.client_bound
        assert result.p50_ms is result.p99_ms is result.p999_ms is result.max_ms is result.p99_uncorrected_ms is None
        assert result.ok == result.samples > 0
        assert result.why == "No percentiles: the client was slow."
        assert "No percentiles: the client was slow." in result.as_text()
        assert "p50 -   p99 -   p99.9 -   max -" in result.as_text()


def test_a_rate_that_no_client_can_keep_is_noticed():
    with serving(servers.fine) as server:
        result = opened(server.url, rate=300_000, seconds=0.3, warmup=0, timeout=1)
    assert adds_up(result)
    # Client and server share the lock of one interpreter here: one of them runs, or waits for a core, all the time.
    assert result.client_busy + result.client_starved > 0.9
    assert result.client_bound
    assert result.p99_ms is None


def test_few_samples_have_no_tail(judged):
    judged()
    with serving(servers.fine) as server:
        result = opened(server.url, rate=60, seconds=1)
    assert 2 < result.samples < 100
    assert result.p50_ms > 0
    assert result.max_ms >= result.p50_ms
    assert result.p99_ms is result.p999_ms is None
    assert result.why.startswith("Too few samples for p99 (of 100) and p99.9 (of 1000): there are ")
    assert result.why in result.as_text()


def test_enough_samples_have_all_percentiles(judged):
    judged()
    with serving(servers.fine) as server:
        result = opened(server.url, rate=3000, seconds=0.6)
    assert result.samples > 1000
    assert 0 < result.p50_ms <= result.p99_ms <= result.p999_ms <= result.max_ms
    assert result.p99_uncorrected_ms is None
    assert result.why == ""


def test_the_closed_loop_gives_both_p99s(judged):
    judged()
    with serving(servers.stalls_once(0.3, after=0.5)) as server:
        result = closed(server.url, seconds=1)
    assert result.p99_uncorrected_ms < result.p99_ms
    assert result.p99_ms > 200


def test_they_work_in_a_notebook_where_a_loop_runs_already():
    async def cell(url: str):
        return closed(url)

    with serving(servers.fine) as server:
        assert asyncio.run(cell(server.url)).ok > 20


@pytest.fixture
def nobody():
    """A URL at which nobody listens, and nobody will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@LOOPS
@pytest.mark.parametrize("own", [OWN, {"body": None, "path": None}], ids=["own", "model"])
def test_a_server_that_is_not_there(nobody, loop, own):
    with pytest.raises(WrongUse, match=r"cannot be reached \([Cc]onnection refused\)"):
        loop(nobody, **own)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"rate": 0}, "rate is 0; it must be more than 0"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"rate": 1e9}, "rate is 1e.09; it must be more than 0, and at most 1,000,000"),
        ({"connections": 0}, "connections is 0"),
        ({"seconds": -1}, "seconds is -1"),
        ({"warmup": -1}, "warmup is -1; it must be 0 or more"),
        ({"timeout": 0}, "timeout is 0"),
        ({"rows": 0}, "rows is 0"),
        ({"body": None}, "A path of your own needs a body"),
    ],
)
def test_numbers_that_make_no_sense(nobody, wrong, sentence):
    with pytest.raises(WrongUse, match=sentence):
        opened(nobody, **wrong)


def test_a_model_is_asked_with_rows_made_from_its_metadata():
    with serving(servers.fine) as server:
        result = closed_loop(server.url, connections=2, seconds=0.2, warmup=0)
        with pytest.raises(WrongUse, match=r"has no model 'other' .*there is no such model"):
            closed_loop(server.url, model="other")
    assert result.failed == 0
    assert len(set(server.bodies)) == 16


@pytest.fixture(scope="module")
def python_server(shop):
    with running(shop, engine="onnxruntime") as server:
        yield server.url


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("model", ["cnn", "photo"])
def test_the_real_server_is_content_with_what_it_is_asked(python_server, model, binary):
    asked = {"model": model, "rows": 3, "binary": binary, "seconds": 0.5, "warmup": 0.1}
    for result in (
        closed_loop(python_server, connections=4, **asked),
        open_loop(python_server, 20, connections=8, **asked),
    ):
        assert result.ok > 0
        assert result.statuses == {"200": result.sent}
        assert adds_up(result)
