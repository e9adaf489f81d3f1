"""Numbers in a CSV: text to a float64 table, each number rounded as Python's `float` rounds it.

Each byte has to be read once and eight bytes a number written; the rest is latency, because a number's end says where
the next one starts. The ladder: `reference` -> `byte_by_byte` -> `eight_at_once`.
"""

import numpy as np

from labkit.kernels.decimals import nearest
from labkit.kernels.digits import byte, digits, digits_by_eight
from labkit.kernels.jit import jit

PLUS, MINUS, POINT, COMMA, NEWLINE, RETURN, LETTER_E = (np.uint8(ord(mark)) for mark in "+-.,\n\re")
LOWER_CASE = np.uint8(0x20)  # the bit that makes a letter lower case
MOST_DIGITS = 19  # as many fit into a uint64, whatever they are
PADDING = 8  # bytes that may be read past the end of a line


def reference(data: bytes) -> np.ndarray:
    """The oracle: Python's own `float`, field by field. Returns float64 (rows, cols)."""
    lines = data.decode("ascii").removesuffix("\n").split("\n") if data else []
    return np.array([[float(field) for field in line.split(",")] for line in lines], np.float64)


@jit(fastmath=frozenset(), inline=True)
def _field(text, i, by_eight):
    """The number that begins at text[i], where it ends, and whether it is all digits, and not too many of them."""
    negative = byte(text, i) == MINUS
    i += np.int64(negative | (byte(text, i) == PLUS))
    number, end = digits(text, i, np.uint64(0))
    count, power = end - i, 0
    if byte(text, end) == POINT:
        i = end + 1
        number, end = digits_by_eight(text, i, number) if by_eight else digits(text, i, number)
        power = i - end
        count -= power
    plain = 0 < count <= MOST_DIGITS
    if byte(text, end) | LOWER_CASE == LETTER_E:
        exponent, end, fits = _exponent(text, end + 1)
        power += exponent
        plain = plain and fits
    value = nearest(number, power)
    return -value if negative else value, end, plain


@jit
def _exponent(text, i):
    """The exponent behind an e, where it ends, and whether it has one to seven digits."""
    negative = byte(text, i) == MINUS
    i += np.int64(negative | (byte(text, i) == PLUS))
    written, end = digits(text, i, np.uint64(0))
    exponent = np.int64(written)
    return -exponent if negative else exponent, end, 0 < end - i < 8


@jit(fastmath=frozenset(), inline=True)
def _lines(text, start, stop, table, row, again, by_eight):
    """Whole lines of text, uint8 (n,), from start to stop, into the rows of table, float64 (rows, cols), from `row` on.

    Fields that are not plain numbers are left to Python: their places in the table and in the text go to `again`, int64
    (rows * cols, 2). Returns the row reached, the number of such fields, and whether a line is ragged.
    """
    i, last, found = start, table.shape[1] - 1, 0
    while i < stop:
        values = table[row]
        for col in range(last + 1):
            begin = i
            values[col], i, plain = _field(text, i, by_eight)
            if col == last and byte(text, i) == RETURN and byte(text, i + 1) == NEWLINE:
                i += 1
            delimiter = NEWLINE if col == last else COMMA
            if not plain or byte(text, i) != delimiter:
                again[found, 0], again[found, 1] = row * table.shape[1] + col, begin
                found += 1
                while byte(text, i) != COMMA and byte(text, i) != NEWLINE:
                    i += 1
                if byte(text, i) != delimiter:
                    return row, found, True
            i += 1
        row += 1
    return row, found, False


@jit(fastmath=frozenset())
def byte_by_byte(text, start, stop, table, row, again):
    """Digit by digit, once over the text, with no memory beside the table. Arguments: those of _lines."""
    return _lines(text, start, stop, table, row, again, False)


@jit(fastmath=frozenset())
def eight_at_once(text, start, stop, table, row, again):
    """Long fractions eight digits at a time."""
    return _lines(text, start, stop, table, row, again, True)


LADDER = (byte_by_byte, eight_at_once)


@jit
def count_lines(text):
    lines = 0
    for i in range(text.size):
        lines += text[i] == NEWLINE
    return lines


def parse_csv(data: bytes) -> np.ndarray:
    """Numbers, separated by commas, a row a line. Returns float64 (rows, cols); each number as `float` would read it.

    Takes signs, exponents, nan and inf, both kinds of line ends, and a last line without one. Raises TypeError for what
    is not bytes, ValueError for a field that is no number and for a line of another length, with the line's number.
    """
    return parse_with(eight_at_once, data)


def parse_with(rung, data: bytes) -> np.ndarray:
    """parse_csv by any rung of the ladder."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"data is a {type(data).__name__}, not bytes: pass open(path, 'rb').read(), or text.encode().")
    data = bytes(data)
    if not data:
        return np.empty((0, 0))
    text = np.frombuffer(data, np.uint8)
    ends_open = not data.endswith(b"\n")
    rows, cols = count_lines(text) + ends_open, data.partition(b"\n")[0].count(b",") + 1
    if rows * cols > (text.size + 1) // 2:  # a field has a digit and something behind it
        raise _fault(data, cols)
    table, again = np.empty((rows, cols)), np.empty((rows * cols, 2), np.int64)
    # Whole lines that end well before the data does are parsed where they are, the rest in a copy with room behind it.
    middle = data.rfind(b"\n", 0, max(0, text.size - PADDING)) + 1
    rest = np.frombuffer(data[middle:] + b"\n" * ends_open + bytes(PADDING), np.uint8)
    row = 0
    for part, offset, stop in ((text, 0, middle), (rest, middle, rest.size - PADDING)):
        row, found, ragged = rung(part, 0, stop, table, row, again)
        for place, begin in again[:found]:
            table.flat[place] = _number(data, offset + begin, cols)
        if ragged:
            raise _fault(data, cols)
    return table


def _number(data: bytes, begin: int, cols: int) -> float:
    """A field that is no plain number, as Python reads it."""
    end = begin
    while end < len(data) and data[end] not in b",\n":
        end += 1
    try:
        return _as_python(data[begin:end])
    except ValueError:
        raise _fault(data, cols) from None


def _as_python(field: bytes) -> float:
    if b"_" in field:
        raise ValueError("1_000 is a number in a program, but not in a table")
    return float(field)


def _fault(data: bytes, cols: int) -> ValueError:
    """What is wrong with the first line that is wrong."""
    lines = data.split(b"\n")
    for number, line in enumerate(lines[:-1] if not lines[-1] else lines, 1):
        fields = line.split(b",")
        for col, field in enumerate(fields, 1):
            try:
                _as_python(field)
            except ValueError:
                what = f"{field.strip()[:40].decode(errors='replace')!r} is not a number" if field.strip() else "empty"
                return ValueError(f"Line {number}, field {col}: {what}.")
        if len(fields) != cols:
            return ValueError(f"Line {number} has {len(fields)} fields, and the first line has {cols}.")
    raise AssertionError("a fault that is not there")
