"""A value written as a tree that JSON can hold, and blobs. The format is in codec.py.

It runs in the student's process too, on the student's objects. Nothing rests on it there, but it reads a subclass
through the methods of its base, so that an overridden `__iter__` or `items` has no say in what crosses.
"""

import sys
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable

import numpy as np

from labkit.grading.judge import arrays, tensors
from labkit.grading.judge.budget import Budget, Cost, Metering
from labkit.grading.judge.limits import BIG, INLINE, RANGE_BITS, WHAT_CAN, WIDEST, CannotCross, Limits
from labkit.grading.judge.records import fields_of

PACKED_FROM = 8  # numbers in a row that are worth packing
PACKED = {float: "d", int: "q"}  # the same letters in `array` and in NumPy


class Writer:
    """One value on its way: what of it has been written, and the bytes beside the tree."""

    def __init__(self, refer: Callable[[object], object] | None, limits: Limits):
        self.refer = refer
        self.budget = Budget(limits, CannotCross)
        self.small = bytearray()  # every payload below BIG, one after the other
        self.blobs: list[memoryview] = []
        self.seen: dict[int, tuple[int, Cost] | None] = {}  # a mutable object's id -> its number; None within it
        self.finished = 0  # mutable objects are numbered in the order in which they end
        self.kept: list = []  # objects whose ids must not be given to others meanwhile

    def write(self, value: object, depth: int = 0) -> object:
        """The tree of a value; its bytes are added to `small` and `blobs`."""
        kind = type(value)
        if value is None or kind is bool:
            return value
        way = WAYS.get(kind) or _way(kind)
        if way is None:
            return self.foreign(value)
        if way in SHARED:
            return self._shared(value, way, depth)
        return way(self, value, depth)

    def payload(self, data: memoryview | bytes) -> None:
        """Bytes that go beside the tree: the other side takes them in the same order."""
        self.budget.spend(0, len(data))
        if len(data) < BIG:
            self.small += data
        else:
            # Read-only, so that who decodes it in this process makes a copy, and does not share the memory.
            self.blobs.append(memoryview(data).toreadonly())

    def foreign(self, value: object) -> list:
        """What is no data: the caller's token for it."""
        token = None if self.refer is None else self.refer(value)
        if token is None:
            raise CannotCross(f"a {type(value).__name__} cannot cross: {WHAT_CAN}")
        return ["o", token]

    def _shared(self, value: object, way: Callable, depth: int) -> list:
        key = id(value)
        if key in self.seen:
            return self._again(self.seen[key], depth)
        self.seen[key] = None
        self.kept.append(value)
        metering = Metering(self.budget, depth)
        tree = way(self, value, depth)
        cost = metering.cost()
        if tree[0] == "o":  # an array of objects, say: the caller knows it by its token
            del self.seen[key]
        else:
            self.seen[key] = (self.finished, cost)
            self.finished += 1
        return tree

    def _again(self, met: tuple[int, Cost] | None, depth: int) -> list:
        if met is None:
            raise CannotCross("a list or dict that contains itself cannot cross")
        number, cost = met
        cost.again(self.budget, depth)
        return ["=", number]


def _integer(out: Writer, value: int, depth: int) -> object:
    value = int.__pos__(value)
    if -(1 << 63) <= value < 1 << 63:
        return value
    if value.bit_length() > out.budget.limits.bits:
        raise CannotCross(f"an integer of more than {out.budget.limits.bits} bits cannot cross")
    return ["i", f"{value:x}"]


def _float(out: Writer, value: float, depth: int) -> object:
    value = float.__pos__(value)
    return value if value - value == 0.0 else ["f", repr(value)]  # JSON has no infinity and no NaN


def _complex(out: Writer, value: complex, depth: int) -> list:
    value = complex.__pos__(value)
    out.budget.deeper(depth)
    return ["c", _float(out, value.real, 0), _float(out, value.imag, 0)]


def _text(out: Writer, value: str, depth: int) -> object:
    value = str.__str__(value)
    if len(value) <= INLINE and (value.isascii() or not _has_surrogates(value)):
        out.budget.spend(0, len(value))
        return value
    data = value.encode("utf-8", "surrogatepass")  # JSON would join two surrogates in a row to one character
    out.payload(data)
    if len(data) > len(value):
        out.budget.spend(0, (WIDEST - 1) * len(data))
    return ["u", len(data)]


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _bytes(out: Writer, value: bytes, depth: int) -> list:
    value = bytes.__getitem__(value, slice(None))
    out.payload(value)
    return ["b", len(value)]


def _bytearray(out: Writer, value: bytearray, depth: int) -> list:
    copy = bytes(bytearray.__getitem__(value, slice(None)))
    out.payload(copy)
    return ["B", len(copy)]


def _list(out: Writer, value: list, depth: int) -> list:
    value = list.__getitem__(value, slice(None))  # a copy: a thread of the student's may change the list meanwhile
    return _packed(out, "l", value) or _sequence(out, ["l"], value, depth)


def _tuple(out: Writer, value: tuple, depth: int) -> list:
    kind = type(value)
    value = tuple.__getitem__(value, slice(None))
    if kind is not tuple and (fields := fields_of(kind, len(value))):
        return _sequence(out, ["n", kind.__name__, list(fields)], value, depth)
    return _packed(out, "t", value) or _sequence(out, ["t"], value, depth)


def _packed(out: Writer, tag: str, value: list | tuple) -> list | None:
    """Many floats or many integers of 64 bits in a row: their bytes. None where it is not that."""
    if len(value) < PACKED_FROM or type(value[0]) not in PACKED or len(set(map(type, value))) > 1:
        return None
    letter = PACKED[type(value[0])]
    try:
        data = array(letter, value)
    except OverflowError:
        return None
    out.budget.spend(len(value), 0)
    out.payload(data.tobytes())
    return [tag + letter, len(value)]


def _sequence(out: Writer, tree: list, value: Iterable, depth: int) -> list:
    depth = out.budget.deeper(depth)
    start = len(tree)
    for element in value:
        tree.append(out.write(element, depth))
    out.budget.spend(len(tree) - start, 0)
    return tree


def _dict(out: Writer, value: dict, depth: int) -> list:
    items = OrderedDict.items(value) if isinstance(value, OrderedDict) else dict.items(value)
    return _sequence(out, ["d"], [half for item in list(items) for half in item], depth)


def _set(out: Writer, value: set, depth: int) -> list:
    return _sequence(out, ["s"], list(set.__iter__(value)), depth)


def _frozenset(out: Writer, value: frozenset, depth: int) -> list:
    return _sequence(out, ["z"], list(frozenset.__iter__(value)), depth)


def _range(out: Writer, value: range, depth: int) -> list:
    ends = [value.start, value.stop, value.step]
    if max(end.bit_length() for end in ends) > RANGE_BITS:
        raise CannotCross(f"a range with ends of more than {RANGE_BITS} bits cannot cross")
    out.budget.deeper(depth)
    return ["r", *(_integer(out, end, depth) for end in ends)]


def _slice(out: Writer, value: slice, depth: int) -> list:
    return _sequence(out, [":"], (value.start, value.stop, value.step), depth)


def _ellipsis(out: Writer, value: object, depth: int) -> list:
    return ["..."]


WAYS: dict[type, Callable] = {
    int: _integer,
    float: _float,
    complex: _complex,
    str: _text,
    bytes: _bytes,
    bytearray: _bytearray,
    list: _list,
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: _frozenset,
    range: _range,
    slice: _slice,
    type(...): _ellipsis,
    np.ndarray: arrays.write_array,
}
SHARED = {_bytearray, _list, _dict, _set, arrays.write_array, tensors.write_tensor}
_BASES = [kind for kind in WAYS if kind not in (range, slice, type(...))]


def _way(kind: type) -> Callable | None:
    """How a subclass is written, or what belongs to a library; None where it is no data."""
    if issubclass(kind, np.generic):  # before float and str, of which some are subclasses
        return arrays.write_scalar
    if issubclass(kind, np.dtype):
        return arrays.write_dtype
    torch = sys.modules.get("torch")  # a process without PyTorch has no tensors
    if torch is not None and issubclass(kind, torch.Tensor):
        return tensors.write_tensor
    if torch is not None and kind is torch.dtype:
        return tensors.write_dtype
    return next((WAYS[base] for base in _BASES if issubclass(kind, base)), None)
