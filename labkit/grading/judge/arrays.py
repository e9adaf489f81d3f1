"""NumPy arrays, scalars and dtypes on their way.

An array's bytes cross in the order in which they lie in memory, with the order of its axes, so that C, Fortran and
transposed arrays are neither copied nor changed. Axes of stride zero (np.broadcast_to) cross once. What arrives is
checked for bytes that NumPy takes on trust: a bool that is neither 0 nor 1 would count double in a sum.
"""

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from labkit.grading.judge.limits import BIG, ITEM_BYTES, Malformed

if TYPE_CHECKING:
    from labkit.grading.judge.reading import Reader
    from labkit.grading.judge.writing import Writer

KINDS = "biufcSUMm"
# np.dtype reads far more than this (names of classes, structures, objects), so that only what matches gets there.
CODE = re.compile(
    r"\|[biu]1|[<>][iu][248]|[<>][qQ]|[<>]f(?:2|4|8|16)|[<>]c(?:8|16|32)|\|S(?:0|[1-9][0-9]{0,6})|[<>]U(?:0|[1-9][0-9]{0,5})"
    r"|[<>][Mm]8(?:\[(?:[1-9][0-9]{0,8})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
)
# The 80 bits of x86 have encodings that stand for no number, with which nothing says what happens.
X87 = np.finfo(np.longdouble).nmant == 63


def code_of(dtype: np.dtype) -> str | None:
    """The text that stands for a dtype; None for structures, objects and the like."""
    if dtype.kind not in KINDS or dtype.itemsize > ITEM_BYTES:
        return None
    # On Linux long and long long are both 64 bits wide, and yet two types of scalars.
    code = dtype.str[0] + dtype.char if dtype.char in "qQ" else dtype.str
    return code if CODE.fullmatch(code) else None


def dtype_of(code: object) -> np.dtype:
    """The dtype that such a text stands for."""
    if type(code) is not str or not CODE.fullmatch(code):
        raise Malformed("no dtype that can cross")
    try:
        dtype = np.dtype(code)
    except (TypeError, ValueError):
        raise Malformed("no dtype of this machine") from None
    if dtype.itemsize > ITEM_BYTES:
        raise Malformed("a dtype of too long elements")
    return dtype


def write_dtype(out: "Writer", dtype: np.dtype, depth: int) -> list:
    """["y", code]"""
    code = code_of(dtype)
    return out.foreign(dtype) if code is None else ["y", code]


def read_dtype(source: "Reader", node: list, depth: int) -> np.dtype:
    """The dtype again."""
    (code,) = source.parts(node, 1)
    return dtype_of(code)


def write_scalar(out: "Writer", scalar: np.generic, depth: int) -> list:
    """["x", code], and its bytes; for a text ["x", "U", its tree], since an array would cut zeros off its end."""
    if isinstance(scalar, np.str_):
        return ["x", "U", out.write(str.__str__(scalar), out.budget.deeper(depth))]
    if isinstance(scalar, np.bytes_):
        return ["x", "S", out.write(bytes.__getitem__(scalar, slice(None)), out.budget.deeper(depth))]
    code = code_of(np.generic.dtype.__get__(scalar))
    if code is None:
        return out.foreign(scalar)
    out.payload(np.generic.tobytes(scalar))
    return ["x", code]


def read_scalar(source: "Reader", node: list, depth: int) -> np.generic:
    """The scalar again."""
    if len(node) == 3:
        kinds = {"U": (str, np.str_), "S": (bytes, np.bytes_)}
        base, kind = kinds.get(node[1] if type(node[1]) is str else "", (None, None))
        value = source.read(node[2], source.budget.deeper(depth))
        if type(value) is not base:
            raise Malformed("a text of NumPy is a text")
        return kind(value)
    (code,) = source.parts(node, 1)
    dtype = dtype_of(code)
    if dtype.kind in "SU":
        raise Malformed("a text of NumPy crosses as a text")
    data = bytearray(source.take(dtype.itemsize))
    return _checked(np.ndarray((), dtype, data))[()]


def write_array(out: "Writer", array: np.ndarray, depth: int) -> list:
    """["a", code, shape, order of the axes or null, read-only, whole shape or null], and its bytes."""
    code = code_of(np.ndarray.dtype.__get__(array))
    if code is None or isinstance(array, np.ma.MaskedArray):
        return out.foreign(array)
    array = np.ndarray.view(array, np.ndarray)
    check_size(array.shape, array.dtype.itemsize, out)
    if array.itemsize == 0:
        out.budget.spend(array.size, 0)  # texts of no length: no bytes say how many
    readonly, whole = not array.flags.writeable, None
    if 0 in array.strides and array.nbytes:
        once = array[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in array.strides)]
        if once.shape != array.shape:
            array, whole = once, list(array.shape)
            out.budget.spend(0, math.prod(whole) * array.dtype.itemsize - array.nbytes)
    order = _order(array)
    dense = np.ascontiguousarray(array if order is None else array.transpose(order))
    # Dates export no buffer, so that the bytes are looked at as numbers.
    out.payload(memoryview(dense.reshape(-1).view(np.uint8)) if dense.nbytes else b"")
    return ["a", code, list(array.shape), order, readonly, whole]


def _order(array: np.ndarray) -> list[int] | None:
    """The axes from the longest stride to the shortest; None where that is their own order."""
    if array.flags.c_contiguous:
        return None
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    return None if order == list(range(array.ndim)) else order


def read_array(source: "Reader", node: list, depth: int) -> np.ndarray:
    """The array again: a view of its blob where that is large and nobody else's, else a copy."""
    code, shape, order, readonly, whole = source.parts(node, 5)
    dtype, shape = dtype_of(code), shape_of(shape, source)
    check_size(shape, dtype.itemsize, source)
    if type(readonly) is not bool:
        raise Malformed("an array is read-only or not")
    axes = list(range(len(shape))) if order is None else order
    if type(axes) is not list or not all(type(axis) is int for axis in axes) or sorted(axes) != list(range(len(shape))):
        raise Malformed("the axes of an array in no order")
    array = _dense(source, tuple(shape[axis] for axis in axes), dtype)
    if order is not None:
        array = array.transpose(np.argsort(axes))
    if whole is not None:
        array = _spread(array, shape_of(whole, source), source)
    array.flags.writeable = not readonly and whole is None
    return array


def _dense(source: "Reader", shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    count = math.prod(shape) * dtype.itemsize
    data = source.take(count)
    if count == 0:  # texts of no length too, of which np.empty would make texts of one
        source.budget.spend(math.prod(shape), 0)
        return np.ndarray(shape, dtype)
    array = _checked(np.ndarray(shape, dtype, data))
    return array.copy() if count < BIG or data.readonly or not array.flags.aligned else array


def _spread(array: np.ndarray, whole: tuple[int, ...], source: "Reader") -> np.ndarray:
    fits = len(whole) == array.ndim and all(one in (1, all_) for one, all_ in zip(array.shape, whole, strict=True))
    if not fits or 0 in whole or whole == array.shape or not array.itemsize:
        raise Malformed("an array that does not fill its shape")
    source.budget.spend(0, math.prod(whole) * array.itemsize - array.nbytes)
    return np.broadcast_to(array, whole)


def _checked(array: np.ndarray) -> np.ndarray:
    """The same array, when all its bytes stand for values."""
    kind = array.dtype.kind
    if kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise Malformed("a bool that is neither true nor false")
    if kind == "U" and array.size and _words(array, 4).max() > 0x10FFFF:
        raise Malformed("a text with characters that do not exist")
    if kind in "fc" and X87 and array.dtype.itemsize == (16 if kind == "f" else 32) and _has_no_number(array):
        raise Malformed("a long double that is no number")
    return array


def _has_no_number(array: np.ndarray) -> bool:
    """Whether a long double has the leading bit that its exponent denies, or the other way round."""
    words = _words(array, 8).reshape(-1, 2)
    leading, exponent = (words[:, 0], words[:, 1]) if array.dtype.isnative else (words[:, 1], words[:, 0])
    return bool(((leading >> 63 != 0) != (exponent & 0x7FFF != 0)).any())


def _words(array: np.ndarray, width: int) -> np.ndarray:
    """The bytes of an array as unsigned integers of so many bytes, in the byte order of its dtype."""
    order = "=" if array.dtype.isnative else "S"
    return array.reshape(-1).view(np.dtype(f"u{width}").newbyteorder(order))


def shape_of(shape: object, source: "Reader") -> tuple[int, ...]:
    """A list of lengths, as a tuple."""
    if type(shape) is not list or len(shape) > source.budget.limits.axes:
        raise Malformed("no shape")
    if not all(type(length) is int and 0 <= length < 1 << 62 for length in shape):
        raise Malformed("lengths of a shape that are none")
    return tuple(shape)


def check_size(shape: tuple[int, ...], itemsize: int, side: "Writer | Reader") -> None:
    """Raises where an array is too large. One of shape (0, n) holds nothing, but its sum over the first axis has n."""
    limits, error = side.budget.limits, side.budget.error
    if len(shape) > limits.axes:
        raise error(f"an array of more than {limits.axes} axes cannot cross")
    count = math.prod(length or 1 for length in shape)
    if count * max(itemsize, 1) > limits.size:
        raise error(f"an array of more than {limits.size >> 20} MB cannot cross")
    if 0 in shape and count > limits.items:
        raise error(f"an empty array with more than {limits.items} places along its other axes cannot cross")
