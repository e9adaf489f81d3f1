"""From decimal digits to the nearest float64, exactly as Python's `float` rounds.

number * 10^power is exact in two steps of hardware where both fit (Clinger 1990); elsewhere 128 bits of 5^power decide
(Lemire 2021, "Number parsing at a gigabyte per second", sections 5 to 8; Mushtak & Lemire 2023: no case is left over).
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from labkit.kernels.jit import jit

LEAST_POWER, GREATEST_POWER = -342, 308  # below, any 19 digits round to 0; above, to infinity
EXACT_POWER = 22  # 10^22 is the last power of ten that is a float64
EXACT_NUMBER = np.uint64(2**53)
TENS = np.array([float(f"1e{power}") for power in range(EXACT_POWER + 1)])

MANTISSA_BITS = 52
HIDDEN = np.uint64(1 << MANTISSA_BITS)
U0, U1, U2, U3 = (np.uint64(n) for n in range(4))
NINE_ONES, INFINITE = np.uint64(0x1FF), np.uint64(0x7FF << MANTISSA_BITS)


def _five_to(power: int) -> int:
    """The 128 leading bits of 5^power: rounded down, but up where the power is negative."""
    five = 5 ** abs(power)
    if power >= 0:
        return five << (128 - five.bit_length()) if five.bit_length() < 128 else five >> (five.bit_length() - 128)
    inverse = (1 << (2 * five.bit_length() + 128)) // five + 1
    return inverse >> (inverse.bit_length() - 128)


_FIVES = [_five_to(power) for power in range(LEAST_POWER, GREATEST_POWER + 1)]
HIGH = np.array([five >> 64 for five in _FIVES], np.uint64)
LOW = np.array([five & (2**64 - 1) for five in _FIVES], np.uint64)


@intrinsic
def product_128(typingctx, a, b):
    """a * b of two uint64 as (high, low) uint64."""

    def generate(context, builder, signature, values):
        wide, word = ir.IntType(128), ir.IntType(64)
        product = builder.mul(*(builder.zext(value, wide) for value in values))
        halves = builder.trunc(builder.lshr(product, wide(64)), word), builder.trunc(product, word)
        return context.make_tuple(builder, signature.return_type, halves)

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), generate


@intrinsic
def leading_zeros(typingctx, word):
    def generate(context, builder, signature, values):
        return builder.ctlz(values[0], ir.IntType(1)(0))

    return types.uint64(types.uint64), generate


@intrinsic
def as_float(typingctx, word):
    """The float64 that has these 64 bits."""
    return types.float64(types.uint64), lambda context, builder, signature, values: builder.bitcast(
        values[0], ir.DoubleType()
    )


# Not a single operation may be reordered or fused: each must round as IEEE 754 says.
@jit(fastmath=frozenset())
def nearest(number, power):
    """The float64 nearest to number * 10^power. number: uint64, all of its digits; power: int64."""
    if number <= EXACT_NUMBER and -EXACT_POWER <= power <= EXACT_POWER:
        exact = np.float64(np.int64(number))
        return exact / TENS[-power] if power < 0 else exact * TENS[power]
    return nearest_far(number, power)


@jit(fastmath=frozenset())
def nearest_far(number, power):
    """The same where number or power is too large for one exact operation (Lemire 2021, algorithm 1)."""
    if number == U0 or power < LEAST_POWER:
        return 0.0
    if power > GREATEST_POWER:
        return np.inf
    zeros = leading_zeros(number)
    number <<= zeros
    high, low = product_128(number, HIGH[power - LEAST_POWER])
    if high & NINE_ONES == NINE_ONES:  # too close to call: the other 64 bits of the power decide
        carry, _ = product_128(number, LOW[power - LEAST_POWER])
        low += carry
        high += np.uint64(low < carry)
    upper = high >> np.uint64(63)
    shift = upper + np.uint64(64 - MANTISSA_BITS - 3)
    mantissa = high >> shift
    # 217706 / 2^16 is log2(10): the exponent of 10^power, plus the bias of float64's.
    exponent = ((217706 * power) >> 16) + 63 + np.int64(upper) - np.int64(zeros) + 1023
    if exponent <= 0:
        return _denormal(mantissa, exponent)
    if low <= U1 and -4 <= power <= 23 and mantissa & U3 == U1 and mantissa << shift == high:
        mantissa &= ~U1  # exactly half way: to the even one
    mantissa = (mantissa + (mantissa & U1)) >> U1
    if mantissa >= HIDDEN << U1:
        mantissa, exponent = HIDDEN, exponent + 1
    if exponent >= 0x7FF:
        return np.inf
    return as_float((mantissa & ~HIDDEN) | np.uint64(exponent) << np.uint64(MANTISSA_BITS))


@jit(fastmath=frozenset())
def _denormal(mantissa, exponent):
    """Fewer bits than usual, down to none. A carry into the hidden bit makes the smallest normal number by itself."""
    if exponent < -62:
        return 0.0
    mantissa >>= np.uint64(1 - exponent)
    return as_float((mantissa + (mantissa & U1)) >> U1)
