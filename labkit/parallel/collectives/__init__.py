"""Collectives, written with `link` alone: what every rank calls together, and the sum or the copy that all then have.

The ladder: `naive` -> `tree` (few steps) -> `ring` (few bytes). n ranks, x of S bytes, a message of S bytes takes
alpha + S/B seconds (Hockney 1994):

    naive_all_reduce   2(n - 1) (alpha + S/B)           all of it through rank 0's link
    tree_all_reduce    2 ceil(log2 n) (alpha + S/B)
    ring_all_reduce    2(n - 1) (alpha + S/(n B))       2(n - 1)/n S bytes a rank: no all-reduce sends fewer
"""

from labkit.parallel.collectives.naive import naive_all_reduce
from labkit.parallel.collectives.ring import Move, all_gather, reduce_scatter, ring_all_reduce, steps
from labkit.parallel.collectives.shards import shards
from labkit.parallel.collectives.tree import broadcast, reduce, tree_all_reduce

__all__ = [
    "Move",
    "all_gather",
    "broadcast",
    "naive_all_reduce",
    "reduce",
    "reduce_scatter",
    "ring_all_reduce",
    "shards",
    "steps",
    "tree_all_reduce",
]
