"""A server starts, drains, and is gone: after the block, after an error in it, and after its parent was killed."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace

import psutil
import pytest
import uvicorn

from labkit.errors import WrongUse
from labkit.serving import server as room
from labkit.serving.process import command_for, ended, running, start
from labkit.serving.tensors import BadRequest
from tests.needs import needs_compiler

REQUEST = json.dumps(
    {"inputs": [{"name": "image", "shape": [1, 1, 28, 28], "datatype": "FP32", "data": [0.5] * 784}]}
).encode()
CNN = "/v2/models/cnn/infer"


def eventually(holds, within: float = 20) -> bool:
    deadline = time.monotonic() + within
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return held


def gone(pid: int, within: float = 8) -> bool:
    return eventually(lambda: is_gone(pid), within)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def connect(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)


def test_what_a_server_started_goes_with_it():
    """LitServe's workers outlive it."""
    script = "import subprocess; print(subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL).pid)"
    with tempfile.TemporaryFile() as log, ended(start([sys.executable, "-c", script], log)) as process:
        grandchild = int(process.stdout.readline())
        assert not is_gone(grandchild)
    assert gone(grandchild, within=2)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_an_error_in_the_block_leaves_nothing_running(shop, engine):
    with pytest.raises(KeyboardInterrupt), running(shop, engine) as server:
        raise KeyboardInterrupt
    assert server.ready_seconds > 0
    assert gone(server.pid, within=2)


def test_a_server_that_does_not_end_is_killed(shop, monkeypatch, capsys):
    monkeypatch.setattr("labkit.serving.process.GRACE_SECONDS", 0.2)
    with running(shop, "onnxruntime") as server:
        os.kill(server.pid, signal.SIGSTOP)
    assert gone(server.pid, within=2)
    assert "was killed" in capsys.readouterr().err


def test_a_killed_parent_takes_its_server_along(shop):
    script = (
        "import sys, time\n"
        "from labkit.serving.process import running\n"
        "with running(sys.argv[1], 'onnxruntime') as server:\n"
        "    print(server.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(shop)], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    assert gone(pid)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "executorch", "virtual"])
def test_a_server_that_does_not_come_up_says_why(tmp_path, engine):
    wanted = r"did not come up \(status 2\): .* holds no model"
    with pytest.raises(RuntimeError, match=wanted), running(tmp_path, engine):
        pass


def test_a_server_that_takes_too_long_is_given_up(shop):
    with pytest.raises(RuntimeError, match=r"nothing within 0\.05 seconds"), running(shop, "onnxruntime", timeout=0.05):
        pass


def test_an_engine_or_option_that_there_is_not_is_wrong_use(shop):
    with pytest.raises(WrongUse, match=r"no engine 'tensorflow'. Choose one of: openvino, .*, onnxruntime"):
        command_for(shop, "tensorflow")
    with pytest.raises(WrongUse, match="have the option --max-batch; onnxruntime is the Python server's"):
        command_for(shop, "onnxruntime", max_batch=3)


def test_a_server_carries_no_torch(shop):
    script = f"import sys; from labkit.serving import server; server.build_app({str(shop)!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "onnxruntime" in loaded
    assert not {"torch", "onnx", "matplotlib", "pandas"} & set(loaded)


@pytest.fixture(params=["onnxruntime", "openvino"])
def served(shop, request):
    """A server as `labkit serve run` starts it: (process, url)."""
    if request.param == "openvino":
        needs_compiler()
    command = [sys.executable, "-m", "labkit.cli", "serve", "run", str(shop), "--engine", request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:")
            yield process, line.split()[-1]
        finally:
            process.kill()


class Customer(threading.Thread):
    """Asks without pause on one connection, until the server says that it is closing, or breaks its word.

    check: raises AssertionError where an answer's outputs are not what was asked for.
    """

    def __init__(self, url: str, path: str = CNN, request: bytes = REQUEST, check=lambda outputs: None):
        super().__init__()
        self.connection, self.path, self.request, self.check = connect(url), path, request, check
        self.answered, self.broken, self.told = 0, None, False

    def run(self):
        try:
            while not self.told:
                self.connection.request("POST", self.path, self.request)
                answer = self.connection.getresponse()
                self.check(json.loads(answer.read())["outputs"])
                self.answered += 1
                self.told = answer.getheader("connection") == "close"
        except (OSError, http.client.HTTPException, KeyError, ValueError, AssertionError) as error:
            self.broken = error


def test_sigterm_breaks_no_request_of_eight_customers(served):
    process, url = served
    customers = [Customer(url) for _ in range(8)]
    for customer in customers:
        customer.start()
    eventually(lambda: all(customer.answered > 1 for customer in customers))
    process.send_signal(signal.SIGTERM)
    for customer in customers:
        customer.join(20)
    assert [customer.broken for customer in customers] == [None] * 8
    assert all(customer.told for customer in customers)
    assert process.wait(20) == 0
    assert process.stdout.read() == ""
    assert process.stderr.read() == ""


def test_a_request_half_sent_at_sigterm_is_answered(served):
    process, url = served
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=10) as slow:
        slow.sendall(
            f"POST {CNN} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(REQUEST)}\r\n\r\n".encode() + REQUEST[:99]
        )
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        time.sleep(2)  # longer than an idle connection would be kept
        slow.sendall(REQUEST[99:])
        answer = slow.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer
    assert process.wait(20) == 0


def test_a_draining_server_is_alive_but_not_ready(served):
    process, url = served
    connection = connect(url)
    connection.request("GET", "/v2/health/ready")
    assert connection.getresponse().read() == b'{"ready":true}'
    process.send_signal(signal.SIGTERM)
    assert eventually(lambda: refuses_connections(url))
    connection.request("GET", "/v2/health/ready")
    assert connection.getresponse().status == 503
    assert process.wait(20) == 0


def refuses_connections(url: str) -> bool:
    try:
        connect(url).connect()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it waited to be accepted when the listener closed
        pass
    return False


def test_ctrl_c_ends_it_as_any_command(served):
    process, _ = served
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert process.stderr.read() == ""


def test_a_taken_port_is_refused():
    with room.listen(0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WrongUse, match=f"Port {port} cannot be listened on"):
            room.listen(port)
    with pytest.raises(WrongUse, match="Port 70000"):
        room.listen(70000)


@contextlib.contextmanager
def in_thread(app):
    """The application behind a port of this process, so that a test can reach into it."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    with room.listen(0) as listener:
        listener.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield "http://{}:{}".format(*listener.getsockname())
        finally:
            server.should_exit = True
            thread.join()


def test_a_failing_engine_is_our_fault_and_says_so(shop):
    class Broken:
        def infer(self, inputs, outputs):
            raise RuntimeError("a secret of the machine")

    app = room.build_app(shop / "cnn")
    app.state.models["cnn"] = replace(app.state.models["cnn"], engine=Broken())
    with in_thread(app) as url:
        connection = connect(url)
        connection.request("POST", CNN, REQUEST)
        answer = connection.getresponse()
        assert answer.status == 500
        assert json.loads(answer.read()) == {"error": "the server failed (RuntimeError); its log says where"}


def test_a_stalled_body_is_cut(monkeypatch):
    class Stalled:
        headers = {"content-length": "10"}  # noqa: RUF012

        async def stream(self):
            yield b"half"
            await asyncio.sleep(30)

    monkeypatch.setattr(room, "BODY_SECONDS", 0.05)
    with pytest.raises(BadRequest, match="did not arrive") as refusal:
        asyncio.run(room.read_body(Stalled()))
    assert refusal.value.status == 408
