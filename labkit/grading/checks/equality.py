"""`same`: equal data, compared member by member, and said where it differs first."""

from collections.abc import Callable, Hashable, Set

import numpy as np

from labkit.grading.checks.data import (
    DEEPEST,
    array_of,
    builtin,
    class_name,
    detached,
    entries,
    kind_of,
    members,
    size_of,
    tensor_dtype,
    tensor_numbers,
    type_ids,
)
from labkit.grading.checks.words import LONGEST, a, many, place, refusal, show

PLAIN_IDS = {id(cls) for cls in (bool, int, float, str)}
Comparison = Callable[[object, object, tuple], str]


def same(got: object, expected: object, what: str = "your answer") -> None:
    """Check that `got` is the data `expected`: types, structure and values, exactly; NaN equals NaN.

    A NumPy scalar counts as its Python number, an array has its datatype too. Raises AssertionError.
    """
    __tracebackhide__ = True
    if found := difference(got, expected):
        raise AssertionError(f"{what}{found}")


def difference(got: object, expected: object, path: tuple = (), compare: Comparison | None = None) -> str:
    """Where two values differ first, as the end of a sentence (" at [2]: 3 expected, 4 found"); "" if nowhere.

    compare: how members are compared. Only what `expected` has is walked, so that `got` may be of any size.
    """
    compare = compare or difference
    wanted, found = kind_of(expected), kind_of(got)
    if len(path) > DEEPEST:
        return f"{place(path[:2])} ...: nested deeper than {DEEPEST} levels: does it hold itself?"
    if not wanted:
        return f"{place(path)}: what is expected is of class {class_name(expected)}, and only data can be compared"
    if not found:
        return f"{place(path)}: {refusal(got)}"
    if wanted != found:
        return f"{place(path)}: {wrong_kind(got, found, wanted)}"
    if wanted in ("list", "tuple", "slice"):
        one, two = members(got, found), members(expected, wanted)
        return "" if compare is difference and _plainly_equal(one, two) else sequences(one, two, path, compare)
    if wanted == "dict":
        return dicts(got, expected, path, compare)
    if wanted in ("set", "frozenset"):
        return sets(got, expected, path)
    if wanted in ("array", "tensor"):
        return arrays(got, expected, path)
    return atoms(builtin(got, found), builtin(expected, wanted), path)


def wrong_kind(got: object, found: str, wanted: str) -> str:
    """The sentence on a value of another kind of data, with the usual cause where there is one."""
    if found == "None":
        return f"{a(wanted)} is expected, and None came: is a `return` missing?"
    if found == "...":
        return f"{a(wanted)} is expected, and `...` came: the placeholder still stands there"
    came = f"{a(wanted)} is expected, and {a(found)} came: {show(got)}"
    if wanted == "int" and found == "float":
        return f"{came} (// divides whole numbers, int(...) makes one)"
    if wanted in ("list", "tuple") and found in ("range", "tuple", "list", "set"):
        return f"{came} ({wanted}(...) makes one)"
    return came


def sequences(got: list, expected: list, path: tuple, compare: Comparison) -> str:
    """How two lists of members differ: the first member that does, and their number."""
    pairs = zip(got, expected, strict=False)
    first = next((said for i, (one, two) in enumerate(pairs) if (said := compare(one, two, (*path, i)))), "")
    if len(got) == len(expected):
        return first
    sizes = f"{place(path)}: {many(len(expected), 'item')} expected, {len(got)} found"
    if first:
        return f"{sizes}; the first difference is{first}"
    if len(got) > len(expected):
        return f"{sizes}; too many from [{len(expected)}] on, which is {show(got[len(expected)])}"
    return f"{sizes}; missing from [{len(got)}] on, where {show(expected[len(got)])} is expected"


def _plainly_equal(got: list, expected: list) -> bool:
    """Whether two lists hold equal builtin numbers or texts, and nothing else: the short way for long ones."""
    types = type_ids(got)
    return len(got) == len(expected) and set(types) <= PLAIN_IDS and types == type_ids(expected) and got == expected


def dicts(got: dict, expected: dict, path: tuple, compare: Comparison) -> str:
    """How two dicts differ: their keys, then the first value that does. The order of keys is free."""
    wanted = {hashed(key): (key, value) for key, value in entries(expected)}
    found = {hashed(key): (key, value) for key, value in entries(got)}
    keys = {key: name for key, (name, _) in (wanted | found).items()}
    if said := _missing(wanted.keys(), found.keys(), keys, "key") or _sizes(got, expected, "key"):
        return f"{place(path)}: {said}"
    steps = ((found[key][1], value, (*path, show(name))) for key, (name, value) in wanted.items())
    return next((said for one, two, step in steps if (said := compare(one, two, step))), "")


def sets(got: set, expected: set, path: tuple) -> str:
    """How two sets differ."""
    wanted = {hashed(one): one for one in members(expected, kind_of(expected))}
    found = {hashed(one): one for one in members(got, kind_of(got))}
    said = _missing(wanted.keys(), found.keys(), wanted | found, "member") or _sizes(got, expected, "member")
    return f"{place(path)}: {said}" if said else ""


def _missing(wanted: Set, found: Set, all_of_them: dict, one: str) -> str:
    missing = sorted(show(all_of_them[key]) for key in wanted - found)
    extra = sorted(show(all_of_them[key]) for key in found - wanted)
    said = [f"the {one} {_few(missing)} is missing"] if missing else []
    said += [f"the {one} {_few(extra)} was not asked for"] if extra else []
    return ", and ".join(said)


def _sizes(got: dict | set, expected: dict | set, one: str) -> str:
    """NaN can be there more than once."""
    found, wanted = size_of(got, kind_of(got)), size_of(expected, kind_of(expected))
    return "" if found == wanted else f"{many(wanted, one)} expected, {found} found"


def _few(shown: list[str]) -> str:
    return shown[0] + (f" (and {many(len(shown) - 1, 'other')})" if len(shown) > 1 else "")


def hashed(value: object, depth: int = 0) -> Hashable:
    """A stand-in for a key, equal for equal data only: 1, 1.0 and True are three, NaN is one, an object is itself."""
    kind = kind_of(value)
    if kind in ("tuple", "frozenset") and depth < DEEPEST:
        inner = [hashed(one, depth + 1) for one in members(value, kind)]
        return kind, frozenset(inner) if kind == "frozenset" else tuple(inner)
    if kind in ("", "tuple", "frozenset", "slice", "array", "tensor"):
        return "object", id(value)
    bare = builtin(value, kind)
    return kind, "NaN" if bare != bare else bare


def arrays(got: object, expected: object, path: tuple) -> str:
    """How two arrays, or two tensors, differ: shape, datatype, then the first number."""
    found, wanted = array_shape(got), array_shape(expected)
    if found != wanted:  # before its numbers are looked at: a shape can be far larger than its memory
        return f"{place(path)}: shape {wanted} expected, {found} found"
    (one, got_type), (two, wanted_type) = _opened(got), _opened(expected)
    if got_type != wanted_type:
        return f"{place(path)}: datatype {wanted_type} expected, {got_type} found"
    wrong = ~((one == two) | ((one != one) & (two != two)))  # NaN, and NaT, is not equal to itself
    count = int(np.count_nonzero(wrong))
    if not count:
        return ""
    first = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    step = (", ".join(map(str, first)),) if first else ()
    more = f" (and {count - 1} of {wrong.size} more)" if count > 1 else ""
    return f"{place((*path, *step))}: {show_one(two[first])} expected, {show_one(one[first])} found{more}"


def show_one(number: np.generic) -> str:
    """One number or text of an array."""
    return str(number) if number.dtype.kind in "Mm" else show(number)


def array_shape(value: object) -> tuple[int, ...]:
    """The shape of an array or a tensor."""
    return tuple(detached(value).shape) if kind_of(value) == "tensor" else array_of(value).shape


def _opened(value: object) -> tuple[np.ndarray, str]:
    """The numbers, and the datatype without what is no matter: byte order, and the width of text."""
    if kind_of(value) == "tensor":
        return tensor_numbers(value), tensor_dtype(value)
    bare = array_of(value)
    return bare, {"U": "text", "S": "bytes"}.get(bare.dtype.kind, bare.dtype.newbyteorder("=").name)


def atoms(got: object, expected: object, path: tuple) -> str:
    """How two numbers, texts or bytes of the same builtin type differ."""
    if got == expected or (got != got and expected != expected):
        return ""
    if isinstance(expected, str | bytes | bytearray) and max(len(got), len(expected)) > LONGEST:
        return _texts(got, expected, path)
    return f"{place(path)}: {show(expected)} expected, {show(got)} found"


def _texts(got: str | bytes, expected: str | bytes, path: tuple) -> str:
    """Long texts, from a little before where they part."""
    pairs = zip(got, expected, strict=False)
    first = next((i for i, (one, two) in enumerate(pairs) if one != two), min(len(got), len(expected)))
    unit, start = "character" if isinstance(expected, str) else "byte", max(0, first - 10)
    one, two = got[start : first + 20], expected[start : first + 20]
    return f"{place(path)}: they differ from {unit} {first} on: ...{two!r} expected, ...{one!r} found"
