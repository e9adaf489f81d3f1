import json

import numpy as np
import pytest

from labkit.errors import WrongUse
from labkit.serving import protocol
from labkit.serving.load import questions
from labkit.serving.load.target import Target
from labkit.serving.tensors import Tensor

TARGET = Target("127.0.0.1", 8000, "/v2/models/cnn")
IMAGE = {"name": "image", "datatype": "FP32", "shape": [-1, 1, 28, 28]}
TOKENS = {"name": "tokens", "datatype": "INT64", "shape": [-1, 16], "range": [3, 256]}


def take_apart(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.split(": ") for line in lines), body


def understood(request: bytes, *inputs: dict) -> dict[str, np.ndarray]:
    """A request's arrays, as the server's own reader finds them."""
    _, headers, body = take_apart(request)
    assert int(headers["Content-Length"]) == len(body)
    tensors = [Tensor(each["name"], each["datatype"], tuple(each["shape"])) for each in inputs]
    return protocol.decode(body, headers.get(protocol.HEADER_LENGTH), tensors, [Tensor("y", "FP32", (-1,))]).inputs


@pytest.fixture
def described(monkeypatch):
    """described(content, status): what the server says of its model."""

    def described(content: object, status: int = 200) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        monkeypatch.setattr(questions, "fetch", lambda *_: (status, raw))

    return described


def ask(rows: int = 1, binary: bool = False, seed: int = 0) -> list[bytes]:
    return questions.requests(TARGET, rows, binary, seed, timeout=1)


def test_an_image_as_json(described):
    described({"inputs": [IMAGE]})
    requests = ask()
    assert len(set(requests)) == questions.BODIES
    first, headers, body = take_apart(requests[0])
    assert first == "POST /v2/models/cnn/infer HTTP/1.1"
    assert headers["Host"] == "127.0.0.1:8000"
    assert 5_000 < len(body) < 6_500
    array = understood(requests[0], IMAGE)["image"]
    assert array.shape == (1, 1, 28, 28)
    assert array.min() >= 0
    assert array.max() <= 1
    assert array.std() == pytest.approx(12**-0.5, rel=0.1)


@pytest.mark.parametrize("binary", [False, True])
def test_integers_keep_to_their_range_and_reach_both_ends(described, binary):
    described({"inputs": [IMAGE, TOKENS]})
    arrays = [understood(request, IMAGE, TOKENS) for request in ask(rows=64, binary=binary)]
    tokens = np.stack([each["tokens"] for each in arrays])
    assert tokens.shape == (questions.BODIES, 64, 16)
    assert (tokens.min(), tokens.max()) == (3, 256)
    assert arrays[0]["image"].shape == (64, 1, 28, 28)


@pytest.mark.parametrize(("datatype", "high"), [("UINT8", 255), ("INT64", 1), ("INT32", 1)])
def test_integers_without_a_range_are_safe(described, datatype, high):
    entry = {"name": "x", "datatype": datatype, "shape": [-1, 1000]}
    described({"inputs": [entry]})
    values = np.stack([understood(request, entry)["x"] for request in ask(rows=8)])
    assert (values.min(), values.max()) == (0, high)


def test_both_forms_ask_the_same(described):
    described({"inputs": [IMAGE, TOKENS]})
    for as_json, as_binary in zip(ask(rows=2), ask(rows=2, binary=True), strict=True):
        one, other = understood(as_json, IMAGE, TOKENS), understood(as_binary, IMAGE, TOKENS)
        for name in ("image", "tokens"):
            np.testing.assert_array_equal(one[name], other[name])


def test_a_seed_gives_the_same_requests(described):
    described({"inputs": [IMAGE]})
    assert ask(seed=5) == ask(seed=5)
    assert ask(seed=5) != ask(seed=6)


def test_large_bodies_are_fewer(described, monkeypatch):
    monkeypatch.setattr(questions, "MEMORY", 20_000)
    described({"inputs": [IMAGE]})
    assert len(ask()) == 3
    assert len(ask(rows=100)) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"<html>",
        [],
        {},
        {"inputs": []},
        {"inputs": [{"name": "x"}]},
        {"inputs": [IMAGE | {"shape": ["wide"]}]},
        {"inputs": [IMAGE | {"shape": [-1, -7]}]},
        {"inputs": [TOKENS | {"range": [5, 4]}]},
        {"inputs": [TOKENS | {"range": ["a", "b"]}]},
        {"inputs": [TOKENS | {"range": [0, 10**30]}]},
    ],
)
def test_a_description_that_is_none_is_refused(described, content):
    described(content)
    with pytest.raises(WrongUse, match=r"does not describe its model 'cnn' as the Open Inference Protocol has it"):
        ask()


def test_text_cannot_be_made_up(described):
    described({"inputs": [IMAGE | {"datatype": "BYTES"}]})
    with pytest.raises(WrongUse, match="'image' is of BYTES, which cannot be made up"):
        ask()


def test_a_model_that_is_not_there_is_refused_in_the_servers_words(described):
    described({"error": "this server has cnn"}, 404)
    with pytest.raises(WrongUse, match=r"has no model 'cnn' \(answered 404: this server has cnn\).*--model"):
        ask()
