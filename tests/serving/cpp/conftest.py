"""The C++ server with the virtual engine, which sleeps instead of computing: every finding is the server's own.

Each test runs against two builds, one that looks for faults of memory (ASan, UBSan) and one for races (TSan). A finding
ends the process, and what it wrote on standard error fails the test.
"""

import contextlib
import http.client
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from labkit.serving import manifest, process
from labkit.serving.tensors import Tensor
from tests.needs import needs_compiler

LABELS = ("zero", "one", "two", "three")


def write_model(directory: Path, name: str = "tiny", **changes) -> Path:
    """A model of three numbers whose every output is the first of them; it has a manifest and nothing else."""
    promise = {
        "name": name,
        "version": "1",
        "inputs": (Tensor("x", "FP32", (-1, 3)),),
        "outputs": (Tensor("y", "FP32", (-1, 2)), Tensor("label", "INT64", (-1,))),
        "labels": LABELS,
        "files": {},
    }
    (directory / name).mkdir(parents=True)
    manifest.write(manifest.Manifest(**(promise | changes)), directory / name)
    return directory


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen
    url: str

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    def connect(self, timeout: float = 20) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self.address, timeout=timeout)

    def get(self, path: str) -> str:
        connection = self.connect()
        connection.request("GET", path)
        body = connection.getresponse().read().decode()
        connection.close()
        return body


def question(*rows: float, **fields) -> bytes:
    data = [[row, 0.0, 0.0] for row in rows]
    entry = {"name": "x", "shape": [len(rows), 3], "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [entry]} | fields).encode()


def ask(connection: http.client.HTTPConnection, body: bytes, model: str = "tiny") -> tuple[int, dict]:
    connection.request("POST", f"/v2/models/{model}/infer", body)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def labels_of(answer: dict) -> list[int]:
    return next(output["data"] for output in answer["outputs"] if output["name"] == "label")


@pytest.fixture(scope="session", params=["address,undefined", "thread"], ids=["asan", "tsan"])
def sanitizer(request) -> str:
    needs_compiler()
    return request.param


@pytest.fixture
def serve(sanitizer, tmp_path):
    """serve(**options) -> a context manager that serves the tiny model, and sees that it ended well."""
    directory = write_model(tmp_path / "models")

    @contextlib.contextmanager
    def serve(directory=directory, status=0, **options) -> Iterator[Served]:
        options = {"drain_seconds": 0.2} | options
        command = process.command_for(directory, "virtual", sanitize=sanitizer, **options)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            try:
                line = child.stdout.readline()
                assert line.startswith("listening on "), child.stderr.read()
                yield Served(child, line.split()[-1])
                child.terminate()
                assert (child.wait(20), child.stderr.read()) == (status, "")
            finally:
                child.kill()

    return serve
