"""Packing: a block of a matrix copied into the order in which the tiles will read it.

A tile walks along TALL rows of A and down COLUMNS columns of B. In the matrix itself those numbers lie whole rows
apart: every step would touch another page, and rows whose distance is a power of two fall on the same places of the
cache. Packed, they are one stream, read to its end. Copying costs a read and a write a number, which the tiles then use
hundreds of times (Goto & van de Geijn 2008, section 5).

Both matrices are packed by the same rule, B's columns playing the part of A's rows. The steps between neighbours are
arguments, so that a transposed matrix is packed like any other, without a copy before.
"""

from itertools import product

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from labkit.kernels.jit import jit
from labkit.kernels.simd import FLOAT, INT
from labkit.kernels.tile import COLUMNS, OFFSET, TALL

ZERO = np.float32(0)
SQUARE = 4  # the vectors of four that every processor has


def packing(wide: int):
    """Make the kernel that packs panels of `wide` lines: rows of A, or columns of B."""
    move = moving(wide)

    @jit
    def pack(source, at, across, along, lines, depth, panels):
        """Number k of line l, source[at + l * across + k * along], goes to place k * wide + l % wide of its panel.

        source: flat, float32 or int8. panels: flat, a panel every (depth + 1) * wide; the lines that the last one lacks
        are zeros.
        """
        moved = lines - lines % wide if across == 1 else 0
        for k in range(depth):
            for first in range(0, moved, wide):
                move(source, at + k * along + first, panels, first * (depth + 1) + k * wide)
        for first in range(moved, lines, wide):
            count, place = min(wide, lines - first), first * (depth + 1)
            if count < wide:
                panels[place : place + depth * wide] = ZERO
            _lines(source, at + first * across, across, along, count, depth, panels, place)

    @jit
    def _lines(source, at, across, along, lines, depth, panels, place):
        if along == 1:
            transpose(source, at, across, lines, depth, panels, place, wide)
        else:
            for k in range(depth):
                for line in range(lines):
                    panels[place + k * wide + line] = np.float32(source[at + line * across + k * along])

    return pack


def moving(count: int):
    """Make the intrinsic that moves `count` neighbours at once, of which LLVM knows that they do not overlap."""

    @intrinsic
    def move(typingctx, source, at, target, to):
        signature = types.void(source, types.intp, target, types.intp)

        def generate(context, builder, signature, values):
            source, target = (context.make_array(signature.args[i])(context, builder, values[i]).data for i in (0, 2))
            numbers = _load(builder, builder.gep(source, [values[1]]), count)
            _store(builder, numbers, builder.gep(target, [values[3]]))
            return context.get_dummy_value()

        return signature, generate

    return move


@jit
def transpose(source, at, step, rows, cols, target, to, to_step):
    """target[to + col * to_step + row] = source[at + row * step + col], flat, float32 or int8 to float32."""
    whole_rows, whole_cols = rows - rows % SQUARE, cols - cols % SQUARE
    for col in range(0, whole_cols, SQUARE):
        for row in range(0, whole_rows, SQUARE):
            turn(source, at + row * step + col, step, target, to + col * to_step + row, to_step)
    for row in range(rows):
        for col in range(whole_cols if row < whole_rows else 0, cols):
            target[to + col * to_step + row] = np.float32(source[at + row * step + col])


@intrinsic
def turn(typingctx, source, at, step, target, to, to_step):
    """Transpose a square of four rows and four numbers: one store for four numbers instead of a store for each."""
    signature = types.void(source, types.intp, types.intp, target, types.intp, types.intp)

    def generate(context, builder, signature, values):
        source, target = (context.make_array(signature.args[i])(context, builder, values[i]).data for i in (0, 3))
        _, at, step, _, to, to_step = values
        rows = [_load(builder, builder.gep(source, [_place(builder, at, step, i)]), SQUARE) for i in range(SQUARE)]
        for _ in range(2):  # each round interleaves row i with row i + 2
            halves = product(range(SQUARE // 2), ([0, 4, 1, 5], [2, 6, 3, 7]))
            rows = [
                builder.shuffle_vector(rows[i], rows[i + 2], ir.Constant(ir.VectorType(INT, SQUARE), order))
                for i, order in halves
            ]
        for k, column in enumerate(rows):
            _store(builder, column, builder.gep(target, [_place(builder, to, to_step, k)]))
        return context.get_dummy_value()

    return signature, generate


def _place(builder, start, step, count: int):
    return builder.add(start, builder.mul(step, OFFSET(count)))


def _load(builder, place, count: int):
    """Neighbours as a vector of float32, from float32 or from int8."""
    kind = place.type.pointee
    vector = builder.bitcast(place, ir.VectorType(kind, count).as_pointer())
    if kind == FLOAT:
        return builder.load(vector, align=4)
    return builder.sitofp(builder.load(vector, align=1), ir.VectorType(FLOAT, count))


def _store(builder, numbers, place):
    builder.store(numbers, builder.bitcast(place, numbers.type.as_pointer()), align=4)


pack_rows, pack_columns = packing(TALL), packing(COLUMNS)
