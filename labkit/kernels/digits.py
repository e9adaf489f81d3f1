"""Decimal digits in text, one or eight at a time.

Text is uint8 (n,). Nothing here looks for an end: a byte that is no digit must follow, and eight bytes be readable.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from labkit.kernels.jit import jit

ZERO_DIGIT = np.uint8(ord("0"))


@intrinsic
def load_eight(typingctx, text, i):
    """text[i : i + 8] as one uint64, the first byte lowest."""

    def generate(context, builder, signature, values):
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        word = builder.load(builder.bitcast(builder.gep(data, [values[1]]), ir.IntType(64).as_pointer()))
        word.align = 1
        return word

    return types.uint64(text, types.intp), generate


@intrinsic
def byte(typingctx, text, i):
    """text[i], without the question whether i counts from the end."""

    def generate(context, builder, signature, values):
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        return builder.load(builder.gep(data, [values[1]]))

    return types.uint8(text, types.intp), generate


def _eight(byte: int) -> np.uint64:
    return np.uint64(int.from_bytes(bytes([byte] * 8)))


ZEROS, ABOVE_NINE, HIGH_BITS = _eight(ord("0")), _eight(0x80 - 10), _eight(0x80)
TEN, HUNDRED_MILLION = np.uint64(10), np.uint64(10**8)
BYTE, TWO_BYTES, HALF = np.uint64(8), np.uint64(16), np.uint64(32)
PAIRS = np.uint64(0x000000FF000000FF)
TO_HUNDREDS, TO_ONES = np.uint64(100 + (10**6 << 32)), np.uint64(1 + (10**4 << 32))


@jit
def digits(text, i, number):
    """Append the digits at text[i:] to a number: ten times what there is, plus the next. Returns it and where they end.

    Where the last digit stands is guessed by the processor's branch prediction: numbers of one length cost no waiting.
    """
    while np.uint8(byte(text, i) - ZERO_DIGIT) < 10:
        number = number * TEN + np.uint64(byte(text, i) - ZERO_DIGIT)
        i += 1
    return number, i


@jit
def digits_by_eight(text, i, number):
    """The same, eight digits in three products while there are as many (Lemire 2021, section 4)."""
    while True:
        word = load_eight(text, i) ^ ZEROS
        # A byte of a digit is 0 to 9 now; adding 118 sets the top bit of any other.
        if ((word + ABOVE_NINE) | word) & HIGH_BITS:
            return digits(text, i, number)
        word = word * TEN + (word >> BYTE)  # pairs of digits, in every second byte
        eight = ((word & PAIRS) * TO_HUNDREDS + ((word >> TWO_BYTES) & PAIRS) * TO_ONES) >> HALF
        number = number * HUNDRED_MILLION + eight
        i += 8
