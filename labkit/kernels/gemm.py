"""A general matrix product from tiles: the machinery behind `matmul` and behind torch's linear layers.

    for a block of B (DEPTH x WIDTH), packed:            stays in the second or third cache
        for TALL rows of a band of A, packed:            stay in the first cache
            for a panel of COLUMNS columns of the block: streams past
                one tile                                 stays in registers

Every number of B is packed once, every number of A once for WIDTH columns. C is read and written k / DEPTH times.
"""

import numpy as np
from numba import prange

from labkit.kernels.jit import jit
from labkit.kernels.packing import pack_columns, pack_rows
from labkit.kernels.tile import COLUMNS, TALL, aligned, tall

DEPTH = 512  # at most: 12 rows of A are 24 kB, and a first cache has 32 kB
WIDTH = 1024  # a block of B is 2 MB at most
BAND = 8 * TALL  # rows that a thread takes at a time; their part of A is 196 kB
NO_BIAS = np.empty(0, np.float32)


@jit(parallel=True)
def gemm(a, a_row, a_step, b, b_step, b_column, bias, c, m, n, k):
    """C = A B + bias. a, b: flat, with any steps; bias: (n,), or (0,) for none; c: flat, row after row. k > 0."""
    blocks = (k + DEPTH - 1) // DEPTH
    deep = (k + blocks - 1) // blocks  # blocks of equal depth: a shallow one would do little for each number of C
    panels = aligned((deep + 1) * ((min(n, WIDTH) + COLUMNS - 1) // COLUMNS * COLUMNS))
    for j in range(0, n, WIDTH):
        width = min(WIDTH, n - j)
        for start in range(0, k, deep):
            depth = min(deep, k - start)
            pack_columns(b, start * b_step + j * b_column, b_column, b_step, width, depth, panels)
            for band in prange((m + BAND - 1) // BAND):
                i = band * BAND
                height, place, fresh = min(BAND, m - i), i * n + j, start == 0
                if fresh and bias.size:
                    _fill(c, place, n, height, bias[j : j + width])
                    fresh = False
                _band(a, i * a_row + start * a_step, a_row, a_step, panels, c, place, n, height, width, depth, fresh)


@jit
def _fill(c, at, step, height, bias):
    """C starts as the bias, just before the first tile reads it from the cache."""
    for i in range(height):
        row = c[at + i * step : at + i * step + bias.size]
        for j in range(bias.size):
            row[j] = bias[j]


@jit
def _band(a, at, a_row, a_step, panels, c, c_at, c_row, height, width, depth, fresh):
    """All tiles of a band of rows: pack it, then multiply TALL rows of it with every panel of B."""
    rows = aligned((depth + 1) * ((height + TALL - 1) // TALL * TALL))
    edge = aligned(TALL * COLUMNS)
    pack_rows(a, at, a_row, a_step, height, depth, rows)
    for i in range(0, height, TALL):
        high = min(TALL, height - i)
        for j in range(0, width, COLUMNS):
            wide = min(COLUMNS, width - j)
            place = c_at + i * c_row + j
            if high == TALL and wide == COLUMNS:
                tall(rows, panels, c, i * (depth + 1), 1, TALL, j * (depth + 1), COLUMNS, place, c_row, depth, fresh)
            else:  # a whole tile beside C, of which C takes the part that it has
                tall(rows, panels, edge, i * (depth + 1), 1, TALL, j * (depth + 1), COLUMNS, 0, COLUMNS, depth, True)
                _take(edge, c, place, c_row, high, wide, fresh)


@jit
def _take(edge, c, place, c_row, high, wide, fresh):
    """The part of a tile that C has."""
    for i in range(high):
        part = edge[i * COLUMNS : i * COLUMNS + wide]
        row = c[place + i * c_row : place + i * c_row + wide]
        for j in range(wide):
            row[j] = part[j] if fresh else row[j] + part[j]
