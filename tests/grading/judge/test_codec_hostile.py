"""What a hostile process may send in place of a value: it is refused, in little time and memory."""

import json
import threading
from collections import namedtuple

import numpy as np
import pytest

from labkit.grading.judge import codec, wire

Point = namedtuple("Point", "x y")
WRAPS = 2**61 - 1  # all multiples of it have the hash 0


def refused(tree, blobs=(), **limits):
    with pytest.raises(codec.Malformed) as caught:
        codec.decode(tree, blobs, lambda token: token, codec.Limits(**limits))
    assert caught.value.__cause__ is None  # refused on purpose, and not by luck
    return str(caught.value)


@pytest.mark.parametrize(
    "tree",
    [
        [],
        [1],
        [None],
        [[]],
        {},
        {"l": 1},
        ["unknown"],
        ("l",),
        object(),
        ["i"],
        ["i", 5],
        ["i", "0x1"],
        ["i", "1_0"],
        ["i", " 1"],
        ["i", ""],
        ["i", "-"],
        ["i", "f" * 40_000],
        ["l", 1 << 200_000],
        ["f", "nan", 1],
        ["f", 1.0],
        ["f", "1"],
        ["c", 1, 2],
        ["c", 1.0],
        ["c", 1.0, ["l"]],
        ["u", -1],
        ["u", 1.0],
        ["u", True],
        ["u", None],
        ["u", 1],
        ["b", 10**30],
        ["b", 70_000],
        ["B", [1]],
        ["ld", 8],
        ["ld", -8],
        ["lq", "8"],
        ["td", 2**62],
        ["d", 1],
        ["d", ["l"], 1],
        ["d", ["d"], 1],
        ["d", 1, 2, 1.0, 3],
        ["d", "a", 1, "a", 2],
        ["d", ["t", ["l"]], 1],
        ["s", ["s"]],
        ["s", ["B", 0]],
        ["s", 0, False],
        ["z", ["a", "<f8", [0], None, False, None]],
        ["r", 0, 1, 0],
        ["r", 0, 1],
        ["r", 0, 1.0, 1],
        ["r", 0, ["i", "f" * 1000], 1],
        [":", 1, 2],
        ["...", 1],
        ["n"],
        ["n", "A"],
        ["n", "A", []],
        ["n", "A", ["x"]],
        ["n", "A", ["x", "x"], 1, 2],
        ["n", "A", ["_x"], 1],
        ["n", "A", ["class"], 1],
        ["n", "A", ["x y"], 1],
        ["n", "A", ["x=print()"], 1],
        ["n", "A", ["\ufb01"], 1],  # the compiler would read it as "fi"
        ["n", "__class__", ["x"], 1],
        ["n", "A" * 100, ["x"], 1],
        ["n", "A", "xy", 1, 2],
        ["n", "A", [["x"]], 1],
        ["=", 0],
        ["=", -1],
        ["=", 0.0],
        ["l", ["l", ["=", 1]]],
        ["l", ["l", ["=", 0]]],  # a cycle: it has not ended yet
        ["o"],
        ["o", None],
        ["y", "O"],
        ["y", "i4,i4"],
        ["y", "object"],
        ["y", "<f8 "],
        ["y", "<M8[0s]"],
        ["y", "<M8[99999999999s]"],
        ["y", "<U9999999"],
        ["y", "|S9999999"],
        ["y", "<f8\n"],
        ["y", ["<f8"]],
        ["x", "<f8"],
        ["x", "<U2"],
        ["x", "U", 1],
        ["x", "S", "a"],
        ["x", "V", "a"],
        ["x", ["U"], "a"],
        ["Y", "nn"],
        ["Y", "load"],
        ["Y", "qint8"],
        ["Y", ["float32"]],
        ["T", "float32", [1], False],
        ["T", "float32", [0], 1],
        ["T", "int64", [0], True],
        ["T", "float32", [-1], False],
        ["T", "float32", [0] * 33, False],
        ["T", "float32", [0, 2**40], False],
        ["T", "qint8", [0], False],
        ["a", "<f8", [1], None, False],
        ["a", "<f8", [1], None, False, None],
        ["a", "<f8", [-1], None, False, None],
        ["a", "<f8", [1.0], None, False, None],
        ["a", "<f8", [True], None, False, None],
        ["a", "<f8", 3, None, False, None],
        ["a", "<f8", [0] * 33, None, False, None],
        ["a", "<f8", [0, 10**9], None, False, None],
        ["a", "<f8", [2**62, 2**62], None, False, None],
        ["a", "<f8", [0, 2**100], None, False, None],
        ["a", "<f8", [0], None, 0, None],
        ["a", "<f8", [0, 1], [0], False, None],
        ["a", "<f8", [0, 1], [0, 0], False, None],
        ["a", "<f8", [0, 1], [-1, 0], False, None],
        ["a", "<f8", [0, 1], [True, False], False, None],
        ["a", "<f8", [0, 1], ["a", 0], False, None],
        ["a", "<f8", [0], None, False, [3]],
        ["a", "<U0", [10**8], None, False, None],
        ["a", "<U0", [1], None, False, [2**61]],  # no bytes, and a loop over it never ends
        ["a", "|S0", [1, 1], None, False, [10**4, 10**4]],
        ["a", "|u1", [0, 10**7], None, False, None],  # no bytes, and its sum over an axis has many
        ["T", "uint8", [10**7, 0], False],
        ["a", "|O", [0], None, False, None],
    ],
)
def test_malformed_trees_are_refused(tree):
    refused(tree)


@pytest.mark.parametrize(
    ("tree", "blobs"),
    [
        (1, [b"x"]),
        (["b", 1], [b"xy"]),
        (["b", 2], [b"x"]),
        (["b", 1], [b"x", b"y" * 70_000]),
        (["b", 70_000], [b"", b"y" * 70_001]),
        (["l", ["b", 70_000], ["b", 70_000]], [b"", b"y" * 70_000]),  # the same bytes twice
        (["u", 1], [b"\xff"]),
        (["u", 200 << 20], [b"", "ä".encode() * (100 << 20)]),  # four times as much in memory, for all it says
        (["a", "|b1", [2], None, False, None], [b"\0\2"]),
        (["x", "|b1"], [b"\xff"]),
        (["T", "bool", [2], False], [b"\1\2"]),
        (["a", "<U1", [1], None, False, None], [b"\xff\xff\xff\xff"]),
        (["a", ">U1", [1], None, False, None], [b"\0\x11\0\0"]),
        (["a", "<f8", [1], None, False, [2, 3]], [bytes(8)]),
        (["a", "<f8", [2], None, False, [3]], [bytes(16)]),
        (["a", "<f8", [1], None, False, [1]], [bytes(8)]),
        (["a", "<f8", [1], None, False, [0]], [bytes(8)]),
        (["a", "|u1", [1], None, False, [10**9]], [b"x"]),
        (["a", "|u1", [1], None, False, [2**61]], [b"x"]),
    ],
)
def test_malformed_payloads_are_refused(tree, blobs):
    refused(tree, blobs)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant != 63, reason="long doubles are others here")
@pytest.mark.parametrize("order", ["<", ">"])
def test_long_doubles_that_are_no_numbers_are_refused(order):
    whole = np.array([1.5, 0, np.inf, np.nan, 5e-324], np.longdouble).astype(f"{order}f16")
    tree, blobs = codec.encode(whole)
    assert codec.decode(tree, blobs).dtype == whole.dtype
    raw = bytearray(blobs[0])
    raw[7 if order == "<" else 8] &= 0x7F  # the leading bit of 1.5, wherever NumPy keeps it
    if raw == blobs[0]:
        raw[15 - 7] &= 0x7F
    refused(tree, [raw])


def test_every_limit_holds_on_both_sides():
    for value, limits in (
        ([1, 2, 3], {"items": 2}),
        (["a" * 40] * 3, {"size": 100}),
        (np.zeros(20), {"size": 100}),
        (np.broadcast_to(np.zeros(1), 20), {"size": 100}),
        ([[[[]]]], {"depth": 3}),
        (2**100, {"bits": 64}),
        (np.zeros((1,) * 5), {"axes": 4}),
        ([0.5] * 20, {"items": 19}),
        (b"x" * 200, {"size": 100}),
        ("ä" * 2000, {"size": 8000}),
        (np.zeros((0, 20)), {"items": 19}),
        (np.ndarray(20, "S0"), {"items": 19}),
    ):
        tree, blobs = codec.encode(value)
        refused(tree, blobs, **limits)
        with pytest.raises(codec.CannotCross):
            codec.encode(value, limits=codec.Limits(**limits))
    records = ["l", *(["n", f"A{n}", ["x"], 1] for n in range(65))]
    assert "namedtuples" in refused(records)


def test_what_is_shared_counts_as_often_as_it_is_met():
    # A list of ten references to a list of ten references to ... : who prints it never comes to an end.
    tree = ["l", ["l"], *(["l", *[["=", level]] * 10] for level in range(40))]
    assert "values" in refused(tree)
    value = []
    for _ in range(40):
        value = [value] * 10
    with pytest.raises(codec.CannotCross, match="values"):
        codec.encode(value)
    blob = np.zeros(1 << 20, "u1")
    with pytest.raises(codec.CannotCross, match="MB"):
        codec.encode([blob] * 1000)


@pytest.mark.parametrize(
    "tree",
    [
        ["s", *(["i", f"{n * WRAPS:x}"] for n in range(8, 60_000))],
        ["d", *(part for n in range(8, 60_000) for part in (["i", f"{n * WRAPS:x}"], 0))],
        ["s", *(["t", *[0] * 500, ["i", f"{n * WRAPS:x}"]] for n in range(8, 4000))],
    ],
    ids=["set", "dict", "tuples"],
)
def test_keys_made_to_collide_are_refused_before_long(tree):
    assert "hash" in refused(tree)


def test_honest_keys_are_not():
    for keys in (range(50_000), [n << 40 for n in range(50_000)], [f"w{n}" for n in range(50_000)]):
        assert codec.decode(*codec.encode(dict.fromkeys(keys, 0))) == dict.fromkeys(keys, 0)
    pairs = {(n, n + 1) for n in range(20_000)}
    assert codec.decode(*codec.encode(pairs)) == pairs


def test_nan_keys_cross_as_different_keys():
    back = codec.decode(["d", ["f", "nan"], 1, ["f", "nan"], 2])
    assert len(back) == 2


def test_a_failing_resolve_is_the_strangers_fault():
    def resolve(token):
        raise KeyError(token)

    with pytest.raises(codec.Malformed):
        codec.decode(["o", "unknown"], [], resolve)
    with pytest.raises(codec.Malformed, match="only data"):
        codec.decode(["o", "unknown"])


def test_a_deep_value_stops_at_the_limit_and_not_at_the_stack():
    tree = ["l"]
    for _ in range(99):
        tree = ["l", tree]
    value = codec.decode(tree)
    assert codec.encode(value)[0] == tree
    assert "deep" in refused(["l", tree])
    for _ in range(5000):
        tree = ["t", tree]
    refused(tree)


def nested(levels, inside):
    for _ in range(levels):
        inside = ["l", inside]
    return inside


def test_what_is_shared_is_as_deep_as_where_it_is_met_again():
    # Each of these lists of 50 levels has the one before it at its bottom: who walks it runs out of stack.
    tree = ["l", nested(50, ["l"]), *(nested(50, ["=", 50 * n]) for n in range(1, 100))]
    assert "deep" in refused(tree)
    value, deep = [], []
    for _ in range(100):
        for _ in range(50):
            deep = [deep]
        value.append(deep)
    with pytest.raises(codec.CannotCross, match="deep"):
        codec.encode(value)
    assert codec.decode(["l", nested(50, 1), nested(49, ["=", 49])])


@pytest.mark.parametrize(
    "leaf",
    [1j, range(3), slice(1), np.str_("a"), np.bytes_(b"a"), [], (), {}, 2**70, [1.0] * 9, np.ones(2), Point(1, 2)],
)
def test_what_is_sent_at_the_deepest_level_arrives(leaf):
    limits = codec.Limits(depth=4)
    for depth in range(3, 6):
        value = leaf
        for _ in range(depth):
            value = [value]
        try:
            sent = codec.encode(value, limits=limits)
        except codec.CannotCross:
            continue
        assert repr(codec.decode(*sent, limits=limits)) == repr(value)


def test_a_caller_deep_in_a_recursion_gets_malformed():
    def sink(depth):
        return sink(depth - 1) if depth else codec.decode(json.loads("[" * 90 + "]" * 90))

    outcome = []

    def caller():
        with pytest.raises(codec.Malformed):
            sink(300)
        outcome.append("malformed")

    thread = threading.Thread(target=caller)
    thread.start()
    thread.join()
    assert outcome


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":' + b"1" * 5000 + b"}",
        b'{"a":-' + b"9" * 20 + b"}",
        b'{"a":"\xff"}',
        b"\xff\xfe{\0}\0",
        b"\xef\xbb\xbf{}",
        b"{}" * 2,
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"a":[' + b"[]," * 1_100_000 + b"1]}",
        b'{"a":"' + b"[" * 500,
    ],
    ids=range(18),
)
def test_what_is_no_small_json_object_is_refused(text):
    with pytest.raises(codec.Malformed):
        wire.parse(text)


def test_brackets_in_a_text_are_text():
    text = {"out": '[{"\\' * 2000, "more": "\\", "last": ["}"] * 300}
    assert wire.parse(json.dumps(text).encode()) == text
    assert wire.parse(b'{"a":' + b"[" * 200 + b"]" * 200 + b"}")
