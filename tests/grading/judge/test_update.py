"""In-place changes of a student's code, done again to the test's own objects."""

from collections import Counter, OrderedDict, namedtuple

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.grading.judge.codec import decode, encode, update
from tests.grading.judge.values import Point, same, values

calmly = settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
THINGS: dict = {}


def arrived(value):
    """What comes from the other side."""
    return decode(*encode(value, lambda thing: THINGS.setdefault(id(thing), thing) and id(thing)), THINGS.get)


def changed(value, change):
    """What comes from the other side after a change there, and whether it could be done again to the value."""
    there = arrived(value)
    change(there)
    return update(value, arrived(there))


@calmly
@given(values, values)
def test_the_old_object_becomes_equal_or_nothing_is_said(old, new):
    came = arrived(new)
    if update(old, came):
        assert same(arrived(old), arrived(new))
    elif type(old) in (list, dict, set):
        assert type(old) is not type(new)


@calmly
@given(values)
def test_what_was_not_changed_is_left_as_it_is(value):
    inner = [value, [value]]
    assert update(inner, arrived(inner))
    if isinstance(value, list | dict | set | np.ndarray):
        assert inner[0] is inner[1][0] is value


def test_containers_keep_their_identity_and_that_of_what_they_hold():
    row, words, seen, text = [1, 2], {"a": [3]}, {1}, bytearray(b"ab")
    inner, whole = words["a"], [row, words, seen, text, 5]

    def change(there):
        there[0].append(7)
        there[1]["b"], there[1]["a"][0] = 8, 9
        there[2].add(2)
        there[3][:] = b"longer"
        there[4] = 6

    assert changed(whole, change)
    assert whole == [[1, 2, 7], {"a": [9], "b": 8}, {1, 2}, bytearray(b"longer"), 6]
    assert whole[0] is row
    assert whole[1] is words
    assert words["a"] is inner
    assert whole[2] is seen
    assert whole[3] is text


@pytest.mark.parametrize("new", [[], [1], [1, 2, 3, 4], [[1]], ["a", None]])
def test_a_list_may_become_longer_and_shorter(new):
    old = [1, 2, 3]
    assert update(old, new[:])
    assert old == new


def test_a_dict_takes_over_the_order_and_exact_keys():
    old = {"a": 1, 1: 2, "b": 3}
    assert update(old, {"b": 3, True: 2, "c": 4})
    assert [(key, type(key)) for key in old] == [("b", str), (True, bool), ("c", str)]
    ordered = OrderedDict(a=1, b=2)
    assert update(ordered, {"b": 2, "a": 1})
    assert list(ordered) == ["b", "a"]
    count = Counter("aab")
    assert update(count, {"a": 5})
    assert count == Counter(a=5)


@pytest.mark.parametrize(
    ("old", "new"), [(1, True), (1, 1.0), (0.0, -0.0), ("a", b"a"), (np.float64(1), 1.0), (np.int64(1), np.int32(1))]
)
def test_equal_is_not_the_same(old, new):
    whole = [old]
    assert update(whole, [new])
    assert type(whole[0]) is type(new)
    assert repr(whole[0]) == repr(new)


def test_what_is_still_the_same_stays_the_same_object():
    text, number, nan, dtype = "".join(["a", "b"]), 10**30, float("nan"), np.dtype(">i4")
    whole = [text, number, nan, dtype, range(3), (text, [1])]
    before = whole[:]
    assert update(whole, arrived(whole))
    assert all(one is other for one, other in zip(whole, before, strict=True))


def test_one_object_that_was_met_twice_becomes_two_only_where_it_did():
    row = [1]
    whole = [row, row]
    assert update(whole, [[2], [3]])
    assert whole == [[2], [3]]
    assert whole[0] is row
    one, two = [1], [2]
    whole, shared = [one, two], [3]
    assert update(whole, [shared, shared])
    assert whole[0] is whole[1] is one


def test_an_object_that_moved_is_moved():
    one, two = np.array([1]), np.array([2])
    whole = {"a": one, "b": two}
    assert changed(whole, lambda there: there.update(a=there["b"], b=there["a"]))
    assert (whole["a"].tolist(), whole["b"].tolist()) == ([2], [1])


def test_tuples_are_made_anew_around_what_they_hold():
    row = [1]
    whole = [(row, 2), Point(row, 3)]
    assert changed(whole, lambda there: there[0][0].append(5))
    assert whole == [([1, 5], 2), ([1, 5], 3)]
    assert whole[0][0] is row
    assert type(whole[1]) is Point
    assert update(whole, [(row, 2), namedtuple("Other", "x y")(1, 2)])
    assert type(whole[1]).__name__ == "Other"


@pytest.mark.parametrize(
    "old",
    [
        np.arange(6.0).reshape(2, 3),
        np.arange(6.0).reshape(2, 3).T,
        np.arange(12.0).reshape(2, 6)[:, ::2],
        np.arange(6.0)[::-1],
        np.array(["a", "bc"]),
        np.array(["2020"], "M8[D]"),
        np.array(3),
        np.zeros((0, 2)),
        torch.arange(6.0).reshape(2, 3),
        torch.arange(6.0).reshape(2, 3).t(),
        torch.arange(6, dtype=torch.int8)[::2],
        torch.ones(2, dtype=torch.bfloat16, requires_grad=True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_arrays_and_tensors_are_written_to(old):
    new = arrived(old)
    with torch.no_grad():
        new[...] = new[..., ::-1] if isinstance(new, np.ndarray) and new.ndim else new * 1
        new[...] = new.flip(-1) if isinstance(new, torch.Tensor) else new
    view = old[...] if isinstance(old, np.ndarray) else old.detach()
    assert update(old, new)
    assert same(arrived(old), new)
    assert same(arrived(view), arrived(new) if isinstance(new, np.ndarray) else new.detach())


def test_what_cannot_be_written_to_is_replaced_where_that_can_be_done():
    fixed = np.arange(3)
    fixed.flags.writeable = False
    spread = np.broadcast_to(np.arange(1.0), 3)
    held = bytearray(b"ab")
    view = memoryview(held)
    olds = [fixed, spread, torch.ones(1).expand(3), held, np.zeros(2), torch.zeros(2)]
    news = [np.ones(3, int), np.arange(3.0), torch.arange(3.0), bytearray(b"abc"), np.zeros(3), torch.zeros(2).int()]
    for old, new in zip(olds, news, strict=True):
        assert not update(old, new)
        whole = [old]
        assert update(whole, [new])
        assert whole[0] is new
    assert view.tobytes() == b"ab"
    assert update(fixed, np.arange(3))  # as it is


def test_overlapping_elements_are_not_taken_for_equal():
    old = np.lib.stride_tricks.as_strided(np.arange(4.0), (3, 2), (8, 8))
    assert not update(old, np.arange(6.0).reshape(3, 2))


def test_a_gradient_is_wanted_afterwards_where_it_was_switched_on():
    leaf = torch.ones(2)
    assert changed(leaf, lambda there: there.requires_grad_())
    assert leaf.requires_grad
    network = torch.nn.Parameter(torch.ones(2))
    (network * 2).sum().backward()
    assert changed(network, lambda there: there.data.zero_())
    assert network.tolist() == [0, 0]
    assert network.grad.tolist() == [2, 2]


def test_an_untouched_tensor_is_not_written_to():
    weight = torch.ones(2, requires_grad=True)
    out = (weight * weight).sum()
    assert update([weight], arrived([weight]))
    out.backward()  # which a write in between would forbid
    assert weight.grad.tolist() == [2, 2]


@pytest.mark.parametrize("size", [100, 20_000])
def test_what_is_shared_is_walked_once(size):
    deep = [1]
    for _ in range(12):
        deep = [deep, deep]
    wide = [deep] * 50 + list(range(size))
    assert update(wide, arrived(wide))


@given(st.lists(st.integers(0, 3), max_size=5))
def test_any_sharing_is_the_same_afterwards(places):
    rows = [[n] for n in range(4)]
    old, new = [rows[0], rows[1], rows[2]], [[9], [8], [7], [6]]
    came = [new[n] for n in places]
    assert update(old, came)
    assert old == [new[n] for n in places]
    assert [[one is other for one in old] for other in old] == [[one == other for one in places] for other in places]
