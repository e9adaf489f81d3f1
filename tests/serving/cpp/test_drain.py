"""SIGTERM drains: whoever was accepted is answered, nobody else is taken, and then the process is gone."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

from tests.serving.cpp.conftest import ask, labels_of, question
from tests.serving.test_process import Customer, eventually, gone, refuses_connections


def customer(server, number: int) -> Customer:
    def check(outputs: list[dict]) -> None:
        assert labels_of({"outputs": outputs}) == [number]

    return Customer(server.url, "/v2/models/tiny/infer", question(float(number)), check)


def test_no_accepted_request_is_dropped(serve):
    with serve(service_ms=3, max_batch=4) as server:
        customers = [customer(server, number) for number in (0, 1, 2, *[3] * 9)]
        for each in customers:
            each.start()
        eventually(lambda: all(each.answered > 2 for each in customers))
        server.process.send_signal(signal.SIGTERM)
        for each in customers:
            each.join(20)
        assert [each.broken for each in customers] == [None] * 12
        assert server.process.wait(20) == 0


def test_what_waits_in_the_queue_is_still_computed(serve):
    with serve(service_ms=150, max_batch=1) as server:
        connections = [server.connect() for _ in range(6)]
        for number, connection in enumerate(connections):
            connection.request("POST", "/v2/models/tiny/infer", question(float(number % 4)))
        eventually(lambda: "labkit_connections 7" in server.get("/metrics"))
        server.process.send_signal(signal.SIGTERM)
        answers = [json.loads(connection.getresponse().read()) for connection in connections]
        assert [labels_of(answer) for answer in answers] == [[number % 4] for number in range(6)]
        assert server.process.wait(20) == 0


def test_who_waits_to_be_accepted_is_accepted(serve):
    """The engine and the accepting thread are stopped; a connection is made by the kernel alone; then comes SIGTERM."""
    body = question(3.0)
    request = f"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with serve() as server:
        server.get("/v2/health/ready")  # it waits in epoll by now: GCC's TSan loses a signal that comes before
        server.process.send_signal(signal.SIGSTOP)
        clients = [socket.create_connection(server.address, timeout=20) for _ in range(5)]
        for client in clients:
            client.sendall(request)
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        answers = [client.makefile("rb").read() for client in clients]
        assert [answer[:13] for answer in answers] == [b"HTTP/1.1 200 "] * 5
        assert server.process.wait(20) == 0


def test_a_quiet_connection_does_not_hold_it_up(serve):
    with serve() as server:
        quiet = socket.create_connection(server.address, timeout=20)
        assert ask(server.connect(), question(1.0))[0] == 200
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert quiet.recv(1) == b""
        assert server.process.wait(20) == 0
        assert time.monotonic() - began < 10


def test_while_it_drains_it_is_alive_and_not_ready(serve):
    with serve(service_ms=1500, drain_seconds=10) as server:
        connection, health = server.connect(), server.connect()
        health.connect()
        connection.request("POST", "/v2/models/tiny/infer", question(1.0))
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: refuses_connections(server.url))
        health.request("GET", "/v2/models/tiny/ready")
        answer = health.getresponse()
        assert (answer.status, json.loads(answer.read())) == (503, {"name": "tiny", "ready": False})
        assert answer.getheader("connection") == "close"
        assert connection.getresponse().status == 200


def test_it_goes_with_its_parent(sanitizer, tmp_path):
    from tests.serving.cpp.conftest import write_model

    script = (
        "import sys, time\n"
        "from labkit.serving.process import running\n"
        "with running(sys.argv[1], 'virtual', sanitize=sys.argv[2]) as server:\n"
        "    print(server.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(write_model(tmp_path / "models")), sanitizer]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.kill()
    assert gone(pid)
