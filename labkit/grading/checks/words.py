"""How values, places and calls are written in a message: short, and without asking an object for its own words."""

from collections.abc import Callable, Iterable
from itertools import islice

from labkit.grading.checks.data import (
    array_of,
    builtin,
    class_name,
    detached,
    entries,
    kind_of,
    members,
    size_of,
    tensor_dtype,
)

LONGEST = 60  # characters of one value
MOST = 6  # members of one value

BRACKETS = {"list": "[]", "tuple": "()", "set": "{}", "frozenset": ("frozenset({", "})")}
PLAIN = {"None": "None", "array": "a NumPy array", "tensor": "a torch tensor", "int": "an int", "...": "`...`"}
LAZY = {"generator", "map", "filter", "zip", "range", "reversed", "enumerate", "dict_keys", "dict_values", "dict_items"}


def show(value: object, depth: int = 0) -> str:
    """A value in at most about 60 characters."""
    kind = kind_of(value)
    if not kind:
        return an_object(value)
    if kind == "array":
        bare = array_of(value)
        return f"an array of shape {bare.shape}, {bare.dtype}"
    if kind == "tensor":
        return f"a tensor of shape {tuple(detached(value).shape)}, {tensor_dtype(value)}"
    if kind == "int" and builtin(value, kind).bit_length() > 200:
        return f"an int of {builtin(value, kind).bit_length()} bits"  # Python refuses to write very long ones
    if kind in ("dict", "slice") or kind in BRACKETS:
        return _show_members(value, kind, depth)
    if kind in ("str", "bytes", "bytearray"):
        return _show_text(builtin(value, kind))
    return shorten(str(builtin(value, kind)) if kind == "dtype" else repr(builtin(value, kind)))


def _show_text(text: str | bytes | bytearray) -> str:
    return repr(text) if len(text) <= LONGEST else f"{text[: LONGEST // 2]!r}... of length {len(text)}"


def _show_members(value: object, kind: str, depth: int) -> str:
    if kind == "slice":
        return f"slice({', '.join(show(one, depth + 1) for one in members(value, kind))})"
    size = size_of(value, kind)
    if depth > 2 and size:
        return f"{a(kind)} of {size}"
    if kind == "dict":
        pairs = (f"{show(key, depth + 1)}: {show(one, depth + 1)}" for key, one in islice(dict.items(value), MOST))
        return shorten("{" + _row(pairs, size) + "}", 2 * LONGEST)
    left, right = BRACKETS[kind] if size or kind not in ("set", "frozenset") else (f"{kind}(", ")")
    row = _row((show(one, depth + 1) for one in members(value, kind)[:MOST]), size)
    return shorten(f"{left}{row}{',' if kind == 'tuple' and size == 1 else ''}{right}", 2 * LONGEST)


def _row(shown: Iterable[str], size: int) -> str:
    return ", ".join(shown) + (f", ... {size} in all" if size > MOST else "")


def shorten(text: str, longest: int = LONGEST) -> str:
    """A text without its middle, where it is too long."""
    if len(text) <= longest:
        return text
    return f"{text[: longest * 2 // 3]} ... {text[-longest // 4 :]}"


def a(kind: str) -> str:
    """A kind of data, as a sentence names it."""
    return PLAIN.get(kind, f"a {kind}")


def an_object(value: object) -> str:
    """What is no data, as a sentence names it."""
    name = class_name(value)
    return f"a {name}" if name in LAZY or name == "function" else f"an object of class {shorten(name)}"


def refusal(value: object) -> str:
    """Why an object is not compared, and what to give instead."""
    name = class_name(value)
    if name in LAZY:
        return f"{an_object(value)} came: list(...) makes a list of it"
    if name in ("function", "builtin_function_or_method", "method"):
        return "a function came where a value is expected: are its brackets missing?"
    if name.endswith("ndarray"):
        return f"an array of {array_of(value).dtype} came, which holds objects: make it one of numbers or text"
    return f"{an_object(value)} came: return plain data (numbers, text, lists, dicts, arrays or tensors)"


def place(path: tuple) -> str:
    """Where in a value: "" for the whole, else " at ['files'][2]". A path holds keys and indices, already in words."""
    return " at " + "".join(f"[{step}]" for step in path) if path else ""


def call(function: Callable, args: tuple, kwargs: dict) -> str:
    """A call, as one would write it."""
    given = [show(one) for one in args] + [f"{name}={show(one)}" for name, one in entries(kwargs)]
    return f"{name_of(function)}({shorten(', '.join(given), 2 * LONGEST)})"


def name_of(function: Callable) -> str:
    """What a function is called."""
    try:
        name = function.__name__
    except Exception:  # a callable may have no name, or an attribute that fails
        return "your function"
    return str.__str__(name) if issubclass(type(name), str) and name != "<lambda>" else "your function"


def many(number: int, one: str) -> str:
    """A number of things: "1 item", "2 items"."""
    return f"{number} {one}" + ("" if number == 1 else "s")
