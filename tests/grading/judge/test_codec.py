"""Values that cross: what comes back is equal, of the same types, and shares what was shared."""

import enum
import json
import math
from collections import Counter, OrderedDict, namedtuple

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.grading.judge import codec, wire
from labkit.grading.judge.tensors import NAMES
from tests.grading.judge.values import Point, Thing, same, same_array, values

calmly = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


def crossed(value, refer=None, resolve=None):
    """What arrives: the tree through JSON as the wire writes it, the blobs in memory of their own."""
    tree, blobs = codec.encode(value, refer)
    text = json.dumps({"value": tree}, allow_nan=False).encode()
    return codec.decode(wire.parse(text)["value"], [bytearray(blob) for blob in blobs], resolve)


def _without_things(value):
    """Things cross as their tokens, which compare."""
    if isinstance(value, Thing):
        return ("thing", value.token)
    if type(value) is dict:
        return {key: _without_things(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return getattr(type(value), "_make", type(value))(map(_without_things, value))
    return value


@calmly
@given(values)
def test_what_crosses_comes_back_the_same(value):
    back = crossed(value, lambda thing: {"token": thing.token}, lambda token: Thing(token["token"]))
    assert same(_without_things(value), _without_things(back))


@calmly
@given(st.sampled_from("bhilqBHILQefdgFDG?"), st.integers(0, 3), st.data())
def test_arrays_of_any_strides_come_back_the_same(letter, axes, data):
    shape = tuple(data.draw(st.lists(st.integers(0, 4), min_size=axes, max_size=axes)))
    array = np.arange(math.prod(shape)).reshape(shape).astype(letter)
    array = array.transpose(data.draw(st.permutations(range(axes))))
    array = array[tuple(slice(None, None, data.draw(st.sampled_from([1, 2, -1]))) for _ in range(axes))]
    back = crossed([array])[0]
    assert same_array(array, back)
    if array.flags.f_contiguous or array.flags.c_contiguous:
        assert back.flags.f_contiguous == array.flags.f_contiguous
        assert back.flags.c_contiguous == array.flags.c_contiguous


@pytest.mark.parametrize(
    "value",
    [
        2 ** (10**5),
        -(2**63),
        2**63,
        -0.0,
        5e-324,
        complex(-0.0, float("nan")),
        "\ud83d\ude00",  # two lone surrogates, which JSON would join
        "\udc00" + "x" * 5000,
        "ä" * 100_000,
        bytes(range(256)) * 300,
        bytearray(b"ab"),
        [float(n) for n in range(1000)],
        list(range(1000)),
        [2**63 - n for n in range(20)],  # one more than 64 bits hold
        [True] * 20,
        tuple(n / 7 for n in range(50)),
        range(10**30, 0, -7),
        slice(1, None, 2),
        ...,
        {None: 1, (1, "a"): 2, frozenset({1}): 3, b"k": 4},
        np.dtype(">f4"),
        np.float16(0.1),
        np.longlong(3),
        np.longdouble(1) / 3,
        np.str_("ends in zeros\0\0"),
        np.bytes_(b"\0"),
        np.datetime64("2020-02-29", "D"),
        np.timedelta64(3, "h"),
        np.bool_(True),
        np.array(["2020", "NaT"], "M8[Y]"),
        np.array(5),
        np.zeros((0, 4)),
        np.ndarray(3, "S0"),
        np.arange(200_000.0)[::-2],
        np.array([1, 2], ">c32"),
        torch.tensor(3),
        torch.zeros(2, 0),
        torch.arange(100_000)[::3],
        torch.ones(2, 3).t(),
        torch.ones(1).expand(4, 5),
        torch.arange(6).reshape(3, 2)[:1, 1],  # one number of stride 2
        np.arange(6).reshape(3, 2)[:1, 1],
        np.arange(6)[::-3][:1],
        torch.tensor([1j]).conj(),
        torch.tensor([1j]).conj().imag,  # a sign that is still to be turned
        torch.float8_e5m2,
    ],
    ids=lambda value: type(value).__name__,
)
def test_hard_values_come_back_the_same(value):
    assert same(value, crossed(value))


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("name", sorted(NAMES))
def test_tensors_of_every_dtype_cross(name):
    tensor = torch.ones(6, dtype=torch.uint8).repeat(16).view(getattr(torch, name))
    back = crossed(tensor)
    assert same_array(tensor, back)
    assert not back.requires_grad


def test_flags_cross():
    array = np.arange(3)
    array.flags.writeable = False
    assert not crossed(array).flags.writeable
    assert crossed(np.arange(3)).flags.writeable
    assert crossed(np.arange(100_000)).flags.writeable
    assert crossed(np.ndarray(3, "S0")).flags.writeable
    leaf = crossed(torch.nn.Parameter(torch.ones(2)))
    assert type(leaf) is torch.Tensor
    assert leaf.requires_grad
    assert leaf.is_leaf
    assert not crossed(torch.ones(2, requires_grad=True) * 2).requires_grad


def test_a_broadcast_array_crosses_once():
    array = np.broadcast_to(np.arange(1000.0), (5000, 1000))
    tree, blobs = codec.encode(array)
    assert sum(map(len, blobs)) == 8000
    back = codec.decode(tree, blobs)
    assert np.array_equal(array, back)
    assert not back.flags.writeable
    assert back.strides == (0, 8)


def test_a_small_array_owns_its_memory_and_a_large_one_is_not_copied():
    assert crossed(np.arange(3)).flags.owndata
    tree, blobs = codec.encode(np.zeros(100_000))
    arrived = bytearray(blobs[1])
    back = codec.decode(tree, [blobs[0], arrived])
    back[0] = 1
    assert any(arrived[:8])


def test_what_was_never_sent_shares_no_memory():
    array = np.zeros(100_000)
    codec.decode(*codec.encode(array))[0] = 1
    assert array[0] == 0


class Loud(list):
    """Overrides everything, to no effect."""

    def __iter__(self):
        return iter(["never"])

    def __len__(self):
        return 99


class Colour(enum.IntEnum):
    RED = 1


class Name(str):
    def __str__(self):
        return "never"


def test_subclasses_cross_as_their_base():
    assert crossed(Loud([1, 2])) == [1, 2]
    assert same(crossed([Colour.RED, Name("a"), Counter("aab")]), [1, "a", {"a": 2, "b": 1}])
    moved = OrderedDict(a=1, b=2)
    moved.move_to_end("a")
    assert list(crossed(moved)) == ["b", "a"]
    assert same(crossed(torch.Size([1, 2])), (1, 2))
    assert type(crossed(np.ones((1, 1)).view(np.matrix))) is np.ndarray


def test_namedtuples_keep_their_names():
    point = crossed(Point(1, [2]))
    assert (point.x, point.y, type(point).__name__) == (1, [2], "Point")
    best = crossed(torch.max(torch.eye(2), dim=1))
    assert best.indices.tolist() == [0, 1]
    assert same(crossed(namedtuple("_Hidden", "a")(1)), (1,))


def test_shared_objects_stay_shared():
    row, array, tensor, text = [1], np.arange(3), torch.ones(2), bytearray(b"x")
    back = crossed({"a": [row, row], "b": (row, array), "c": array, "d": [tensor, tensor], "e": [text, {"x": text}]})
    assert back["a"][0] is back["a"][1] is back["b"][0]
    assert back["b"][1] is back["c"]
    assert back["d"][0] is back["d"][1]
    assert back["e"][0] is back["e"][1]["x"]
    apart = crossed([[1], [1]])
    assert apart[0] is not apart[1]


def test_cycles_do_not_cross():
    row = [1]
    row.append({"again": (row,)})
    with pytest.raises(codec.CannotCross, match="contains itself"):
        codec.encode(row)


@pytest.mark.parametrize(
    "value",
    [
        Thing(),
        lambda: None,
        object,
        (1).__add__,
        np.array([None]),
        np.zeros(2, [("a", "i4")]),
        np.zeros(2, [("a", "i4")])[0],
        np.ma.masked_array([1, 2], [True, False]),
        torch.eye(2).to_sparse(),
        torch.ones(2, device="meta"),
        np.dtype("O"),
        torch.qint8,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_data_crosses_as_a_token_or_not_at_all(value):
    with pytest.raises(codec.CannotCross, match="cannot cross"):
        codec.encode([value])
    back = crossed({"x": (value, value)}, lambda one: {"is": id(one)}, lambda token: value)
    assert back["x"][0] is value
    assert codec.encode(value, lambda one: 7)[0] == ["o", 7]
