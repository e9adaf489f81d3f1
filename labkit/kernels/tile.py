"""A tile of a matrix product that stays in registers: what matmul, attention and the int8 product are made of.

    C[i, j] += sum_k A[i, k] B[k, j]        i < rows, j < COLUMNS

Each step k reads one row of B into VECTORS registers and one number of A a row, and does rows * VECTORS fused
multiply-adds of LANES each, whose sums never leave the registers (Goto & van de Geijn 2008, section 4). Twelve rows and
two vectors make 24 multiply-adds for 14 loads: the multipliers are the limit, not the loads.

No loop over NumPy arrays makes LLVM keep 24 sums in registers, so the loop is written here in LLVM's own vectors. It is
right on any processor: a vector that is wider than the registers is cut by LLVM. Only the speed depends on the sizes.
"""

from itertools import product

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from labkit.kernels.jit import jit
from labkit.kernels.simd import FLOAT, INT, LINE, REGISTERS
from labkit.kernels.simd import LANES as LOOP_LANES

# LLVM's loops use half vectors on Intel's AVX-512 servers; registers that are addressed by hand have all 16 lanes.
LANES = 16 if REGISTERS == 32 and LOOP_LANES >= 8 else LOOP_LANES
VECTORS = 2
COLUMNS = VECTORS * LANES
TALL = 12 if REGISTERS == 32 else 6  # rows that fill the registers: 24 or 12 sums, and some left for A and B
SHORT = 8 if REGISTERS == 32 else 4  # rows that divide the usual sizes of an attention head

OFFSET = ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, LANES)


def tile(rows: int, prefetch: bool = False):
    """Make the intrinsic for a tile of `rows` x COLUMNS. prefetch: C is large, and comes from memory.

    tile(a, b, c, a_at, a_row, a_step, b_at, b_step, c_at, c_row, depth, fresh), arrays flat float32, places counted in
    elements: A[i, k] is a[a_at + i * a_row + k * a_step], row k of B starts at b[b_at + k * b_step], row i of C at
    c[c_at + i * c_row]; k < depth. `fresh` writes C without reading it. Nothing checks the bounds: the caller must.
    """

    @intrinsic
    def tile_product(typingctx, a, b, c, a_at, a_row, a_step, b_at, b_step, c_at, c_row, depth, fresh):
        signature = types.void(a, b, c, *[types.intp] * 8, types.boolean)

        def generate(context, builder, signature, values):
            arrays = zip(signature.args[:3], values[:3], strict=True)
            a, b, c = (context.make_array(kind)(context, builder, value).data for kind, value in arrays)
            a_at, a_row, a_step, b_at, b_step, c_at, c_row, depth, fresh = values[3:]
            places = _places(builder, builder.gep(c, [c_at]), c_row, rows)
            if prefetch:
                _prefetch(builder, places)
            a_rows = [builder.gep(a, [builder.add(a_at, builder.mul(a_row, OFFSET(i)))]) for i in range(rows)]
            sums = _multiply(builder, a_rows, a_step, builder.gep(b, [b_at]), b_step, depth)
            _write(builder, places, sums, fresh)
            return context.get_dummy_value()

        return signature, generate

    return tile_product


def _places(builder, c, c_row, rows: int) -> list:
    """Where each vector of the tile lies in memory, row after row."""
    offsets = product(range(rows), range(VECTORS))
    return [builder.gep(c, [builder.add(builder.mul(c_row, OFFSET(i)), OFFSET(v * LANES))]) for i, v in offsets]


def _prefetch(builder, places: list) -> None:
    """Ask for C now: it is needed when the sums are done, and memory takes about as long as they do."""
    address = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [address, INT, INT, INT])
    fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    for place in places:
        builder.call(fetch, [builder.bitcast(place, address), INT(1), INT(3), INT(1)])  # to write, in all caches, data


def _multiply(builder, a_rows: list, a_step, b, b_step, depth) -> list:
    """The loop over k. Returns rows * VECTORS vectors of sums."""
    before = builder.block
    check, body, after = (builder.append_basic_block(f"tile.{name}") for name in ("check", "body", "after"))
    builder.branch(check)
    builder.position_at_end(check)
    k = builder.phi(OFFSET)
    sums = [builder.phi(VECTOR) for _ in range(len(a_rows) * VECTORS)]
    builder.cbranch(builder.icmp_signed("<", k, depth), body, after)
    builder.position_at_end(body)
    column = [builder.gep(row, [builder.mul(k, a_step)]) for row in a_rows]
    added = _step(builder, column, builder.gep(b, [builder.mul(k, b_step)]), sums)
    following = builder.add(k, OFFSET(1))
    builder.branch(check)
    nothing = ir.Constant(VECTOR, [0.0] * LANES)
    for phi, start, later in [(k, OFFSET(0), following), *((sums[i], nothing, added[i]) for i in range(len(sums)))]:
        phi.add_incoming(start, before)
        phi.add_incoming(later, body)
    builder.position_at_end(after)
    return sums


def _step(builder, a_column: list, b_row, sums: list) -> list:
    """One k: each number of A's column times the row of B, added to the sums."""
    # `fmuladd` and not `fma`: a processor without the instruction multiplies and adds, instead of calling a library.
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    multiply_add = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32")
    row = [_load(builder, builder.gep(b_row, [OFFSET(v * LANES)])) for v in range(VECTORS)]
    added = []
    for i, place in enumerate(a_column):
        number = _broadcast(builder, builder.load(place))
        added += [builder.call(multiply_add, [number, row[v], sums[i * VECTORS + v]]) for v in range(VECTORS)]
    return added


def _write(builder, places: list, sums: list, fresh) -> None:
    """C = sums where it is fresh, else C += sums."""
    with builder.if_else(fresh) as (write, add):
        with write:
            for place, total in zip(places, sums, strict=True):
                _store(builder, total, place)
        with add:
            for place, total in zip(places, sums, strict=True):
                _store(builder, builder.fadd(_load(builder, place), total), place)


def _broadcast(builder, number):
    empty = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(empty, number, INT(0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(INT, LANES), [0] * LANES))


def _load(builder, place):
    return builder.load(builder.bitcast(place, VECTOR.as_pointer()), align=4)


def _store(builder, vector, place):
    builder.store(vector, builder.bitcast(place, VECTOR.as_pointer()), align=4)


tall, short, single = tile(TALL, prefetch=True), tile(SHORT), tile(1)


@jit
def aligned(count):
    """Scratch of `count` float32, undefined, that starts at a cache line: a vector is never cut by a line's end."""
    block = np.empty(count + LINE, np.float32)
    start = (-block.ctypes.data % (4 * LINE)) // 4
    return block[start : start + count]
