"""Overload, deadlines, slow and oversized clients: each is refused in time with a sentence, and the server lives on."""

import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.serving.cpp.conftest import ask, question

LINE = b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: x\r\n"


def raw(server, *parts: bytes, pause: float = 0) -> bytes:
    """What the server says to these bytes, sent with pauses, until it closes the connection."""
    with socket.create_connection(server.address, timeout=20) as client:
        for part in parts:
            client.sendall(part)
            time.sleep(pause)
        return client.makefile("rb").read()


def sentence(answer: bytes) -> str:
    return json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_a_full_queue_refuses_and_says_when_to_come_back(serve):
    def once(server):
        connection = server.connect()
        connection.request("POST", "/v2/models/tiny/infer", question(1.0))
        answer = connection.getresponse()
        return answer.status, answer.getheader("Retry-After"), json.loads(answer.read())

    with serve(service_ms=400, max_batch=1, max_queue=3) as server:
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(once, [server] * 20))
        assert json.loads(server.get("/v2/health/ready")) == {"ready": True}
    refused = [answer for answer in answers if answer[0] != 200]
    assert 1 <= len(answers) - len(refused) <= 8  # one that computes and three that wait, and who came later
    assert {(status, retry) for status, retry, _ in refused} == {(503, "1")}
    assert refused[0][2] == {"error": "the queue of model 'tiny' is full; ask again later"}


@pytest.mark.parametrize("options", [{"deadline_ms": 50}, {}])
def test_a_request_that_waited_past_its_deadline_is_refused_and_not_computed(serve, options):
    fields = {} if options else {"parameters": {"timeout": 50_000}}
    with serve(service_ms=500, max_batch=1, **options) as server, ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: ask(server.connect(), question(1.0)))
        time.sleep(0.2)
        status, answer = ask(server.connect(), question(2.0, **fields))
        assert (status, answer) == (504, {"error": "the request waited past its deadline"})
        assert first.result()[0] == 200
        assert 'labkit_batch_rows_count{model="tiny"} 1\n' in server.get("/metrics")


def test_a_client_in_time_is_not_troubled_by_its_deadline(serve):
    with serve(service_ms=5, deadline_ms=20_000) as server:
        assert ask(server.connect(), question(1.0, parameters={"timeout": 10_000_000}))[0] == 200


@pytest.mark.parametrize(
    "part", [b"POST /v2", LINE + b"Content-Length: 50\r\n\r\n{", LINE + b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_a_stalled_request_is_cut(serve, part):
    with serve(request_seconds=0.5) as server:
        began = time.monotonic()
        answer = raw(server, part)
        assert time.monotonic() - began < 10
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert "did not arrive within" in sentence(answer)


def test_a_client_that_sends_a_byte_at_a_time_is_cut_all_the_same(serve):
    with serve(request_seconds=0.5) as server, pytest.raises((ConnectionError, TimeoutError)):
        raw(server, *[b"G"] + [b"x"] * 400, pause=0.02)


def test_a_quiet_connection_is_closed(serve):
    with serve(idle_seconds=0.3) as server:
        began = time.monotonic()
        assert raw(server, b"") == b""
        assert 0.2 < time.monotonic() - began < 10


def test_headers_beyond_the_limit_are_refused(serve):
    with serve() as server:
        answer = raw(server, LINE + b"X: " + b"x" * 40_000 + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert "headers are larger than" in sentence(answer)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\r\n\r\n\r\nhello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        LINE + b"Content-Length: -5\r\n\r\n",
        LINE + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    ],
)
def test_what_is_not_http_is_refused(serve, nonsense):
    with serve(request_seconds=0.5) as server:
        answer = raw(server, nonsense)
        assert answer[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 408 ")
        assert sentence(answer)


def test_too_many_connections_are_turned_away(serve):
    with serve(max_connections=4) as server:
        held = [server.connect() for _ in range(4)]
        for connection in held:
            assert ask(connection, question(1.0))[0] == 200
        answer = raw(server, b"")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert "too many connections" in sentence(answer)
        held.pop().close()
        time.sleep(0.3)
        assert ask(server.connect(), question(1.0))[0] == 200


def test_requests_in_one_packet_are_answered_in_order(serve):
    bodies = [question(float(row)) for row in (3, 1, 2)]
    packet = b"".join(LINE + f"Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies)
    with serve() as server:
        answers = raw(server, packet + b"GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert re.findall(rb'"shape":\[1\],"data":\[(\d)\]', answers) == [b"3", b"1", b"2"]


def test_expect_continue_is_answered(serve):
    body = question(1.0)
    with serve() as server, socket.create_connection(server.address, timeout=20) as client:
        client.sendall(LINE + f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 100 ")
        client.sendall(body)
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_goes_away_troubles_nobody(serve):
    body = question(1.0)
    with serve(service_ms=100) as server:
        for _ in range(20):
            with socket.create_connection(server.address) as client:
                client.sendall(LINE + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert ask(server.connect(), question(2.0))[0] == 200


def test_a_client_that_breaks_off_in_the_midst_of_a_request_troubles_nobody(serve):
    """On a connection that has been answered before, and on a new one."""
    with serve() as server:
        for begin in (b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n", b""):
            for half in (b"POST /v2", LINE + b"Content-Length: 50\r\n\r\n{"):
                with socket.create_connection(server.address, timeout=20) as client:
                    if begin:
                        client.sendall(begin)
                        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
                    client.sendall(half)
        assert ask(server.connect(), question(2.0))[0] == 200
