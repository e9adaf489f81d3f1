"""What counts as data, and how it is read: through the builtin's own methods, never through a subclass's."""

import sys
from contextlib import suppress
from inspect import getattr_static

import numpy as np

DEEPEST = 100  # levels; a list that holds itself has more
ARRAY_KINDS = "biufcSUMm"
_NOTHING = object()  # is no class

_BASES = (int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)
_FINAL = (bool, range, slice)  # have no subclasses
# By id: a class's own class can define == and hash, and thus be found among the keys of any dict.
_EXACT = {id(base): base.__name__ for base in (*_BASES, *_FINAL)} | {id(type(None)): "None", id(type(...)): "..."}
_EXACT_SCALARS = {id(cls) for cls in np.sctypeDict.values()}  # a student's subclass of np.float64 is none of them
_SCALARS = {"b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex", "S": "bytes", "U": "str"}
_TO_BUILTIN = {
    "bool": bool,
    "int": int.__index__,
    "float": float.__float__,
    "complex": complex.__pos__,
    "str": str.__str__,
    "bytes": lambda value: bytes.__getitem__(value, slice(None)),
    "bytearray": lambda value: bytearray.__getitem__(value, slice(None)),
    "range": lambda value: value,
    "None": lambda value: None,
    "...": lambda value: ...,
    "dtype": lambda value: str(value),
}


def kind_of(value: object) -> str:
    """The kind of data that a value is ("int", "list", "array", "tensor", ...), or "" for an object of a class.

    A NumPy scalar is of the kind of its Python number: np.int64(3) is an int, np.float64(3) a float.
    """
    cls = type(value)  # what `value.__class__` says may be a lie
    if id(cls) in _EXACT:
        return _EXACT[id(cls)]
    if issubclass(cls, np.generic):  # before the builtins: np.float64 is a float too
        return _scalar_kind(value)
    if issubclass(cls, np.ndarray):
        return "array" if array_of(value).dtype.kind in ARRAY_KINDS else ""
    if is_tensor(value):
        return "tensor"
    if issubclass(cls, np.dtype) or cls is _of_torch("dtype"):
        return "dtype"
    return next((base.__name__ for base in _BASES if issubclass(cls, base)), "")


def builtin(value: object, kind: str) -> object:
    """A number, a text or bytes as exactly the builtin type of its kind."""
    if issubclass(type(value), np.generic):
        # Not .item(): of a long double that is a long double again.
        return {"bool": bool, "int": int, "float": float, "complex": complex, "str": str, "bytes": bytes}[kind](value)
    return _TO_BUILTIN[kind](value)


def members(value: object, kind: str) -> list:
    """What a list, tuple, set, frozenset or slice holds, in its order."""
    if kind == "slice":
        return [value.start, value.stop, value.step]
    return list({"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind].__iter__(value))


def type_ids(values: list) -> list[int]:
    """Which type each of the members has, as its id: types of a student's could be equal to any."""
    return list(map(id, map(type, values)))


def size_of(value: object, kind: str) -> int:
    """How many members a list, tuple, dict, set or frozenset has."""
    return {"list": list, "tuple": tuple, "dict": dict, "set": set, "frozenset": frozenset}[kind].__len__(value)


def entries(value: dict) -> list[tuple]:
    """The pairs of a dict."""
    return list(dict.items(value))


def array_of(value: np.ndarray | np.generic) -> np.ndarray:
    """An array, or a NumPy scalar of an exact type, as exactly an ndarray; nothing is copied."""
    return np.ndarray.view(value, np.ndarray) if issubclass(type(value), np.ndarray) else np.asarray(value)


def is_tensor(value: object) -> bool:
    """Whether a value is exactly a torch tensor or parameter, with numbers in it (not sparse, quantised or meta)."""
    cls = type(value)
    if cls is not _of_torch("Tensor") and cls is not _of_torch("nn", "Parameter"):
        return False
    bare = detached(value)
    return str(bare.layout) == "torch.strided" and not bare.is_meta and not bare.is_quantized


def detached(value):
    """A tensor without its history and without attributes that were hung on it. The numbers are shared."""
    return _of_torch("Tensor").detach(value)


def tensor_numbers(value) -> np.ndarray:
    """The numbers of a tensor, floats as float64 (NumPy has no bfloat16)."""
    bare = detached(value).cpu().resolve_conj().resolve_neg()
    if bare.dtype.is_complex:
        bare = bare.to(_of_torch("complex128"))
    elif bare.dtype.is_floating_point:
        bare = bare.to(_of_torch("float64"))
    return bare.numpy()


def tensor_dtype(value) -> str:
    """The name of a tensor's datatype, without "torch."."""
    return str(detached(value).dtype).removeprefix("torch.")


def class_name(value: object) -> str:
    """The name of a value's class, or what its `__labkit_class__` tells: a handle of the judge stands for an object."""
    told = getattr_static(value, "__labkit_class__", None)
    if type(told) is property:
        with suppress(Exception):
            told = told.fget(value)
    return told if type(told) is str else type.__dict__["__name__"].__get__(type(value))


def _scalar_kind(value: np.generic) -> str:
    kind = np.dtype(type(value)).kind if id(type(value)) in _EXACT_SCALARS else "O"
    return "array" if kind in "Mm" else _SCALARS.get(kind, "")


def _of_torch(*names: str):
    """torch's attribute of these names, or a placeholder that nothing is: whoever has a tensor has imported torch."""
    found = sys.modules.get("torch")
    for name in names:
        found = getattr(found, name, _NOTHING)
    return _NOTHING if found is None else found
