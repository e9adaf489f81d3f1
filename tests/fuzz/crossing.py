"""The codec and the wire as targets: what a stranger wrote is refused, or a value of exact types that crosses again."""

import contextlib
import json
import socket
from collections import namedtuple
from collections.abc import Iterator

import numpy as np
import torch

from labkit.grading.judge import codec, wire

TAGS = (
    *(
        "i",
        "f",
        "c",
        "u",
        "b",
        "B",
        "l",
        "ld",
        "lq",
        "t",
        "td",
        "tq",
        "n",
        "d",
        "s",
        "z",
        "r",
        ":",
        "...",
        "a",
        "x",
        "y",
    ),
    *("T", "Y", "=", "o"),
)
LIMITS = codec.Limits(items=20_000, size=1 << 20, depth=40, bits=4096)
BIG = 64 << 10
PLAIN = {bool, int, float, complex, str, bytes, bytearray, range, type(None), type(...), torch.dtype, torch.Tensor}
WHOLE = {list, tuple, set, frozenset}


class Thing:
    """What a reference stands for."""

    def __init__(self, token: object):
        self.token = token


def read_back(tree: object, blobs: list) -> None:
    """Decode what a stranger wrote: either it is malformed, or its types are exact and it crosses again as itself."""
    try:
        value = codec.decode(tree, blobs, Thing, LIMITS)
    except codec.Malformed as problem:
        if problem.__cause__ is not None:
            raise AssertionError("an error that the codec does not know of") from problem
        return
    assert_exact(value)
    with contextlib.suppress(Exception):  # a failing test prints what it got
        repr(value)
    first = codec.encode(value, lambda thing: thing.token, LIMITS)
    copy = codec.decode(*first, Thing, LIMITS)
    assert same(first, codec.encode(copy, lambda thing: thing.token, LIMITS))
    if codec.update(value, copy):
        assert same(first, codec.encode(value, lambda thing: thing.token, LIMITS))


def same(one: tuple, other: tuple) -> bool:
    """Whether two encoded values are the same, but for the order of sets."""
    sizes = [[len(bytes(blob)) for blob in blobs] for _, blobs in (one, other)]
    return sizes[0] == sizes[1] and sorted(json.dumps(one[0])) == sorted(json.dumps(other[0]))


def assert_exact(value: object) -> None:
    """Nothing in a value has behaviour of its own."""
    kind = type(value)
    if kind is dict:
        value = (*value.keys(), *value.values())
    elif kind is slice:
        value = (value.start, value.stop, value.step)
    elif isinstance(value, np.generic | np.dtype | np.ndarray):
        assert kind.__module__.startswith("numpy")
        return
    elif kind in PLAIN or kind is Thing:
        return
    else:
        assert kind in WHOLE or (kind.__bases__ == (tuple,) and kind._make), kind
    for part in value:
        assert_exact(part)


def codec_check(data: bytes) -> None:
    """A digit (how many large blobs), one line of JSON, and the small payloads."""
    text, _, small = data[1:].partition(b"\n")
    large = [bytes(BIG)] * (data[0] % 4 if data else 0)
    with contextlib.suppress(codec.Malformed):
        read_back(wire.parse(b'{"t":' + text + b"}").get("t"), [small, *large] if small or large else [])


def codec_unpack(data: bytes) -> tuple[object, bytes]:
    """The tree, and the digit and the payloads."""
    text, _, small = data[1:].partition(b"\n")
    return json.loads(text), data[:1] + small


def codec_pack(tree: object, rest: bytes) -> bytes:
    """The same as bytes."""
    return rest[:1] + json.dumps(tree).encode() + b"\n" + rest[1:]


def codec_seeds() -> Iterator[bytes]:
    """One value of each kind."""
    for value in values():
        tree, blobs = codec.encode(value, lambda thing: thing.token)
        yield b"0123"[max(len(blobs) - 1, 0) :][:1] + json.dumps(tree).encode() + b"\n" + (blobs[0] if blobs else b"")


def wire_check(data: bytes) -> None:
    """What comes out of a socket, until it ends."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            theirs.sendall(data)
        theirs.close()
        channel = wire.Channel(ours, limit=1 << 20)
        with contextlib.suppress(wire.Ended, codec.Malformed):
            while True:
                message, blobs = channel.receive()
                read_back(message.get("with"), blobs)


def wire_unpack(data: bytes) -> tuple[object, bytes]:
    """The JSON of the first message, and all after it."""
    _, size, _ = wire.HEADER.unpack(data[: wire.HEADER.size])
    end = wire.HEADER.size + size
    return json.loads(data[wire.HEADER.size : end]), data[8:12] + data[end:]


def wire_pack(tree: object, rest: bytes) -> bytes:
    """The same with a header that fits."""
    text = json.dumps(tree).encode()
    return wire.MAGIC + len(text).to_bytes(4, "little") + rest[:4] + text + rest[4:]


def wire_seeds() -> Iterator[bytes]:
    """Messages with and without blobs, one and two in a row."""
    for messages in ([{}], [{"do": "look", "with": 1}], [{"with": ["a", "<f8", [2], None, False, None]}] * 2):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            for message in messages:
                wire.Channel(ours).send(message, [bytes(16)] if type(message.get("with")) is list else [])
            yield theirs.recv(4096)


def values() -> list:
    """One of each kind of value that crosses."""
    shared, grid = [1, "a"], np.arange(6.0).reshape(2, 3)
    return [
        *(
            None,
            True,
            7,
            2**70,
            0.5,
            float("nan"),
            -float("inf"),
            1 - 2j,
            "text",
            "\ud83d\ude00",
            b"bytes",
            bytearray(b"x"),
        ),
        *([1, 2.5, [None]], (1, (2,)), {1, 2}, frozenset({frozenset({1})}), {"a": 1, (1, 2): [3], 0.5: {}}),
        *(list(range(9)), tuple(n / 2 for n in range(8)), range(1, 9, 2), slice(None, 3, [1]), ..., [shared, shared]),
        *(namedtuple("Point", "x y")(1, [2]), Thing(1), [Thing("a"), Thing([1])]),
        *(grid, grid.T, grid[:, ::-1], np.broadcast_to(np.arange(3), (4, 3)), np.zeros((0, 3)), np.array(3, ">i2")),
        *(np.array([True, False]), np.array(["a", "bc"]), np.array([b"a"]), np.array(["2020-01-01"], "M8[D]")),
        *(np.array([1, 2], "m8[25us]"), np.ones(2, np.longdouble), np.ones(2, "c8"), np.zeros(70_000, "u1")),
        *(np.float32(1), np.str_("a"), np.bytes_(b"a"), np.datetime64("NaT"), np.longlong(1), np.dtype("<U3")),
        *(torch.ones(2, 2), torch.tensor(True), torch.ones(3, dtype=torch.bfloat16, requires_grad=True), torch.float16),
        *(torch.zeros(0, 2), torch.ones(1, dtype=torch.float8_e4m3fn), torch.ones(1, dtype=torch.complex64)),
    ]
