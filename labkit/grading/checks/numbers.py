"""Numbers, whatever holds them, as one float64 array."""

from dataclasses import dataclass

import numpy as np

from labkit.grading.checks.data import (
    DEEPEST,
    array_of,
    builtin,
    detached,
    kind_of,
    members,
    size_of,
    tensor_dtype,
    tensor_numbers,
    type_ids,
)
from labkit.grading.checks.words import a, place, refusal, show

NUMBERS = ("bool", "int", "float", "complex")
KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex"}


class NoNumbers(ValueError):
    """Not an array of numbers; the message is the end of a sentence."""


@dataclass(frozen=True)
class Numbers:
    """values: float64 or complex128, of any shape; kind: the widest of NUMBERS that was met; dtype: "" for Python's."""

    values: np.ndarray
    kind: str
    dtype: str = ""


def numbers(value: object, path: tuple = (), shape: tuple | None = None) -> Numbers:
    """A number, array, tensor, or lists of them as an array.

    shape: the shape that is asked for, if any. What has another one is not walked, however large it is.
    Raises NoNumbers (an object, a text, rows of unequal length) and WrongShape.
    """
    kind = kind_of(value)
    if kind not in ("array", "tensor", "list", "tuple", *NUMBERS):
        raise NoNumbers(f"{place(path)}: {_unfit(value, kind)}")
    seen = shape_of(value)
    if shape and 0 in seen and seen == shape[: len(seen)]:
        seen = shape  # lists cannot tell (0, 3) from (0,)
    if shape is not None and seen != shape:
        raise WrongShape(seen)
    if kind in ("array", "tensor"):
        return _opened(value, kind, path)
    flat, kinds = [], set()
    _walk(value, seen, path, flat, kinds)
    return _gathered(flat, kinds, seen, path)


class WrongShape(Exception):
    """Numbers in another shape than the one asked for."""

    def __init__(self, shape: tuple):
        super().__init__(shape)
        self.shape = shape


def shape_of(value: object) -> tuple:
    """The shape of nested lists, arrays and tensors, as their first members have it."""
    shape, kind = [], kind_of(value)
    while kind in ("list", "tuple") and len(shape) < DEEPEST:
        shape.append(size_of(value, kind))
        if not shape[-1]:
            return tuple(shape)
        value = members(value, kind)[0]
        kind = kind_of(value)
    return (*shape, *_inner_shape(value, kind))


def _inner_shape(value: object, kind: str) -> tuple:
    return {"array": lambda: array_of(value).shape, "tensor": lambda: tuple(detached(value).shape)}.get(kind, tuple)()


def _walk(value: object, shape: tuple, path: tuple, flat: list, kinds: set) -> None:
    kind = kind_of(value)
    if kind in NUMBERS and not shape:
        flat.append(builtin(value, kind))
        kinds.add(kind)
    elif kind in ("array", "tensor") and _inner_shape(value, kind) == shape:
        opened = _opened(value, kind, path)
        flat.extend(opened.values.ravel().tolist())
        kinds.add(opened.kind)
    elif kind in ("list", "tuple") and shape and size_of(value, kind) == shape[0]:
        row = members(value, kind)
        if len(shape) == 1 and set(type_ids(row)) == {id(float)}:  # the short way for long lists
            flat.extend(row)
            kinds.add("float")
            return
        for i, one in enumerate(row):
            _walk(one, shape[1:], (*path, i), flat, kinds)
    elif kind in ("list", "tuple", "array", "tensor", *NUMBERS):
        raise NoNumbers(f"{place(path)}: shape {shape_of(value)} found, where what came before it has shape {shape}")
    else:
        raise NoNumbers(f"{place(path)}: {_unfit(value, kind)}")


def _unfit(value: object, kind: str) -> str:
    if kind == "None":
        return "numbers are expected, and None came: is a `return` missing?"
    return f"numbers are expected, and {a(kind)} came: {show(value)}" if kind else refusal(value)


def _gathered(flat: list, kinds: set, shape: tuple, path: tuple) -> Numbers:
    widest = max(kinds, key=NUMBERS.index, default="float")
    if "bool" in kinds and len(kinds) > 1:
        raise NoNumbers(f"{place(path)}: True or False came among numbers")
    try:
        values = np.array(flat, dtype=np.complex128 if widest == "complex" else np.float64)
    except OverflowError as error:
        raise NoNumbers(f"{place(path)}: a number came that is too large for a float64") from error
    return Numbers(values.reshape(shape), widest)


def _opened(value: object, kind: str, path: tuple) -> Numbers:
    bare = array_of(value) if kind == "array" else tensor_numbers(value)
    if bare.dtype.kind not in KINDS:
        raise NoNumbers(f"{place(path)}: numbers are expected, and {show(value)} came")
    name = bare.dtype.name if kind == "array" else tensor_dtype(value)
    with np.errstate(over="ignore"):  # a long double may be too large; then it is inf, as everywhere
        values = bare.astype(np.complex128 if bare.dtype.kind == "c" else np.float64, copy=False)
    return Numbers(values, KINDS[bare.dtype.kind], name)
