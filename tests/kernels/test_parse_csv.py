"""Every rung of the CSV parser against Python's own float, to the last bit."""

import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labkit import kernels
from labkit.kernels.parse_csv import LADDER, parse_with, reference
from tests.kernels.rows import rung_name

DIGITS = st.text("0123456789", max_size=30)
EXPONENTS = st.just("") | st.builds(
    "{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 400)
)
WRITTEN = st.builds(
    lambda sign, whole, point, fraction, exponent: sign + whole + (point + fraction if point else "") + exponent,
    st.sampled_from(["", "+", "-"]),
    DIGITS,
    st.sampled_from(["", "."]),
    DIGITS,
    EXPONENTS,
).filter(lambda text: any(mark.isdigit() for mark in text.lower().split("e")[0]))
FLOATS = st.integers(0, 2**64 - 1).map(lambda bits: repr(struct.unpack("<d", struct.pack("<Q", bits))[0]))
FIELDS = WRITTEN | FLOATS | st.integers(-300, 300).map(str) | st.sampled_from([" 1", "nan", "-inf", "1e5 ", "Infinity"])
TABLES = st.integers(1, 5).flatmap(lambda cols: st.lists(st.lists(FIELDS, min_size=cols, max_size=cols), min_size=1))


def same_bits(ours, exact):
    assert ours.dtype == np.float64
    assert ours.shape == exact.shape
    np.testing.assert_array_equal(ours, exact)
    signs = np.signbit(ours) == np.signbit(exact)
    assert (signs | np.isnan(exact)).all()  # a zero has a sign too


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
@settings(deadline=None, max_examples=300)
@given(table=TABLES, end=st.sampled_from(["\n", "\r\n"]), closed=st.booleans())
def test_a_rung_reads_every_number_as_python_does(rung, table, end, closed):
    data = (end.join(",".join(line) for line in table) + (end if closed else "")).encode()
    same_bits(parse_with(rung, data), reference(data))


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
@settings(deadline=None, max_examples=500)
@given(st.integers(0, 2**64 - 1), st.integers(-400, 400))
@example(0, -400)
@example(9007199254740993, 0)  # half way between two float64
@example(2**64 - 1, -345)
@example(24703282292062327, -340)  # half of the smallest float64, and a little less
@example(24703282292062328, -340)
@example(22250738585072011, -324)  # the largest denormal
@example(22250738585072014, -324)  # the smallest normal number
@example(17976931348623158, 292)  # the largest, and what rounds beyond it
@example(17976931348623159, 292)
def test_a_rung_rounds_correctly(rung, number, power):
    data = f"{number}e{power},-{number}e{power}\n".encode()
    same_bits(parse_with(rung, data), reference(data))


@pytest.mark.parametrize("rung", LADDER, ids=rung_name)
@pytest.mark.parametrize("power", range(-345, 311, 7))
def test_a_rung_rounds_correctly_near_half_way(rung, power):
    """The shortest digits of a float64, and 17 digits next to the middle between it and its neighbour."""
    numbers = np.random.default_rng(power + 400).random(50) * 10.0 ** max(power, -307)
    middles = numbers + np.spacing(numbers) / 2
    texts = [repr(n) for n in numbers.tolist()] + [f"{n:.16e}" for n in middles.tolist()]
    data = (",".join(texts) + "\n").encode()
    same_bits(parse_with(rung, data), reference(data))


def test_a_long_table_is_read_in_two_parts():
    table = np.random.default_rng(0).standard_normal((500, 7))
    data = "\n".join(",".join(map(repr, row)) for row in table.tolist()).encode()
    same_bits(kernels.parse_csv(data), table)
    same_bits(kernels.parse_csv(bytearray(data + b"\n")), table)
    same_bits(kernels.parse_csv(memoryview(data)), table)


def test_nothing_is_a_table_of_nothing():
    assert kernels.parse_csv(b"").shape == (0, 0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"1,2\n3\n", "Line 2 has 1 fields, and the first line has 2"),
        (b"1,2\n3,4\n5,6,7", "Line 3 has 3 fields"),
        (b"1,2\r\n3,4,5\r\n6\r\n", "Line 2 has 3 fields"),
        (b"1,,2\n", "Line 1, field 2: empty"),
        (b",1\n", "Line 1, field 1: empty"),
        (b"1,2\n3,\n", "Line 2, field 2: empty"),
        (b"1\n\n2\n", "Line 2, field 1: empty"),
        (b"1,2\n\n", "Line 2, field 1: empty"),
        (b"\n", "Line 1, field 1: empty"),
        (b"1, \n", "Line 1, field 2: empty"),
        (b"a,b\n1,2\n", "Line 1, field 1: 'a' is not a number"),
        (b"1,2\n3,4x\n", "Line 2, field 2: '4x' is not a number"),
        (b"1,--2\n", "'--2' is not a number"),
        (b"1e,2\n", "'1e' is not a number"),
        (b"1,.\n", "'.' is not a number"),
        (b"1,e5\n", "'e5' is not a number"),
        (b"1_0,2\n", "'1_0' is not a number"),
        (b'"1",2\n', "is not a number"),
        (b"1,0x10\n", "'0x10' is not a number"),
        (b"1,2\r3\n", "is not a number"),
        (b"1,\xff\n", "Line 1, field 2"),
        (b"1,2\x00\n", "Line 1, field 2"),
        (b"\xef\xbb\xbf1,2\n", "Line 1, field 1"),
        (b"1,2\n" * 1000 + b"3\n" + b"1,2\n" * 1000, "Line 1001 has 1 fields"),
        (b"," * 1000 + b"\n" * 1000, "Line 1, field 1: empty"),
    ],
)
def test_what_is_no_table_is_refused_with_the_line(data, message):
    with pytest.raises(ValueError, match=message):
        kernels.parse_csv(data)


def test_text_is_not_bytes():
    with pytest.raises(TypeError, match="data is a str, not bytes"):
        kernels.parse_csv("1,2\n")


@settings(deadline=None, max_examples=300)
@given(st.text("0123456789+-.eE,\n\r \tx", max_size=60))
def test_any_text_is_read_as_python_reads_it_or_refused(text):
    data = text.encode()
    try:
        exact = reference(data)
    except ValueError:
        exact = None
    if exact is None:
        with pytest.raises(ValueError, match="Line"):
            kernels.parse_csv(data)
    else:
        same_bits(kernels.parse_csv(data), exact if data else np.empty((0, 0)))
