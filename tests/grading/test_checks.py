"""What a test cell calls: right answers pass, wrong ones get a sentence, and no object talks its way through."""

import math
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, OrderedDict, defaultdict, namedtuple
from enum import IntEnum

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labkit.grading.checks import awkward_arrays, awkward_sizes, close, counted, points, raises, same, within

NAN, INF = math.nan, math.inf


def refused(check, *args, **kwargs) -> str:
    """The message of a check that must fail: a line that a student can read."""
    with pytest.raises(AssertionError) as caught:
        check(*args, **kwargs)
    said = str(caught.value)
    assert said
    assert len(said) < 500
    assert "\n" not in said
    assert " object at 0x" not in said
    return said


# Objects that lie. Each of them would pass a comparison with == or np.allclose.


class _AlwaysEqual(type):
    """The class of a class, whose == and hash lie too."""

    def __eq__(cls, other):
        return True

    def __hash__(cls):
        return hash(float)

    def __instancecheck__(cls, other):
        return True


class Yes(metaclass=_AlwaysEqual):
    """Equal to everything, of every class, near to every number."""

    shape, dtype, ndim, size = (2,), np.dtype(np.float64), 1, 2
    __array_priority__ = 1000

    def yes(self, *args, **kwargs):
        return True

    __eq__ = __le__ = __lt__ = __ge__ = __gt__ = __bool__ = __call__ = __contains__ = yes

    def __ne__(self, other):
        return False

    def __hash__(self):
        return 1

    def itself(self, *args, **kwargs):
        return self

    __sub__ = __rsub__ = __abs__ = __add__ = __radd__ = __getitem__ = __array_ufunc__ = __array_function__ = itself

    def __array__(self, *args, **kwargs):
        return np.array([1.0, 2.0])

    def __float__(self):
        return 1.0

    __int__ = __index__ = __len__ = lambda self: 1

    def __iter__(self):
        return iter([1.0, 2.0])

    def __repr__(self):
        return "[1.0, 2.0]"


class SaysItIsAList(Yes):
    __class__ = list


class LyingList(list):
    __eq__ = Yes.yes

    def __iter__(self):
        return iter([1.0, 2.0])

    def __getitem__(self, index):
        return [1.0, 2.0][index]

    def __len__(self):
        return 2


class LyingDict(dict):
    __eq__ = Yes.yes
    items = values = keys = __iter__ = lambda self: iter([("a", 1.0)])
    __len__ = lambda self: 1  # noqa: E731
    __getitem__ = get = lambda self, key, default=None: 1.0


class LyingFloat(float):
    __eq__ = Yes.yes
    __float__ = lambda self: 1.0  # noqa: E731
    __sub__ = __rsub__ = __abs__ = lambda self, *other: 0.0


class LyingInt(int):
    __eq__ = Yes.yes
    __index__ = __int__ = __float__ = lambda self: 1


class LyingText(str):
    __eq__ = Yes.yes
    __hash__ = str.__hash__
    __str__ = __repr__ = lambda self: "right"


class LyingArray(np.ndarray):
    __eq__ = Yes.yes

    def __array_ufunc__(self, *args, **kwargs):
        return np.zeros(2)

    def __array_function__(self, *args, **kwargs):
        return np.array([1.0, 2.0])

    def __array__(self, *args, **kwargs):
        return np.array([1.0, 2.0])

    shape = property(lambda self: (2,))
    dtype = property(lambda self: np.dtype(np.float64))
    view = astype = copy = lambda self, *args: np.array([1.0, 2.0])


class LyingScalar(np.float64):
    __eq__ = Yes.yes
    __float__ = item = lambda self: 1.0


class LyingTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return torch.tensor([1.0, 2.0])


def hung_on(tensor):
    """A real tensor, with an attribute that hides its method."""
    tensor.detach = tensor.cpu = tensor.numpy = lambda *args: np.array([1.0, 2.0])
    return tensor


LIARS = {
    "an object": Yes(),
    "its class": Yes,
    "of class list": SaysItIsAList(),
    "a list": LyingList([5.0, 5.0]),
    "a list of liars": [Yes(), Yes()],
    "an array": np.array([5.0, 5.0]).view(LyingArray),
    "an array of liars": np.array([Yes(), Yes()], dtype=object),
    "a tensor": torch.tensor([5.0, 5.0]).as_subclass(LyingTensor),
    "a tensor's attributes": hung_on(torch.tensor([5.0, 5.0], dtype=torch.float64)),
    "floats": [LyingFloat(5), LyingFloat(5)],
    "ints": [LyingInt(5), LyingInt(5)],
    "scalars": [LyingScalar(5), LyingScalar(5)],
}


@pytest.mark.parametrize("liar", LIARS.values(), ids=LIARS.keys())
@pytest.mark.parametrize("expected", [[1.0, 2.0], np.array([1.0, 2.0]), torch.tensor([1.0, 2.0])], ids=type)
@pytest.mark.parametrize("check", [same, close])
def test_no_object_talks_its_way_through(check, expected, liar):
    refused(check, liar, expected)


@pytest.mark.parametrize(
    ("liar", "expected"),
    [
        (Yes(), 1.0),
        (Yes(), None),
        (Yes(), "right"),
        (LyingFloat(5), 1.0),
        (LyingInt(5), 1),
        (LyingScalar(5), 1.0),
        (LyingText("wrong"), "right"),
        (LyingDict(b=5.0), {"a": 1.0}),
        ({"a": Yes()}, {"a": 1.0}),
        ({Yes(): 1.0}, {"a": 1.0}),
        ((Yes(),), (1.0,)),
        ({Yes()}, {1}),
        (slice(Yes(), 2), slice(1, 2)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("check", [same, close])
def test_no_liar_inside_either(check, liar, expected):
    refused(check, liar, expected)


def test_an_object_that_is_expected_is_refused_too():
    assert "class Yes" in refused(same, Yes(), Yes())
    assert "class Yes" in refused(close, 1.0, Yes())
    assert "class Yes" in refused(same, [1, 2], [1, Yes()])


def test_what_stands_for_an_object_tells_its_class():
    for told in ("Garment", property(lambda self: "Garment")):
        handle = type("Handle", (), {"__labkit_class__": told})()
        assert "an object of class Garment came: return plain data" in refused(same, handle, 3)
    assert "class Rude" in refused(same, type("Rude", (), {"__labkit_class__": property(lambda self: 1 / 0)})(), 3)


# same

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(), st.binary(), st.just(...)
)
ARRAYS = hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
DATA = st.recursive(
    SCALARS | ARRAYS | st.sets(st.integers() | st.text(), max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.booleans(), inner, max_size=3)
    ),
    max_leaves=8,
)


def again(value):
    """The same data, in other objects where there are any."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list | tuple):
        return type(value)(again(one) for one in value)
    return {key: again(one) for key, one in reversed(value.items())} if isinstance(value, dict) else value


@given(DATA)
@settings(deadline=None, max_examples=60)
def test_data_is_the_same_as_itself(value):
    same(again(value), value)
    close(again(value), value)


@given(DATA, DATA)
@settings(deadline=None, max_examples=100)
def test_same_is_symmetric_and_has_a_sentence_for_everything(one, two):
    def verdict(got, expected):
        try:
            same(got, expected)
            said = ""
        except AssertionError as error:
            said = str(error)
        assert not said or said.startswith("your answer")
        assert len(said) < 900
        return not said

    assert verdict(one, two) == verdict(two, one)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (np.int64(3), 3),
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        ([np.int8(1)], [1]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(b=1, a=2), {"a": 2, "b": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (IntEnum("Rank", "first").first, 1),
        (namedtuple("Point", "x y")(1, 2), (1, 2)),
        (torch.Size([2, 3]), (2, 3)),
        (NAN, NAN),
        ({NAN: 1}, {float("nan"): 1}),
        (-0.0, 0.0),
        (10**5000, 10**5000),
        ("\ud800", "\ud800"),
        (np.array([1.0, NAN]), np.array([1.0, NAN])),
        (np.array(["a", "bc"]), np.array(["a", "bc"], dtype="<U9")),
        (np.array([1, 2], ">i4"), np.array([1, 2], "<i4")),
        (np.array(["NaT", "2024-01-01"], "M8[D]"), np.array(["NaT", "2024-01-01"], "M8[D]")),
        (np.datetime64("2024-01-01"), np.datetime64("2024-01-01")),
        (np.asfortranarray(np.eye(3)), np.eye(3)),
        (torch.tensor([1.0, NAN], dtype=torch.bfloat16), torch.tensor([1.0, NAN], dtype=torch.bfloat16)),
        (torch.nn.Parameter(torch.ones(2)), torch.ones(2)),
        (torch.float32, torch.float32),
        (np.dtype("i4"), np.dtype("i4")),
        (range(3), range(3)),
        (slice(1, None), slice(1, None)),
        (frozenset({(1, "a")}), frozenset({(1, "a")})),
    ],
    ids=lambda value: type(value).__name__,
)
def test_same_passes(got, expected):
    same(got, expected)


@pytest.mark.parametrize(
    ("got", "expected", "says"),
    [
        ({"files": ["a", "b", 4]}, {"files": ["a", "b", 3]}, r"your answer at \['files'\]\[2\]: 3 expected, 4 found"),
        (None, 3, "an int is expected, and None came: is a `return` missing"),
        (..., "Grace", "placeholder"),
        (3.0, 3, r"an int is expected, and a float came: 3.0 \(// divides"),
        (3, 3.0, "a float is expected, and an int came: 3"),
        (True, 1, "an int is expected, and a bool came"),
        (np.bool_(False), 0, "an int is expected, and a bool came"),
        ((1, 2), [1, 2], r"a list is expected, and a tuple came: \(1, 2\) \(list\(...\) makes one\)"),
        ([1], (1,), "a tuple is expected"),
        (range(3), [0, 1, 2], "a range came"),
        ((n for n in [1]), [1], r"a generator came: list\(...\) makes a list of it"),
        ({"a": 1}.keys(), ["a"], "a dict_keys came"),
        (len, 3, "brackets"),
        (lambda: 3, 3, "brackets"),
        (int, 3, "an object of class type came"),
        ([1, 2], [1, 2, 3], r"3 items expected, 2 found; missing from \[2\] on, where 3 is expected"),
        ([1, 2, 3], [1, 2], r"2 items expected, 3 found; too many from \[2\] on, which is 3"),
        ([1, 5, 3], [1, 2], r"2 items expected, 3 found; the first difference is at \[1\]: 2 expected, 5 found"),
        ([], [7], "1 item expected, 0 found"),
        ({"a": 1}, {"a": 1, "b": 2}, "the key 'b' is missing$"),
        ({"a": 1, "c": 2, "d": 3}, {"a": 1}, r"the key 'c' \(and 1 other\) was not asked for"),
        ({"totl": 1}, {"total": 1}, "the key 'total' is missing, and the key 'totl' was not asked for"),
        ({1: "a"}, {True: "a"}, "the key True is missing, and the key 1 was not"),
        ({NAN: 2}, {float("nan"): 1, float("nan"): 2}, "2 keys expected, 1 found"),
        ({NAN}, {float("nan"), float("nan")}, "2 members expected, 1 found"),
        ({1, 2}, {1, 3}, "the member 3 is missing, and the member 2 was not asked for"),
        ("abc", "abd", "'abd' expected, 'abc' found"),
        ("x" * 500 + "a", "x" * 500 + "b", "differ from character 500 on: .*b' expected, .*a' found"),
        (b"\0" * 99, b"\0" * 98, "differ from byte 98 on"),
        (NAN, 1.0, "1.0 expected, nan found"),
        (10**5000, 0, "0 expected, an int of 16610 bits found"),
        (0.1 + 0.2, 0.3, "0.3 expected, 0.30000000000000004 found"),
        (np.zeros((2, 3)), np.zeros((3, 2)), r"shape \(3, 2\) expected, \(2, 3\) found"),
        (np.zeros(2, np.float32), np.zeros(2), "datatype float64 expected, float32 found"),
        (np.zeros(2), torch.zeros(2), r"a torch tensor is expected, and a NumPy array came: an array of shape \(2,\)"),
        (torch.zeros(2, dtype=torch.float16), torch.zeros(2), "datatype float32 expected, float16 found"),
        (np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 5]]), r"at \[1, 1\]: 5 expected, 4 found$"),
        (np.array([1, 2, 9]), np.array([0, 2, 3]), r"at \[0\]: 0 expected, 1 found \(and 1 of 3 more\)"),
        (np.array(["NaT"], "M8[D]"), np.array(["2024-01-01"], "M8[D]"), "2024-01-01 expected, NaT found"),
        (np.array(["a"]), np.array(["b"]), "'b' expected, 'a' found"),
        (np.array([None]), np.array([1]), "holds objects"),
        (np.zeros(1, [("x", int)]), np.array([1]), "holds objects"),
        (torch.eye(2).to_sparse(), torch.eye(2), "class Tensor"),
        (torch.empty(2, device="meta"), torch.zeros(2), "class Tensor"),
        ([Yes()], [1], r"at \[0\]: an object of class Yes came: return plain data"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_same_says_where_and_what(got, expected, says):
    assert re.search(says, refused(same, got, expected)), refused(same, got, expected)


def test_a_large_set_is_compared_without_being_written(monkeypatch):
    monkeypatch.setattr("labkit.grading.checks.equality.show", lambda one: shown.append(one) or repr(one))
    shown = []
    one, two = {f"w{n}" for n in range(300_000)}, {f"w{n}" for n in range(300_000)}
    same(one, two)
    assert refused(same, one - {"w7"}, two) == "your answer: the member 'w7' is missing"
    assert shown == ["w7"]


def test_a_message_begins_with_what_was_checked():
    assert refused(same, 1, 2, "count([])") == "count([]): 2 expected, 1 found"
    assert refused(same, [1], [2], what="the order") == "the order at [0]: 2 expected, 1 found"
    assert refused(close, [1.0], [2.0], what="the loss").startswith("the loss at [0]: 2 expected, 1 found")


def test_what_is_endless_or_huge_is_refused_in_no_time():
    begin = time.monotonic()
    loop = [1]
    loop.append(loop)
    bomb = [1.0]
    for _ in range(60):
        bomb = [bomb, bomb]
    huge = np.broadcast_to(np.float32(0), (10**6, 10**6))
    for got in (loop, bomb, huge, torch.zeros(1).expand(10**6, 10**6), "a" * 10**7):
        for expected in (1.0, [1.0, [2.0]], [[1.0], [2.0]], np.zeros((2, 2)), {"a": 1}, [np.ones(2), np.ones(3)]):
            refused(same, got, expected)
            refused(close, got, expected)
    refused(same, loop, loop)
    refused(close, loop, loop)
    refused(close, {"a": loop}, {"a": loop})
    assert time.monotonic() - begin < 5


# close

RIGHT = np.random.default_rng(7).normal(size=(4, 5))


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1.0, 1.000001),
        (3, 3.0),
        (np.float32(0.1), 0.1),
        (torch.tensor(2.0), 2),
        (np.array(2.0), 2),
        (RIGHT.astype(np.float32), RIGHT),
        (RIGHT.tolist(), RIGHT),
        (tuple(map(tuple, RIGHT.tolist())), RIGHT),
        (list(RIGHT), RIGHT),
        ([torch.from_numpy(row) for row in RIGHT], RIGHT),
        (torch.from_numpy(RIGHT).requires_grad_(), RIGHT.tolist()),
        (torch.from_numpy(RIGHT), list(RIGHT)),
        (torch.ones(3, dtype=torch.bfloat16), np.ones(3)),
        (torch.tensor([1 + 1j]).conj(), [1 - 1j]),
        (RIGHT.view(LyingArray), RIGHT),
        ([LyingFloat(5)], [5.0]),
        ([NAN, INF, -INF], [NAN, INF, -INF]),
        (np.array([True, False]), [True, False]),
        ([], np.zeros(0)),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        ([], np.zeros((0, 3))),
        ([[], []], np.zeros((2, 0))),
        ([1.0, None, "a"], [1.0000001, None, "a"]),
        ({"loss": 1.0, "rows": [(1, [2.0])]}, {"loss": 1.0000001, "rows": [[1, np.array([2.0])]]}),
        ([np.ones(2), np.ones(3)], (np.ones(2), torch.ones(3))),
        ([1e400, 10**300], [INF, 1e300]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_close_passes(got, expected):
    close(got, expected)


@pytest.mark.parametrize(
    ("got", "expected", "says"),
    [
        (None, 3.0, "numbers are expected, and None came: is a `return` missing"),
        ("3", 3.0, "numbers are expected, and a str came: '3'"),
        ({"a": 1}, 3.0, "numbers are expected, and a dict came"),
        ([1.0, "a"], [1.0, 2.0], r"at \[1\]: numbers are expected, and a str came"),
        ([1.0, True], [1.0, 1.0], "True or False came among numbers"),
        (True, 1.0, "numbers expected, and bool came"),
        (np.ones(2), np.ones(2, bool), "True or False expected, and float64 came"),
        ([1j], [1.0], "real numbers are expected, and complex"),
        (np.array([True, False]), np.array([True, True]), r"at \[1\]: True expected, False found"),
        ([[1, 2], [3]], np.ones((2, 2)), r"at \[1\]: shape \(1,\) found, where what came before it has shape \(2,\)"),
        ([10**400], [1.0], "too large for a float64"),
        (RIGHT.T, RIGHT, r"shape \(4, 5\) expected, \(5, 4\) found. Is it transposed\?"),
        (RIGHT[None], RIGHT, "An axis of length 1 is too many"),
        (RIGHT[0], RIGHT[:1], "An axis of length 1 is missing"),
        (RIGHT[:, :1], RIGHT[:, :1].T, "transposed"),
        (RIGHT.ravel(), RIGHT, "as many as asked for: is a reshape"),
        (RIGHT[:3], RIGHT, "one too few along axis 0"),
        (RIGHT, RIGHT[:, :4], "one too many along axis 1"),
        (5.0, RIGHT, r"shape \(4, 5\) expected, \(\) found"),
        (
            [1.0, NAN, 3.0],
            [1.0, 2.0, 3.0],
            r"at \[1\]: 2.0 expected, nan found \(1 of 3 such places\): a division by 0",
        ),
        ([1.0, 2.0], [1.0, NAN], r"at \[1\]: nan expected, 2.0 found \(1 of 2 such places\)$"),
        ([-INF, 2.0], [INF, 2.0], "inf expected, -inf found"),
        ([INF, 2.0], [1e308, 2.0], "inf found"),
        (
            [1.0, 2.5, 3.1],
            [1.0, 2.0, 3.0],
            r"at \[1\]: 2 expected, 2.5 found \(off by 0.5, allowed 2e-05\); 2 of 3 numbers are wrong",
        ),
        (1.00002, 1.0, r"1 expected, 1.00002 found"),
        ({"a": 1.0, "b": [1.0, 3.0]}, {"a": 1.0, "b": [1.0, 2.0]}, r"at \['b'\]\[1\]: 2 expected, 3 found"),
        ({"a": 1.0}, {"a": 1.0, "b": 2.0}, "the key 'b' is missing"),
        ([1.0, None], [1.0, "a"], r"at \[1\]: a str is expected, and None came"),
        ([1.0, 2.0, None], [1.0, 3.0, None], r"at \[1\]: 3 expected, 2 found"),
        ((RIGHT, RIGHT), (RIGHT, RIGHT.T), r"at \[1\]: shape \(5, 4\) expected"),
        (np.ones((3, 2)), [np.ones(2), np.ones(2)], "2 arrays expected, an array of shape"),
        (np.array(["a"]), [1.0], "numbers are expected, and an array of shape"),
        (iter([1.0]), [1.0], "class list_iterator came"),
        (map(float, [1]), [1.0], r"a map came: list\(...\)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_close_says_what_is_wrong(got, expected, says):
    said = refused(close, got, expected)
    assert re.search(says, said), said


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda x: 0 * x, "All that came are zeros"),
        (lambda x: -x, "Every number has the wrong sign"),
        (lambda x: 2 * x, "Every number is 2 times the expected one$"),
        (lambda x: 6 * x, "6 times the expected one, which is the length of axis 0: a sum for a mean"),
        (lambda x: x / 36, "divided by 36, which is how many there are"),
        (lambda x: x / 1000, "divided by 1000$"),
        (lambda x: x + 0.5, "Every number is 0.5 too large"),
        (lambda x: x.T, "It is transposed"),
        (lambda x: x[::-1], "It is reversed along axis 0"),
        (lambda x: x[:, ::-1], "It is reversed along axis 1"),
        (lambda x: np.roll(x, 1, 0), "one place too late along axis 0"),
        (lambda x: np.concatenate([x[:, 1:], 0 * x[:, :1]], 1), "one place too early along axis 1"),
        (lambda x: np.where(np.arange(6) < 4, x, 0), "wrong only from index 4 on along axis 1, of 6: is the end"),
        (lambda x: np.where(np.arange(6)[:, None] > 0, x, 9), "wrong only up to index 0 along axis 0"),
        (lambda x: np.sort(x.ravel()).reshape(6, 6), "right numbers in a wrong order"),
        (lambda x: x**2, "numbers are wrong$"),
    ],
)
def test_close_says_what_it_looks_like(wrong, says):
    right = np.random.default_rng(3).normal(size=(6, 6))
    said = refused(close, wrong(right).astype(np.float32), right)
    assert re.search(says, said, re.IGNORECASE), said


@pytest.mark.parametrize(
    ("got", "expected", "says"),
    [
        (3600, 3.6, "It is 1,000 times the expected number"),
        (0.25, 0.5, "divided by 2"),
        (-0.5, 0.5, "The sign is wrong"),
        (101, 100, "One too many"),
        (99, 100, "One too few"),
        (0.0, 1.0, "allowed 1e-05\\)$"),
        ([3, 2, 1], [1, 2, 3], "It is reversed$"),
        (np.ones((2, 3)), np.full((2, 3), 2.0), "divided by 2"),
        (np.full(4, 2 + 2j), np.full(4, 1 + 1j), "2 times"),
        (np.arange(8.0).reshape(2, 2, 2).swapaxes(0, 1), np.arange(8.0).reshape(2, 2, 2), "Axes 0 and 1 are exch"),
    ],
)
def test_close_on_few_numbers(got, expected, says):
    said = refused(close, got, expected)
    assert re.search(says, said), said


@given(hnp.arrays(np.float64, hnp.array_shapes(max_side=5), elements=st.floats(-1e6, 1e6)), st.data())
@settings(deadline=None, max_examples=100)
def test_one_wrong_number_is_always_found_where_it_is(right, data):
    where = tuple(data.draw(st.integers(0, n - 1)) for n in right.shape)
    wrong = right.copy()
    wrong[where] += 1e3
    assert f"at [{', '.join(map(str, where))}]" in refused(close, wrong, right)
    assert f"at [{', '.join(map(str, where))}]" in refused(same, wrong, right)


def test_a_datatype_of_python_is_no_other_name_for_one_of_numpy():
    close(np.ones(2), [1, 1], dtype=np.dtype("float64"))
    assert "float64 is asked for, and float32 came" in refused(close, np.ones(1, "f4"), [1], dtype=np.dtype("float64"))


@pytest.mark.parametrize("allowed", [{"rtol": INF}, {"atol": INF}, {"rtol": NAN}, {"atol": -1}])
def test_not_everything_can_be_allowed(allowed):
    with pytest.raises(ValueError, match="what is allowed is finite"):
        close(1.0, 2.0, **allowed)


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32"), torch.float32, "float"])
def test_a_datatype_may_be_asked_for(dtype):
    close(np.ones(2, np.float32), [1, 1], dtype=dtype)
    close(torch.ones(2), [1, 1], dtype=dtype)
    assert re.search(
        "datatype float(32)? is asked for, and int64 came",
        refused(close, np.ones(2, int), 1 + 0 * RIGHT[0, :2], dtype=dtype),
    )


def test_a_kind_of_datatype_may_be_asked_for():
    close([1, 2], [1, 2], dtype=int)
    close(np.ones(2, np.uint8), [1, 1], dtype="int")
    assert "datatype int is asked for, and float came" in refused(close, [1.0, 2.0], [1, 2], dtype=int)
    assert "datatype float64 is asked for, and float32 came" in refused(close, torch.ones(1), [1.0], dtype="float64")


def test_a_guess_has_to_explain_the_numbers_well_whatever_is_allowed():
    assert refused(close, 1.6, 1.0, atol=0.5).endswith("allowed 0.5)")
    assert "2 times" in refused(close, [2.0, 4.001], [1.0, 2.0], rtol=0.5)


def test_a_small_difference_is_written_with_all_digits():
    assert "1.0 expected, 1.000000002 found" in refused(close, 1.000000002, 1.0, rtol=0, atol=0)


def test_the_tolerance_is_relative_to_what_is_expected():
    close(101.0, 100.0, rtol=0.01, atol=0)
    refused(close, 100.0, 98.9, rtol=0.01, atol=0)
    close(0.25, 0.0, rtol=0, atol=0.25)
    close(-101.0, -100.0, rtol=0.01, atol=0)


@pytest.mark.filterwarnings("error")  # nbgrader gives no points to a cell that writes to stderr
def test_no_numbers_make_it_warn():
    for one in ([1e308, -1e308], [NAN, INF], [0.0, 5e-324], [0.0, 0.0], [-INF, 1e200]):
        for two in ([1e308, 1e308], [1.0, INF], [0.0, 1.0], [INF, -1e200]):
            refused(close, one, two)
    refused(close, np.array([1], np.longdouble) * np.finfo(np.longdouble).max, [1.0])


# within


def spin(caught=BaseException):
    """A loop that does not end, and catches what it can, once."""
    try:
        while True:
            pass
    except caught:
        while True:
            pass


class Stub:
    """A function of the judge, which limits itself."""

    __name__ = "spin"

    def __init__(self, takes=0.0, error=None):
        self.takes, self.error, self.limit = takes, error, None

    def __labkit_limited__(self, seconds):
        self.limit = seconds
        return self

    def __call__(self, *args, **kwargs):
        time.sleep(self.takes)
        if self.error:
            raise self.error
        return args, kwargs


def test_within_returns_what_the_function_returns():
    assert within(30, divmod, 7, 2) == (3, 1)
    assert within(30, dict, a=1) == {"a": 1}
    assert within(30, Stub(), 1, b=2) == ((1,), {"b": 2})


@pytest.mark.parametrize("seconds", [0, -1, NAN])
def test_a_limit_is_some_time(seconds):
    with pytest.raises(ValueError, match="more than 0 seconds"):
        within(seconds, len, [])


@pytest.mark.parametrize("way", ["alarm", "thread", "stub"])
def test_a_loop_without_an_end_gets_the_same_sentence_everywhere(way, monkeypatch):
    monkeypatch.setattr("labkit.grading.checks.calls._has_alarm", lambda: way == "alarm")
    function = Stub(0.2, TimeoutError("facts")) if way == "stub" else spin
    begin = time.monotonic()
    said = refused(within, 0.2, function, ZeroDivisionError)
    assert said.startswith("spin(an object of class type) had not returned after 0.2 s: a loop that does not end")
    assert 0.1 < time.monotonic() - begin < 10


def test_a_function_cannot_catch_the_alarm_for_long():
    begin = time.monotonic()
    assert "had not returned after 0.1 s" in refused(within, 0.1, spin)
    assert time.monotonic() - begin < 10


def test_a_deadlock_is_ended():
    lock = threading.Lock()
    lock.acquire()
    assert "deadlock" in refused(within, 0.1, lock.acquire)


@pytest.mark.parametrize("way", ["alarm", "thread", "stub"])
def test_errors_of_the_function_pass_and_its_own_timeout_too(way, monkeypatch):
    monkeypatch.setattr("labkit.grading.checks.calls._has_alarm", lambda: way == "alarm")

    def fails(error):
        raise error

    for error in (TimeoutError("the peer is silent"), ValueError("no"), AssertionError("own")):
        with pytest.raises(type(error), match=str(error)):
            within(30, *((Stub(0, error),) if way == "stub" else (fails, error)))


def test_within_leaves_alarms_as_they_were():
    def handler(number, frame):
        pass

    old, old_timer = signal.signal(signal.SIGALRM, handler), signal.setitimer(signal.ITIMER_REAL, 100)
    try:
        within(5, len, [])
        refused(within, 0.05, spin, ValueError)
        assert signal.getsignal(signal.SIGALRM) is handler
        assert 50 < signal.getitimer(signal.ITIMER_REAL)[0] <= 100
    finally:
        signal.setitimer(signal.ITIMER_REAL, *old_timer)
        signal.signal(signal.SIGALRM, old)


def test_limits_inside_limits_keep_their_own_time():
    def inner(seconds):
        return within(seconds, spin, ValueError)

    assert "spin(" in refused(within, 60, inner, 0.1)
    assert refused(within, 0.1, inner, 60).startswith("inner(60) had not returned after 0.1 s")


def test_within_works_in_a_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(refused(within, 0.1, spin, ValueError)))
    thread.start()
    thread.join(30)
    assert "had not returned" in found[0]


# raises


def split(total, parts):
    if parts < 1:
        raise ValueError("Parts has to be at least 1")
    return total / parts


def test_raises_passes():
    raises(ValueError, split, 3, 0)
    raises(ValueError, split, 3, parts=0, says="parts")
    raises((KeyError, ValueError), split, 3, 0, says=r"at least \d")
    raises(ArithmeticError, lambda: 1 / 0)
    raises(NotImplementedError, todo, 3)


def todo(n):
    raise NotImplementedError("your code here")


class Silent(ValueError):
    def __str__(self):
        raise RuntimeError


def silent():
    raise Silent


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ((ValueError, split, 3, 1), r"^split\(3, 1\) should raise ValueError, and returns 3.0$"),
        ((ValueError, split, 3, "a"), r"^split\(3, 'a'\) should raise ValueError, and raises TypeError: '<' not"),
        (((ValueError, KeyError), split, 3, 2), "should raise ValueError or KeyError"),
        ((ValueError, todo, 3), "todo is not written yet"),
        ((ValueError, silent), "message does not say 'parts': ''"),
        ((ValueError, lambda: Yes()), "your function.* should raise ValueError, and returns an object of class Yes"),
    ],
)
def test_raises_says_what_happened(call, says):
    said = refused(raises, *call, says="parts")
    assert re.search(says, said), said


@pytest.mark.parametrize("wide", [Exception, RuntimeError, (ValueError, Exception)])
def test_a_stub_is_no_refusal_whatever_may_be_raised(wide):
    assert "todo is not written yet" in refused(raises, wide, todo, 3)


@pytest.mark.parametrize("thing", [None, 3, "split", [split]])
def test_what_is_no_function_raises_nothing(thing):
    assert "a function that raises TypeError is expected, and " in refused(raises, TypeError, thing, 3)


def test_a_message_must_name_the_argument():
    said = refused(raises, ValueError, split, 3, 0, says="total")
    assert said.startswith("split(3, 0) raises ValueError, as it should, but its message does not say 'total': 'Parts")


def test_an_interrupt_is_no_answer():
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        raises(ValueError, stop)


# counted


def test_calls_are_counted_with_their_arguments():
    load = counted(lambda row, times=1: row * times)
    assert (load(2), load(3, 4), load(times=5, row=6)) == (2, 12, 30)
    assert load.calls == 3
    assert load.arguments == [(2,), (3, 4), (6, 5)]


def test_arguments_are_those_of_the_time_of_the_call():
    seen = counted(lambda *args: None)
    array, rows, tensor = np.zeros(2), [[1], {"a": [2]}], torch.zeros(2)
    seen(array, rows, tensor)
    array += 1
    tensor += 1
    rows[0].append(9)
    rows[1]["a"].append(9)
    same(seen.arguments, [(np.zeros(2), [[1], {"a": [2]}], torch.zeros(2))])


def test_a_call_that_fails_is_a_call():
    fails = counted(todo)
    with pytest.raises(NotImplementedError):
        fails(1)
    with pytest.raises(TypeError):
        fails(wrong=1)
    assert fails.calls == 2


def test_counting_is_not_stopped_by_odd_arguments_or_builtins():
    sink, loop, bomb = counted(lambda *args: len(args)), [], [0]
    loop.append(loop)
    for _ in range(60):
        bomb = [bomb, bomb]
    assert sink(loop, bomb, Yes(), np.broadcast_to(np.float32(0), (10**6, 10**6))) == 4
    assert counted(max)(1, 2) == 2
    assert counted(dict)(a=1) == {"a": 1}
    assert repr(counted(max)) == "<max, 0 calls>"


def test_threads_are_counted_too():
    count = counted(lambda i: i)
    threads = [threading.Thread(target=lambda: [count(i) for i in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count.calls == 800


# awkward sizes and arrays


def test_sizes_lie_around_the_edges_of_a_tile():
    sizes = awkward_sizes(16, most=99)
    assert {0, 1, 15, 16, 17, 31, 32, 63, 64, 65} <= set(sizes)
    assert any(n > 32 and all(n % d for d in range(2, n)) for n in sizes)
    assert len(set(sizes)) == len(sizes)
    assert awkward_sizes(16) == awkward_sizes(16)
    assert 0 not in awkward_sizes(16, zero=False, most=99)
    assert awkward_sizes() == awkward_sizes(8)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=4), st.integers(1, 40), st.booleans())
@settings(deadline=None, max_examples=60)
def test_sizes_are_few_and_different(tiles, most, zero):
    sizes = awkward_sizes(*tiles, most=most, zero=zero)
    assert 1 <= len(sizes) == len(set(sizes)) <= most
    rows = [(one,) if isinstance(one, int) else one for one in sizes]
    assert all(len(row) == len(tiles) for row in rows)
    assert all(n >= (0 if zero else 1) for row in rows for n in row)
    for axis, tile in enumerate(tiles):  # the size that no tile fits comes early, along each dimension
        assert axis >= len(rows) or any(row[axis] == tile + 1 for row in rows)


def test_dimensions_differ_so_that_an_exchange_shows():
    sizes = awkward_sizes(16, 16, 16)
    assert len(sizes) == 12
    assert sum(len(set(row)) == 3 for row in sizes) >= 10
    for size in (0, 1, 15, 16, 17):
        assert all(any(row[axis] == size for row in sizes) for axis in range(3))


def test_a_tile_has_an_element():
    with pytest.raises(ValueError, match="at least one element"):
        awkward_sizes(0)


def test_there_is_a_size_to_check():
    for most in (0, -1):
        with pytest.raises(ValueError, match="would always pass"):
            awkward_sizes(8, most=most)


@pytest.mark.parametrize("shape", [(), (0,), (5,), (4, 3), (2, 0, 3), (2, 3, 4)])
def test_awkward_arrays_hold_the_same_numbers(shape):
    array = np.random.default_rng(1).normal(size=shape)
    variants = awkward_arrays(array)
    for variant in variants.values():
        assert type(variant) is np.ndarray
        same(variant, array)
    assert not variants["that is read-only"].flags.writeable
    if len(shape) == 2:
        assert variants["in Fortran order"].flags.f_contiguous
        assert not variants["with gaps between its numbers"].flags.c_contiguous
        assert max(variants["that runs backwards in memory"].strides) < 0
    assert array.flags.writeable


# points


def test_points_are_added_and_what_fails_is_printed(capsys):
    earned = points(
        (1, "nothing", lambda: same(len([]), 0)),
        (2, "a batch", lambda: same(len([1]), 2)),
        (0.5, "an error", lambda: 1 / 0),
        (1.5, "the rest", lambda: close([1.0], [1.0])),
    )
    assert earned == 2.5
    assert capsys.readouterr().out.splitlines() == [
        "a batch (2 of 5 points): your answer: 2 expected, 1 found",
        "an error (0.5 of 5 points): ZeroDivisionError: division by zero",
    ]


def test_all_points_print_nothing(capsys):
    assert repr(points((1, "one", lambda: None), (2, "two", lambda: None))) == "3"
    assert repr(points(*[(0.1, "tenth", lambda: None)] * 3)) == "0.3"
    assert capsys.readouterr().out == ""


def test_no_points_are_a_failure_that_says_why():
    said = refused(points, (1, "one", lambda: same(1, 2)), (1, "one", lambda: close(1, 3)))
    assert said.startswith(
        "one (1 of 2 points): your answer: 2 expected, 1 found; one (1 of 2 points): your answer: 3 exp"
    )


def test_visible_parts_are_worth_all_points_of_the_cell():
    assert points((1, "shown", lambda: None), of=3) == 3
    assert points((1, "shown", lambda: None), (2, "hidden", lambda: same(1, 2)), of=3) == 1


@pytest.mark.parametrize("no", [False, np.bool_(False)])
def test_a_part_that_is_false_does_not_hold(no, capsys):
    assert points((1, "shown", lambda: True), (1, "compared", lambda: no)) == 1
    assert capsys.readouterr().out == "compared (1 of 2 points): it does not hold\n"


@pytest.mark.parametrize(
    "parts", [(), ((0, "none", lambda: None),), ((2, "two", lambda: None), (-1, "-", lambda: None))]
)
def test_a_check_has_parts_and_each_is_worth_something(parts):
    with pytest.raises(ValueError, match="at least one part"):
        points(*parts, of=3)


def test_parts_of_one_name_count_each_for_itself():
    assert points((1, "part", lambda: None), (1, "part", lambda: same(1, 2))) == 1


def test_a_limit_inside_a_part_ends_that_part_only(capsys):
    assert points((1, "slow", lambda: within(0.1, spin, ValueError)), (1, "fine", lambda: None)) == 1
    assert "had not returned after 0.1 s" in capsys.readouterr().out


# all of it


def test_importing_the_checks_needs_numpy_alone():
    code = "import sys, labkit.grading.checks as c; c.close([1], [1]); print({'torch', 'numba'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout.strip() == "set()"
