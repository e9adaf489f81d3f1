from dataclasses import FrozenInstanceError, replace

import pytest

from labkit.serving.load.result import Result

KEYS = ["sent", "ok", "failed", "rate", "p50_ms", "p99_ms", "p999_ms", "max_ms", "samples", "client_bound"]

OPEN = Result(
    sent=5000,
    ok=4990,
    failed=10,
    rate=998.0,
    p50_ms=1.234,
    p99_ms=8.0,
    p999_ms=20.0,
    max_ms=2345.6,
    samples=4990,
    client_bound=False,
    loop="open",
    connections=256,
    seconds=5.0,
    wanted_rate=1000.0,
    p99_uncorrected_ms=None,
    client_busy=0.25,
    client_starved=0.05,
    client_late_ms=0.1,
    statuses={"200": 4990, "503": 7},
    errors={"timeout": 3},
    why="",
    histogram=None,
    uncorrected=None,
)


def test_the_promised_keys_come_first_and_the_histograms_not_at_all():
    found = OPEN.as_dict()
    assert list(found)[:10] == KEYS
    assert not {"histogram", "uncorrected"} & set(found)
    assert found["statuses"] == {"200": 4990, "503": 7}


def test_it_does_not_change():
    with pytest.raises(FrozenInstanceError):
        OPEN.ok = 5000


def test_text_of_an_open_loop():
    assert OPEN.as_text().splitlines() == [
        "Open loop: 1000 requests a second, at random moments, over 256 connections, for 5 s.",
        "  998.0 answers a second; 5000 sent, 4990 ok, 10 failed (503: 7, timeout: 3)",
        "  p50 1.23 ms   p99 8 ms   p99.9 20 ms   max 2346 ms",
        "  the client used 25% of a core, waited for one for 5% of the time, and was 0.10 ms late at p99",
    ]


def test_text_of_a_closed_loop_shows_both_p99s():
    text = replace(OPEN, loop="closed", wanted_rate=None, p99_uncorrected_ms=4.0, connections=8).as_text()
    assert text.startswith("Closed loop: 8 connections, each asks again when it is answered, for 5 s.")
    assert "(p99 as a waiting client sees it: 4 ms)" in text


def test_a_client_that_is_somewhat_late_is_remarked_upon():
    assert "up to 25% may be the client's own lateness" in replace(OPEN, client_late_ms=2.0).as_text()


def test_a_server_that_falls_behind_is_remarked_upon():
    text = replace(OPEN, rate=500.0).as_text()
    assert "The server kept up with 500.0 of 1000.0 requests a second" in text
    assert "kept up" not in replace(OPEN, rate=500.0, p50_ms=None).as_text()
