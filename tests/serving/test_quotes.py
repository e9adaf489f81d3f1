"""How a refusal quotes what a client sent: as JSON, short, and at once, whatever it is."""

import json
import time

import pytest

from labkit.serving.tensors import SHOWN, short


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("0.5", '"0.5"'),
        (True, "true"),
        (None, "null"),
        (-7, "-7"),
        (1.0, "1.0"),
        (1e39, "1e+39"),
        (1e-7, "1e-07"),
        ([1, 2], "[1,2]"),
        ([], "[]"),
        ({"a": [None, {"b": "c"}], "d": {}}, '{"a":[null,{"b":"c"}],"d":{}}'),
        ('say "é"\n\x1f\\/', r'"say \"é\"\n\u001f\\/"'),
        ("\ud800 alone", r'"\ud800 alone"'),
    ],
)
def test_a_value_is_quoted_as_compact_json(value, quoted):
    assert short(value) == quoted


@pytest.mark.parametrize("length", range(SHOWN - 6, SHOWN + 3))
def test_what_is_longer_is_cut(length):
    for value in ("x" * length, [int("1" * length)], ["é" * (length // 2)]):
        whole = json.dumps(value, ensure_ascii=False)
        if len(whole.encode()) <= SHOWN:
            assert short(value) == whole
        else:
            head = short(value).removesuffix("...")
            assert head != short(value)
            assert whole.startswith(head)
            assert len(head.encode()) in (SHOWN - 1, SHOWN), "no character is cut in half"


def nested(kind: str, depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value] if kind == "lists" else {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "head"),
    [
        (nested("lists", 100_000), "[" * SHOWN),
        (nested("objects", 100_000), ('{"a":' * SHOWN)[:SHOWN]),
        ("\\" * 2**24, '"' + "\\" * (SHOWN - 1)),
        ([0] * 2**20, ("[" + "0," * SHOWN)[:SHOWN]),
        (dict.fromkeys(map(str, range(2**18)), "x" * 2**20), '{"0":"' + "x" * (SHOWN - 6)),
    ],
    ids=["deep lists", "deep objects", "long text", "long list", "wide object"],
)
def test_a_hostile_value_takes_no_time(value, head):
    began = time.perf_counter()
    quoted = short(value)
    assert time.perf_counter() - began < 0.5  # a thousandth of it, on an idle machine
    assert quoted == head + "..."
