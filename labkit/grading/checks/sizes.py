"""Sizes and arrays that honest code handles and hopeful code does not."""

from math import isqrt

import numpy as np


def awkward_sizes(*tiles: int, most: int = 12, zero: bool = True) -> list:
    """Sizes around the edges of tiles: 0, 1, one less and one more, primes, powers of two and their neighbours.

    tiles: the tile along each dimension (8, if none is given). Returns at most `most` sizes, always the same: ints for
    one dimension, tuples for more. Each size is met in each dimension, if `most` is large enough.
    """
    if most < 1:
        raise ValueError(f"a check of no sizes would always pass: most={most}")
    columns = [_along(tile, zero) for tile in tiles or (8,)]
    if len(columns) == 1:
        return columns[0][:most]
    rows: dict[tuple, None] = {}  # keeps the order
    for i in range(max(map(len, columns)) * len(columns)):
        # Each dimension is one step behind the one before, and another one in the next round: sizes rarely agree.
        rows[tuple(one[(i - d * (1 + i // len(one))) % len(one)] for d, one in enumerate(columns))] = None
    return list(rows)[:most]


def _along(tile: int, zero: bool) -> list[int]:
    """The sizes of one dimension, those that catch most first."""
    if tile < 1:
        raise ValueError(f"a tile has at least one element, not {tile}")
    power = 1 << (2 * tile).bit_length()  # larger than two tiles
    sizes = [tile + 1, 1, _prime(2 * tile + 2), tile - 1, *([0] if zero else []), tile, 2 * tile - 1]
    sizes += [power - 1, 2, 2 * tile, power + 1, 3, power, _prime(tile // 2 + 1)]
    return list(dict.fromkeys(one for one in sizes if one > 0 or (zero and one == 0)))


def _prime(least: int) -> int:
    return next(n for n in range(max(2, least), 2 * least + 4) if all(n % d for d in range(2, isqrt(n) + 1)))


def awkward_arrays(array: np.ndarray) -> dict[str, np.ndarray]:
    """The same numbers in other layouts: Fortran order, gaps between numbers, backwards in memory, and read-only.

    array: any shape and datatype. The names end a sentence: "with an array " + name.
    """
    whole = np.ascontiguousarray(array).reshape(array.shape)  # NumPy makes a row of a single number
    gaps = np.zeros((*whole.shape, 2), whole.dtype)
    gaps[..., 0] = whole
    gaps[..., 1] = np.roll(whole, 1) if whole.size else whole  # who ignores strides reads these
    turned = (*(slice(None, None, -1) for _ in whole.shape), ...)  # with ..., a single number stays an array
    fixed = whole.copy()
    fixed.flags.writeable = False
    return {
        "in Fortran order": np.asfortranarray(whole).reshape(whole.shape, order="F"),
        "with gaps between its numbers": gaps[..., 0],
        "that runs backwards in memory": whole[turned].copy()[turned],
        "that is read-only": fixed,
    }
