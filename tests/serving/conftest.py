"""One export and one server for all tests here: an export takes seconds."""

import http.client
import json
from pathlib import Path

import numpy as np
import pytest

from labkit.serving.process import running
from tests.needs import needs_compiler


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Path:
    from labkit.serving.example import export_example

    directory = tmp_path_factory.mktemp("shop")
    assert export_example(directory) == ["cnn", "photo"]
    return directory


@pytest.fixture(scope="session")
def classifier():
    from labkit.models import shipped

    return shipped("cnn")


@pytest.fixture(scope="session")
def photos() -> np.ndarray:
    """uint8 (20, 112, 112, 3)"""
    from labkit.data import photos

    return photos(112, "test")[:20]


# Both servers, and the C++ one under the sanitizers, with an engine that computes nothing: what they find is its own.
SERVERS = {
    "python": ("onnxruntime", {}),
    "openvino": ("openvino", {}),
    "asan": ("virtual", {"sanitize": "address,undefined"}),
    "tsan": ("virtual", {"sanitize": "thread"}),
}


@pytest.fixture(scope="session", params=SERVERS)
def server(shop, request):
    engine, options = SERVERS[request.param]
    if engine != "onnxruntime":
        needs_compiler()
    with running(shop, engine, **options) as server:
        yield server


@pytest.fixture
def ask(server):
    """ask(method, path, body, headers) -> (status, headers, body), over a connection of its own."""

    def ask(method: str, path: str, body: bytes | None = None, headers: dict | None = None):
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    return ask


@pytest.fixture
def get(ask):
    def get(path: str) -> tuple[int, dict]:
        status, _, body = ask("GET", path)
        return status, json.loads(body)

    return get
