"""A tree and blobs from a stranger, read back into values of Python's own exact types. The format is in codec.py.

Every node is checked before anything is made of it, and nothing is made that is larger than what the bytes that came
justify.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np

from labkit.grading.judge import arrays, tensors
from labkit.grading.judge.budget import Budget, Cost, Metering
from labkit.grading.judge.hashed import Patience
from labkit.grading.judge.limits import BIG, RANGE_BITS, WIDEST, Limits, Malformed
from labkit.grading.judge.records import are_names, is_name, record

HEX = re.compile(r"-?[1-9a-f][0-9a-f]*")
NO_NUMBERS = ("nan", "inf", "-inf")


class Reader:
    """One value on its way: what of it has been read, and the bytes that are left."""

    def __init__(self, blobs: Sequence, resolve: Callable[[object], object] | None, limits: Limits):
        self.resolve = resolve
        self.budget = Budget(limits, Malformed)
        self.patience = Patience()
        views = [_flat(blob) for blob in blobs]
        self.small = views[0] if views else memoryview(b"")
        self.blobs = views[1:]
        self.at = 0  # in the small payloads
        self.next = 0  # of the blobs
        self.made: list[tuple[object, Cost]] = []  # mutable objects in the order in which they ended
        self.records: set[type] = set()

    def whole(self, tree: object) -> object:
        """The value, when nothing is left over."""
        value = self.read(tree, 0)
        if self.at != len(self.small) or self.next != len(self.blobs):
            raise Malformed("bytes that nothing in the message uses")
        return value

    def read(self, node: object, depth: int) -> object:
        """The value of a tree."""
        kind = type(node)
        if kind is list:
            tag = node[0] if node else None
            way = WAYS.get(tag) if type(tag) is str else None
            if way is None:
                raise Malformed("a node of no known kind")
            return self._shared(way, node, depth) if tag in SHARED else way(self, node, depth)
        if kind is str:
            self.budget.spend(0, len(node))
        elif kind is int:
            _checked(node, self.budget.limits.bits)
        elif kind is not float and kind is not bool and node is not None:
            raise Malformed("a node that is no JSON")
        return node

    def _shared(self, way: Callable, node: list, depth: int) -> object:
        metering = Metering(self.budget, depth)
        value = way(self, node, depth)
        self.made.append((value, metering.cost()))
        return value

    def parts(self, node: list, count: int) -> list:
        """What follows the tag, when it is so much."""
        if len(node) != count + 1:
            raise Malformed("a node of too many or too few parts")
        return node[1:]

    def take(self, count: object) -> memoryview:
        """The next payload, of so many bytes."""
        if type(count) is not int or count < 0:
            raise Malformed("a length that is none")
        self.budget.spend(0, count)
        if count < BIG:
            data, self.at = self.small[self.at : self.at + count], self.at + count
        else:
            data, self.next = (self.blobs[self.next] if self.next < len(self.blobs) else self.small[:0]), self.next + 1
        if len(data) != count:
            raise Malformed("bytes that were announced did not come")
        return data


def _flat(blob: object) -> memoryview:
    view = memoryview(blob)
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def _checked(number: int, bits: int) -> int:
    if number.bit_length() > bits:
        raise Malformed(f"an integer of more than {bits} bits")
    return number


def _integer(source: Reader, node: list, depth: int) -> int:
    (text,) = source.parts(node, 1)
    # Hexadecimal takes a time in proportion to its length, decimal its square.
    if type(text) is not str or len(text) > source.budget.limits.bits // 4 + 1 or not HEX.fullmatch(text):
        raise Malformed("an integer that is none")
    return _checked(int(text, 16), source.budget.limits.bits)


def _float(source: Reader, node: list, depth: int) -> float:
    (text,) = source.parts(node, 1)
    if type(text) is not str or text not in NO_NUMBERS:
        raise Malformed("a float that is none")
    return float(text)  # a new NaN every time: in a list `in` looks at identity first


def _complex(source: Reader, node: list, depth: int) -> complex:
    halves = [source.read(part, source.budget.deeper(depth)) for part in source.parts(node, 2)]
    if not all(type(half) is float for half in halves):
        raise Malformed("a complex number of other things than floats")
    return complex(*halves)


def _text(source: Reader, node: list, depth: int) -> str:
    data = source.take(*source.parts(node, 1))
    if len(data) and np.frombuffer(data, np.uint8).max() > 127:
        source.budget.spend(0, (WIDEST - 1) * len(data))
    try:
        return str(data, "utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise Malformed("a text that is not UTF-8") from None


def _bytes(source: Reader, node: list, depth: int) -> bytes:
    return bytes(source.take(*source.parts(node, 1)))


def _bytearray(source: Reader, node: list, depth: int) -> bytearray:
    return bytearray(source.take(*source.parts(node, 1)))


def _elements(source: Reader, nodes: list, depth: int) -> list:
    depth = source.budget.deeper(depth)
    source.budget.spend(len(nodes), 0)
    read = source.read
    return [read(node, depth) for node in nodes]


def _list(source: Reader, node: list, depth: int) -> list:
    return _elements(source, node[1:], depth)


def _tuple(source: Reader, node: list, depth: int) -> tuple:
    return tuple(_elements(source, node[1:], depth))


def _packed_list(source: Reader, node: list, depth: int) -> list:
    (count,) = source.parts(node, 1)
    if type(count) is not int or count < 0:
        raise Malformed("a length that is none")
    source.budget.spend(count, 0)
    return np.frombuffer(source.take(8 * count), node[0][1]).tolist()


def _packed_tuple(source: Reader, node: list, depth: int) -> tuple:
    return tuple(_packed_list(source, node, depth))


def _record(source: Reader, node: list, depth: int) -> tuple:
    name, fields = node[1:3] if len(node) > 2 else (None, None)
    if not is_name(name) or not are_names(fields) or len(node) != 3 + len(fields):
        raise Malformed("a namedtuple without names")
    values = _elements(source, node[3:], depth)
    kind = record(name, tuple(fields))  # making a class takes long
    source.records.add(kind)
    if len(source.records) > source.budget.limits.record_types:
        raise Malformed("too many kinds of namedtuples")
    return tuple.__new__(kind, values)


def _dict(source: Reader, node: list, depth: int) -> dict:
    if len(node) % 2 == 0:
        raise Malformed("a key without a value")
    halves = _elements(source, node[1:], depth)
    return _hashable(source.patience.dict, halves[::2], halves[1::2])


def _set(source: Reader, node: list, depth: int) -> set:
    return _hashable(source.patience.set, _elements(source, node[1:], depth))


def _frozenset(source: Reader, node: list, depth: int) -> frozenset:
    return frozenset(_set(source, node, depth))


def _hashable(build: Callable, *parts: list) -> object:
    try:
        return build(*parts)
    except TypeError:
        raise Malformed("a list or the like as a key") from None


def _range(source: Reader, node: list, depth: int) -> range:
    ends = [source.read(part, source.budget.deeper(depth)) for part in source.parts(node, 3)]
    if not all(type(end) is int and end.bit_length() <= RANGE_BITS for end in ends) or ends[2] == 0:
        raise Malformed("a range that is none")
    return range(*ends)


def _slice(source: Reader, node: list, depth: int) -> slice:
    return slice(*_elements(source, source.parts(node, 3), depth))


def _ellipsis(source: Reader, node: list, depth: int) -> object:
    source.parts(node, 0)
    return ...


def _again(source: Reader, node: list, depth: int) -> object:
    (number,) = source.parts(node, 1)
    if type(number) is not int or not 0 <= number < len(source.made):
        raise Malformed("the same as what is not there")
    value, cost = source.made[number]
    cost.again(source.budget, depth)
    return value


def _foreign(source: Reader, node: list, depth: int) -> object:
    (token,) = source.parts(node, 1)
    if source.resolve is None or token is None:
        raise Malformed("a reference, where only data can come")
    return source.resolve(token)


WAYS: dict[str, Callable] = {
    "i": _integer,
    "f": _float,
    "c": _complex,
    "u": _text,
    "b": _bytes,
    "B": _bytearray,
    "l": _list,
    "ld": _packed_list,
    "lq": _packed_list,
    "t": _tuple,
    "td": _packed_tuple,
    "tq": _packed_tuple,
    "n": _record,
    "d": _dict,
    "s": _set,
    "z": _frozenset,
    "r": _range,
    ":": _slice,
    "...": _ellipsis,
    "a": arrays.read_array,
    "x": arrays.read_scalar,
    "y": arrays.read_dtype,
    "T": tensors.read_tensor,
    "Y": tensors.read_dtype,
    "=": _again,
    "o": _foreign,
}
SHARED = frozenset({"B", "l", "ld", "lq", "d", "s", "a", "T"})
