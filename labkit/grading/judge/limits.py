"""What may cross between a student's process and the tests, how much of it, and the two errors that say it did not."""

from dataclasses import dataclass

WHAT_CAN = "numbers, text, lists, tuples, dicts, sets, NumPy arrays and PyTorch tensors can"


class CannotCross(TypeError):
    """The value is no data, or too much of it."""


class Malformed(ValueError):
    """What came from the other side is not in the format, or is beyond a limit."""


@dataclass(frozen=True)
class Limits:
    """The largest value that crosses. A list met twice counts twice: who prints or compares it walks it twice."""

    items: int = 4_000_000  # elements of lists, tuples, dicts (keys and values) and sets, all together
    size: int = 512 << 20  # bytes of text (as it may lie in memory), arrays and tensors, all together
    depth: int = 100  # containers inside containers
    bits: int = 1 << 17  # of one integer; the ends of a range have RANGE_BITS
    axes: int = 32  # of an array or a tensor
    record_types: int = 64  # different namedtuple classes in one value


LIMITS = Limits()
RANGE_BITS = 1024  # the length of a range is a division, which for long integers takes long
ITEM_BYTES = 1 << 20  # of one array element: an empty array of longer texts is a trap for who pads it
INLINE = 1024  # characters of a text that stands in the tree itself
WIDEST = 4  # bytes of each character of a text in memory, if one of them is an emoji
BIG = 64 << 10  # bytes from which an array or a text has a blob of its own, which is not copied
