"""What this machine can do at most, measured beside the kernels: copies of every size, and fused multiply-adds.

A copy is what the C library's memcpy makes of it. Arrays that fit in a cache are copied from it, so the limit of a
small case is measured at that case's size. All multiply-adds are in registers: no memory, nothing to wait for.
"""

import time
from functools import cache

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from labkit.kernels.jit import jit
from labkit.kernels.simd import FLOAT, LANES

CHAINS = 12  # independent sums: they hide a latency of up to six cycles on two units, and fit into 16 registers
STEPS = 2_000_000
LARGE = 64 << 20  # bytes, of one array: beyond any cache that a core has to itself


class Limits:
    """Bytes and operations a second that `threads` threads reach on this machine, now; as many as kernels use."""

    def __init__(self, threads: int = 1):
        self.flops_per_s = fma_peak(threads)

    @staticmethod
    @cache
    def copy_bytes_per_s(moved: int) -> float:
        """Bytes read and written a second by a copy that moves this many, or as many as LARGE arrays do."""
        count = min(max(moved // 2, 4096), LARGE) // 4
        source, target = np.ones(count, np.float32), np.ones(count, np.float32)
        copies = max(1, (2 << 20) // count)
        return 2 * source.nbytes * copies / _quickest(lambda: _copy(source, target, copies))

    def rows(self) -> list[dict]:
        return [
            {"limit": "copy", "size": "64 MB", "gb_per_s": self.copy_bytes_per_s(2 * LARGE) / 1e9},
            {"limit": "fused multiply-add", "lanes": LANES, "gflop_per_s": self.flops_per_s / 1e9},
        ]


def fma_peak(threads: int = 1) -> float:
    """Float32 operations a second, two for a fused multiply-add."""
    flops = 2 * threads * STEPS * CHAINS * LANES
    return flops / _quickest(lambda: _on_each_thread(threads, STEPS))


def _quickest(call, attempts: int = 7) -> float:
    """Seconds of the best attempt: a limit is what the machine reaches when it is left alone."""
    call()
    seconds = []
    for _ in range(attempts):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


@intrinsic
def _chains(typingctx, steps):
    """CHAINS vectors, each multiplied and added to, `steps` times."""

    def generate(context, builder, signature, values):
        vector, count = ir.VectorType(FLOAT, LANES), values[0].type
        fma_type = ir.FunctionType(vector, [vector] * 3)
        fma = cgutils.get_or_insert_function(builder.module, fma_type, f"llvm.fma.v{LANES}f32")
        near_one = ir.Constant(vector, [0.999] * LANES)
        before = builder.block
        loop, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(count)
        sums = [builder.phi(vector) for _ in range(CHAINS)]
        step.add_incoming(ir.Constant(count, 0), before)
        for index, total in enumerate(sums):
            total.add_incoming(ir.Constant(vector, [float(index)] * LANES), before)
            total.add_incoming(builder.call(fma, [total, near_one, near_one]), loop)
        following = builder.add(step, ir.Constant(count, 1))
        step.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, values[0]), loop, after)
        builder.position_at_end(after)
        total = sums[0]
        for other in sums[1:]:
            total = builder.fadd(total, other)
        return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

    return types.float32(types.intp), generate


@jit(parallel=True)
def _copy(source, target, copies):
    for _ in range(copies):
        for i in prange(source.size):
            target[i] = source[i]


@jit(parallel=True)
def _on_each_thread(threads, steps):
    total = 0.0
    for _ in prange(threads):
        total += _chains(steps)
    return total
