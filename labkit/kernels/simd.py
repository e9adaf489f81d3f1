"""What a vectorised loop needs and Numba lacks: an exponential, a maximum, and a way to ask for memory ahead of time.

Numba calls the C library's `exp` element by element, and its `max` keeps a loop scalar: a softmax written with them is
four to five times slower than torch's. The functions here are written for one number; inside a loop over a contiguous
row LLVM makes vectors of them, as wide as the processor's: AVX-512, AVX2 or NEON, from the same source.
"""

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from labkit.kernels.jit import jit

FLOAT, INT = ir.FloatType(), ir.IntType(32)
LINE = 16  # float32 in a cache line of 64 bytes


def _features() -> set[str]:
    chosen = numba.config.CPU_FEATURES
    flags = binding.get_host_cpu_features().flatten() if chosen is None else chosen
    return {flag[1:] for flag in flags.split(",") if flag.startswith("+")}


def _lanes() -> int:
    """float32 in the vectors that LLVM makes here. On Intel's AVX-512 servers it prefers half of what they have."""
    features = _features()
    name = numba.config.CPU_NAME or binding.get_host_cpu_name()
    if "avx512f" in features and name.startswith(("znver", "knl", "knm")):
        return 16
    return 8 if "avx" in features else 4


LANES = _lanes()
REGISTERS = 32 if {"avx512vl", "neon"} & _features() else 16


@intrinsic
def bits(typingctx, x):
    """The 32 bits of a float32 as an int32."""
    return types.int32(types.float32), lambda context, builder, signature, values: builder.bitcast(values[0], INT)


@intrinsic
def from_bits(typingctx, i):
    """The float32 that has these 32 bits."""
    return types.float32(types.int32), lambda context, builder, signature, values: builder.bitcast(values[0], FLOAT)


@intrinsic
def maximum(typingctx, a, b):
    """The larger of two float32; NaN if either is. LLVM vectorises a reduction of it, which it does not of `max`."""

    def generate(context, builder, signature, values):
        two = ir.FunctionType(FLOAT, [FLOAT, FLOAT])
        return builder.call(builder.module.declare_intrinsic("llvm.maximum", [FLOAT], two), values)

    return types.float32(types.float32, types.float32), generate


@jit
def ask_for(row, start, end):
    """Let row[start:end] come near without waiting for it. row: float32 (n,)."""
    for i in range(start, end, LINE):
        _prefetch(row, i)


@intrinsic
def _prefetch(typingctx, array, i):
    """The cache line of array[i], into the second cache."""

    def generate(context, builder, signature, values):
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        place = builder.bitcast(builder.gep(data, [values[1]]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, INT, INT, INT])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [place, INT(0), INT(2), INT(1)])  # to read, not into the first cache, data
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


# exp(x) = 2^n exp(r), n the nearest integer to x / ln 2, |r| <= ln(2) / 2.
LOG2_E = np.float32(1.4426950408889634)
LN2_HIGH = np.float32(0.693359375)  # few bits, so that n * LN2_HIGH is exact (Cody & Waite 1980)
LN2_LOW = np.float32(-2.12194440e-4)
# A sum with 1.5 * 2^23 has no bits after the point: its low bits are n, rounded, plus what is added here.
ROUND_TWO_BIASES, ROUND_BIAS = np.float32(1.5 * 2**23 + 254), np.float32(1.5 * 2**23 + 127)
# exp(r) = 1 + r + r^2 p(r), minimax (Cephes, expf.c)
P5, P4, P3 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
P2, P1, P0 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
SMALLEST, LARGEST = np.float32(-103.97208), np.float32(89)  # below: rounds to 0; above: infinity long ago
SMALLEST_NORMAL = np.float32(-87.33654)  # below: less than 2^-126, the smallest number with all its bits
ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)
I1, I23 = np.int32(1), np.int32(23)


# Nothing may be reordered in these three: `(t + ROUND) - ROUND` is not `t`.
@jit(fastmath=frozenset({"contract"}))
def _exp_of_rest(t, n):
    """exp(t - n ln 2), near one."""
    r = t - n * LN2_HIGH
    r = r - n * LN2_LOW
    p = P5 * r + P4
    p = p * r + P3
    p = p * r + P2
    p = p * r + P1
    p = p * r + P0
    p = p * r + ONE
    return p * r + ONE


@jit(fastmath=frozenset({"contract"}))
def exp(x):
    """exp of a float32: within 1 ulp everywhere, denormal results included; exactly 0 for -inf, NaN for NaN."""
    vanishes = x < SMALLEST
    # Masked entries take an easy way, not one through denormals, which some processors compute a hundred times slower.
    t = ZERO if vanishes else x
    t = LARGEST if t > LARGEST else t
    shifted = t * LOG2_E + ROUND_TWO_BIASES
    # 2^n as two factors: alone it would leave float32's range where exp(x) does not. n + 254 is halved, so that each
    # half is a biased exponent; what stands above them in `i` is shifted out.
    i = bits(shifted)
    half = np.int32(i >> I1)
    rest = np.int32(i - half)
    p = _exp_of_rest(t, shifted - ROUND_TWO_BIASES)
    y = p * from_bits(np.int32(half << I23)) * from_bits(np.int32(rest << I23))
    return ZERO if vanishes else y


@jit(fastmath=frozenset({"contract"}))
def exp_normal(x):
    """exp for sums with something near one: an eighth quicker; 0 where exp is denormal, infinite from 88.38 on."""
    vanishes = x < SMALLEST_NORMAL
    t = ZERO if vanishes else x
    t = LARGEST if t > LARGEST else t
    shifted = t * LOG2_E + ROUND_BIAS
    y = _exp_of_rest(t, shifted - ROUND_BIAS) * from_bits(np.int32(bits(shifted) << I23))
    return ZERO if vanishes else y
