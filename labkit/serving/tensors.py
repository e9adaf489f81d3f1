"""A tensor on the wire: its description, and its two encodings, JSON and raw bytes.

Datatypes carry the names of the Open Inference Protocol: FP32, UINT8, INT64. Text (BYTES) and BOOL are not spoken here.
Everything that arrives is distrusted: a refusal is one sentence that names the fault, never a stack trace.
"""

import itertools
import math
import reprlib
from dataclasses import dataclass

import numpy as np

DATATYPES = {
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}  # The protocol's binary form is little-endian on every machine.

MAX_ROWS = 256  # A request's memory is its rows times the widest activation, so the rows need a bound.


class BadRequest(Exception):
    """What a client asked for cannot be answered. The sentence goes back to the client with the HTTP status."""

    def __init__(self, sentence: str, status: int = 400):
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status


@dataclass(frozen=True)
class Tensor:
    """What a model promises of one input or output. A dimension of -1 may have any size: it is the batch."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype:
        return DATATYPES[self.datatype]

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
        array = (
            np.frombuffer(raw, self.dtype).reshape(shape).copy()
        )  # frombuffer alone may be unaligned and is read-only
        return self._finite(array)

    def from_json(self, data: list, shape: list[int]) -> np.ndarray:
        """An array of `shape` from JSON numbers in row-major order, nested like the shape or flat."""
        numbers = self._flat(data, shape)
        whole = self.dtype.kind in "iu"
        # bool is a subclass of int, and numpy would take True for 1: types are compared exactly.
        odd = set(map(type, numbers)) - ({int} if whole else {int, float})
        if odd:
            fault = next(number for number in numbers if type(number) in odd)
            raise BadRequest(f"input '{self.name}' holds {short(fault)}, which is not {self._kind()}")
        if whole:
            self._in_range(numbers)
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

    def _in_range(self, numbers: list[int]) -> None:
        limits = np.iinfo(self.dtype)
        for number in (min(numbers), max(numbers)):
            if not limits.min <= number <= limits.max:
                raise BadRequest(f"input '{self.name}' holds {short(number)}, which is not {self._kind()}")

    def _finite(self, array: np.ndarray) -> np.ndarray:
        # NaN passes through every layer and comes out as a confident label: it is stopped at the door.
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadRequest(f"input '{self.name}' holds NaN, infinity, or a number too large for {self.datatype}")
        return array

    def _kind(self) -> str:
        if self.dtype.kind == "f":
            return f"a number ({self.datatype})"
        limits = np.iinfo(self.dtype)
        return f"an integer from {limits.min} to {limits.max} ({self.datatype})"


_quote = reprlib.Repr()
_quote.maxlevel, _quote.maxlist, _quote.maxdict, _quote.maxstring, _quote.maxlong, _quote.maxother = 2, 8, 3, 60, 40, 60


def short(value: object) -> str:
    """A value as a refusal quotes it: what a client sent may be megabytes long, or nested a thousand deep."""
    return _quote.repr(value)
