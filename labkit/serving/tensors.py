"""A tensor on the wire: its description, and its two encodings, JSON and raw bytes.

Datatypes carry the names of the Open Inference Protocol: FP32, UINT8, INT64. Text (BYTES) and BOOL are not spoken here.
Everything that arrives is distrusted: a refusal is one sentence that names the fault, never a stack trace.
"""

import itertools
import json
import math
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

DATATYPES = {
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}  # The protocol's binary form is little-endian on every machine.

MAX_ROWS = 256  # A request's memory is its rows times the widest activation, so the rows need a bound.
SHOWN = 60  # bytes of a client's value that a refusal quotes


class BadRequest(Exception):
    """What a client asked for cannot be answered. The sentence goes back to the client with the HTTP status."""

    def __init__(self, sentence: str, status: int = 400):
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status


@dataclass(frozen=True)
class Tensor:
    """What a model promises of one input or output. A dimension of -1 may have any size: it is the batch.

    range: the smallest and the largest integer that an input may hold, where its type has more. A token beyond the
    vocabulary is looked up all the same, and some engines then answer with whatever lies in memory behind the table.
    Raises ValueError for a range that the datatype does not have.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    range: tuple[int, int] | None = None

    def __post_init__(self):
        if self.range is not None and not is_range(self.range, self.datatype):
            raise ValueError(
                f"the range {self.range!r} of '{self.name}' is not two integers of {self.datatype}, the smaller first"
            )

    @property
    def dtype(self) -> np.dtype:
        return DATATYPES[self.datatype]

    @property
    def limits(self) -> tuple[int, int]:
        """The smallest and the largest integer that this tensor, which must be one of integers, may hold."""
        return self.range or limits_of(self.datatype)

    def check_shape(self, shape: list[int]) -> None:
        """Refuse a shape that this tensor cannot have, before any memory is taken for it."""
        for size in shape:
            if type(size) is not int or size < 1:
                raise BadRequest(f"input '{self.name}' has a dimension of {short(size)}; each is an integer above 0")
        fits = len(shape) == len(self.shape) and all(
            want in (-1, got) for want, got in zip(self.shape, shape, strict=True)
        )
        if not fits:
            raise BadRequest(f"input '{self.name}' has shape {short(shape)}; this model takes {list(self.shape)}")
        if -1 in self.shape and shape[self.shape.index(-1)] > MAX_ROWS:
            raise BadRequest(f"input '{self.name}' has shape {short(shape)}; at most {MAX_ROWS} rows go in one request")

    def from_bytes(self, raw: bytes, shape: list[int]) -> np.ndarray:
        """An array of `shape` from its little-endian bytes in row-major order."""
        expected = math.prod(shape) * self.dtype.itemsize
        if len(raw) != expected:
            raise BadRequest(
                f"input '{self.name}' has {len(raw)} bytes of binary data; "
                f"{self.datatype} of shape {short(shape)} has {expected}"
            )
        # frombuffer alone may be unaligned and is read-only
        array = np.frombuffer(raw, self.dtype).reshape(shape).copy()
        if self.range:  # else each integer that the bytes can spell will do
            outside = (array < self.range[0]) | (array > self.range[1])
            if outside.any():
                self._refuse(int(array[outside][0]))
        return self._finite(array)

    def from_json(self, data: list, shape: list[int]) -> np.ndarray:
        """An array of `shape` from JSON numbers in row-major order, nested like the shape or flat."""
        numbers = self._flat(data, shape)
        self._check(numbers)
        try:
            with np.errstate(over="ignore"):  # what overflows becomes infinite, which is refused below
                array = np.array(numbers, self.dtype).reshape(shape)
        except OverflowError:
            raise BadRequest(f"input '{self.name}' holds a number too large for {self.datatype}") from None
        return self._finite(array)

    def _flat(self, data: list, shape: list[int]) -> list:
        # Peel one dimension after the other, without recursion: a hostile body may be nested a thousand deep.
        nested = bool(data) and type(data[0]) is list
        rows = [data]
        for size in shape if nested else [math.prod(shape)]:
            for row in rows:
                if type(row) is not list or len(row) != size:
                    raise BadRequest(f"the data of input '{self.name}' does not have the shape {short(shape)}")
            rows = list(itertools.chain.from_iterable(rows))
        return rows

    def _check(self, numbers: list) -> None:
        """Refuse the first of them that is none of this tensor's; that there is one is seen faster than which."""
        good = set(map(type, numbers)) <= ({int} if self._whole else {int, float})
        if good and self._whole:
            good = self._holds(min(numbers)) and self._holds(max(numbers))
        if not good:
            self._refuse(next(number for number in numbers if not self._holds(number)))

    def _holds(self, number: object) -> bool:
        # bool is a subclass of int, and numpy would take True for 1: types are compared exactly.
        if not self._whole:
            return type(number) in (int, float)
        low, high = self.limits
        return type(number) is int and low <= number <= high

    def _refuse(self, number: object) -> NoReturn:
        raise BadRequest(f"input '{self.name}' holds {short(number)}, which is not {self._kind()}")

    def _finite(self, array: np.ndarray) -> np.ndarray:
        # NaN passes through every layer and comes out as a confident label: it is stopped at the door.
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadRequest(f"input '{self.name}' holds NaN, infinity, or a number too large for {self.datatype}")
        return array

    @property
    def _whole(self) -> bool:
        return self.dtype.kind in "iu"

    def _kind(self) -> str:
        if not self._whole:
            return f"a number ({self.datatype})"
        low, high = self.limits
        return f"an integer from {low} to {high} ({self.datatype})"


def limits_of(datatype: str) -> tuple[int, int]:
    """The smallest and the largest integer of a datatype of integers."""
    info = np.iinfo(DATATYPES[datatype])
    return int(info.min), int(info.max)


def is_range(limits: tuple[int, int], datatype: str) -> bool:
    """Whether these are two integers of the datatype, the smaller first."""
    if not datatype.startswith(("INT", "UINT")) or [type(limit) for limit in limits] != [int, int]:
        return False
    smallest, largest = limits_of(datatype)
    return smallest <= limits[0] <= limits[1] <= largest


_compact = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))


def short(value: object) -> str:
    """A value as a refusal quotes it: compact JSON, cut after `SHOWN` bytes of UTF-8.

    What a client sent may be megabytes long, or nested a hundred thousand deep: no more is encoded than is shown.
    """
    if isinstance(value, str):
        value = value[:SHOWN]  # with its quotation marks that is more than is shown
    text = b""
    for piece in _compact.iterencode(value):
        text += piece.encode(errors="backslashreplace")  # half a surrogate pair: JSON can spell it, UTF-8 cannot
        if len(text) > SHOWN:
            return text[:SHOWN].decode(errors="ignore") + "..."  # without what is left of a character cut in half
    return text.decode()
