"""Data that crosses between a student's process and the tests: `encode` makes a tree for JSON and blobs of it.

The student's side is hostile. So the format can say data only, `decode` raises nothing but Malformed whatever came, and
what it makes is of exactly the types below, none of which a student can give a method of their own. There is no pickle,
and nothing is looked up by name but the types of NumPy and PyTorch in the tables of arrays.py and tensors.py.

    value                        tree                                                  payload, in bytes
    None, True, False            itself
    int of 64 bits               itself
    a longer int                 ["i", hexadecimal digits]
    float                        itself; ["f", "nan" | "inf" | "-inf"]
    complex                      ["c", real, imaginary]
    str                          itself; ["u", n] if long or with surrogates           n: UTF-8, surrogates passed
    bytes, bytearray             ["b", n], ["B", n]                                    n
    list, tuple, set, frozenset  ["l", ...], ["t", ...], ["s", ...], ["z", ...]
    8 or more floats             ["ld", n], as a tuple ["td", n]                       8 n: float64
    8 or more ints of 64 bits    ["lq", n], as a tuple ["tq", n]                       8 n: int64
    namedtuple                   ["n", name, [fields], ...]
    dict                         ["d", key, value, key, value, ...]
    range, slice, Ellipsis       ["r", start, stop, step], [":", start, stop, step], ["..."]
    np.ndarray                   ["a", dtype, shape, axes, read-only, whole shape]     its values, as they lie in memory
    NumPy scalar                 ["x", dtype]; a text ["x", "U" or "S", its tree]      one value
    np.dtype                     ["y", dtype]
    torch.Tensor                 ["T", dtype, shape, requires_grad]                    its values, contiguous
    torch.dtype                  ["Y", name]
    a mutable object once more   ["=", number of those that had ended before it]
    anything else                ["o", what `refer` said]

Payloads stand in the order of the tree. Those below 64 KiB stand together in the first blob, each of the others is a
blob of its own; where there is no payload there is no blob. Both sides are on one machine, and use its byte order.

What a value may be at most stands in limits.py. A subclass of a builtin crosses as that: a Counter as a dict, an
IntEnum as an int. An array's axes of stride zero arrive so, and read-only; other strided views arrive dense, with their
axes in the same order in memory.
"""

from collections.abc import Callable, Sequence

from labkit.grading.judge.limits import LIMITS, CannotCross, Limits, Malformed
from labkit.grading.judge.reading import Reader
from labkit.grading.judge.update import update
from labkit.grading.judge.writing import Writer

__all__ = ["LIMITS", "CannotCross", "Limits", "Malformed", "decode", "encode", "update"]

Refer = Callable[[object], object]


def encode(value: object, refer: Refer | None = None, limits: Limits = LIMITS) -> tuple[object, list]:
    """The tree and the blobs of a value. Large blobs are views of its own memory: send them before it changes.

    `refer` gives a token for what is no data, or None where that cannot cross. A token is of what JSON can hold, its
    integers of 64 bits.
    """
    writer = Writer(refer, limits)
    try:
        tree = writer.write(value)
    except RecursionError:
        raise CannotCross("lists nested this deep cannot cross") from None
    return tree, [bytes(writer.small), *writer.blobs] if writer.small or writer.blobs else []


def decode(tree: object, blobs: Sequence = (), resolve: Refer | None = None, limits: Limits = LIMITS) -> object:
    """The value again; a large array is a view of its blob where that is writable.

    Raises only Malformed, also where `resolve` raises something.
    """
    try:
        return Reader(blobs, resolve, limits).whole(tree)
    except Malformed:
        raise
    except Exception as problem:  # nothing is known that comes here, save no memory and a caller deep in a recursion
        raise Malformed(f"it cannot be read ({type(problem).__name__})") from problem
