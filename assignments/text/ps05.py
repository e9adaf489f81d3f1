# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 05: Done by five
#
# > *From: Hugo, who runs the machines.* "Bo was right, it was the program: since then the night is over before one.
# > And now we have joined a marketplace. Three million garments, each compared with all others, every night, and the
# > old box is busy until noon again. Maren wants it **done by five**. Ilse still buys nothing, but she lets me rent:
# > **six euros a night**. The dealer has seven machines, and I would take the one with the most GFLOP/s. This time I
# > want to know *before* I sign."
#
# Fast and cheap pull in different directions, and a machine that you have never seen cannot be measured. Lab 05
# measured; here you count: first what an order of steps fetches, then how often a row has to pass by, then the least
# time that any program needs on any machine. At the end your own machine says what it thinks of counting.
#
# | | | minutes | points |
# |---|---|---|---|
# | 0 | your name | 1 | 1 |
# | 1 | In which order? A product in a small cache | 45 | 6 |
# | 2 | How often does a row pass? Softmax, block by block | 30 | 5 |
# | 3 | How fast at best? The roofline, and a machine for the night | 30 | 4 |
# | 4 | your own machine, measured and explained | 40 | 5 |

# %% [markdown]
# **How it works.** Replace every line `raise NotImplementedError(...)` with your code, and run the checks under it.
# After you submit, further checks run on awkward cases. They ask for nothing that the exercise does not state. Leave
# the cells where they are, add your own, import what you need where you need it.

# %% locked="imports"
import tomllib
from math import isclose
from pathlib import Path

import numpy as np

from labkit import kernels
from labkit.bench.harness import interleaved
from labkit.bench.harness import machine as this_machine
from labkit.bench.kernels.limits import Limits
from labkit.grading.caches import TILES, misses, multiplies, product_for, steps_of
from labkit.grading.checks import close, raises
from labkit.grading.nights import night_for
from labkit.grading.once import once
from labkit.grading.seeds import dice, is_own
from labkit.grading.slow_memory import run
from labkit.kernels.matmul import blocked, loop_order
from labkit.notebook import roofline as draw_roofline

# %% [markdown]
# ## Your name
#
# Replace the line `raise ...` with `NAME = "..."`, your own name between the quotes, as your instructor knows it (a
# placeholder such as `student` is not a name), spelled as in problem set 00. Your cache and your night are drawn from
# it.

# %% solution="name"
NAME = ...
### BEGIN SOLUTION
NAME = "Grace Hopper"
### END SOLUTION

# %% test="name-given" points=1
assert isinstance(NAME, str), "NAME is not text yet: write your name between quotes, and take out the line with raise"
assert NAME.strip(), "between the quotes there is no name yet"
### BEGIN HIDDEN TESTS
assert is_own(NAME), "a placeholder is not a name: whoever keeps it has the same numbers as everybody who keeps it"
### END HIDDEN TESTS

# %% [markdown]
# ## 1. In which order? *(45 minutes, 6 points)*
#
# A product `C` of `A` (m rows, k columns) and `B` (k rows, n columns) is `m * k * n` **steps**
#
# $$C_{ij} \mathrel{+}= A_{ip} \, B_{pj} \qquad 0 \le i < m, \quad 0 \le p < k, \quad 0 \le j < n$$
#
# and they may be done in any order: the product is the same, but for rounding. So we write an order down as data. A
# **plan** is a function that yields the steps, each as a tuple `(i, p, j)` of three whole numbers. This one is the
# formula as it stands, one entry of `C` after another:


# %%
def formula(m: int, k: int, n: int):
    """The steps of a product in the order of the formula."""
    for i in range(m):
        for j in range(n):
            for p in range(k):
                yield i, p, j


print(list(formula(1, 2, 2)))

# %% [markdown]
# What a plan costs depends on where its numbers are. Here they are in **a small cache**, which the checks keep
# themselves:
#
# - a *line* is 64 bytes: eight `float64` numbers that are neighbours in memory. `A`, `B` and `C` lie in memory row by
#   row, each from the beginning of a line;
# - a step asks for `A[i, p]`, then `B[p, j]`, then `C[i, j]`. If the cache holds the line of that number, this costs
#   nothing. If not, it is a **miss**: the line is fetched, and if the cache is full, the line that was not used for
#   the longest time goes out (*LRU*);
# - our cache has 48 lines, 3 kB, and is empty at first. A real first cache has ten to sixteen times as many; real
#   matrices are larger, too.
#
# `steps_of(plan, m, k, n)` collects the steps of a plan as an array, and `misses(steps, m, k, n, lines)` counts. Both
# are what the checks use.

# %%
print(f"{misses(steps_of(formula, 20, 64, 48), 20, 64, 48, lines=48):,} misses in {20 * 64 * 48:,} steps")

# %% [markdown]
# More than one miss a step: the inner loop goes down a column of `B`, where each number lies in another line, and when
# it comes back for the neighbour, that line is gone.
#
# **1a. A better order of the loops** *(2 points)*. Write a plan of three loops that misses little. Each step comes
# exactly once. A size may be 1, or 0 (then there are no steps). One point is for the steps, and one for the misses: at
# most 10 % more than the best of the six orders of the three loops has, in products whose matrices are all three
# larger than the cache. Fewer are welcome.


# %% solution="steps"
def steps(m: int, k: int, n: int):
    """Yield each step (i, p, j) of an (m, k) times (k, n) product once, in an order that misses little."""
    ### BEGIN SOLUTION
    for i in range(m):
        for p in range(k):
            for j in range(n):
                yield i, p, j
    ### END SOLUTION


# %% test="steps-once" points=1
multiplies(steps, 3, 3, 3)  # runs your plan on two matrices, and says which step is missing or comes too often
multiplies(steps, 2, 2, 5)
### BEGIN HIDDEN TESTS
for m, k, n in [(1, 1, 1), (7, 1, 3), (1, 9, 2), (13, 5, 1), (4, 17, 11), (8, 16, 24), (23, 3, 19)]:
    multiplies(steps, m, k, n)
for m, k, n in [(0, 3, 3), (3, 0, 3), (3, 3, 0), (0, 0, 0)]:
    multiplies(steps, m, k, n)
### END HIDDEN TESTS

# %% test="steps-misses" points=1
found = misses(multiplies(steps, 20, 64, 48), 20, 64, 48, lines=48)
assert found < 60_000, f"{found:,} misses, more than one a step: in which direction does your inner loop go through B?"
assert found <= 8_756, f"{found:,} misses; the best order of the three loops has 7,960, and 10 % more are allowed"
### BEGIN HIDDEN TESTS
for m, k, n in [(50, 52, 26), (60, 50, 25)]:
    ours = np.indices((m, k, n)).reshape(3, -1).T
    most = 1.1 * misses(ours, m, k, n, lines=48)
    found = misses(multiplies(steps, m, k, n), m, k, n, lines=48)
    assert found <= most, f"{found:,} misses with m, k, n = {m}, {k}, {n}; at most {most:,.0f} are allowed"
### END HIDDEN TESTS

# %% [markdown]
# **1b. Tile by tile** *(3 points)*. Each row of `B` still comes into the cache once for every row of `A`. So cut each
# of the three ranges (of `i`, of `p`, of `j`) into pieces of `tile` numbers, as 0...7, 8...15, 16...23 for a tile of 8.
# What is left at the end of a range is a smaller piece. Take three pieces, one of each range, do **all** steps that
# they have in common, and only then take the next three. A tile of `A`, one of `B` and one of `C` are then used again
# and again while they are in the cache.
#
# `tile` is at least 1. It need not divide the sizes, and may be larger than they are; a size may be 0 here as well.
# The points: one where the tile divides the sizes, one where it does not, and one for misses: at most 20 % more than
# our plan of tiles has, where three tiles fit into the cache (tiles of 8 or 16, and sizes that they divide).


# %% solution="blocked_steps"
def blocked_steps(m: int, k: int, n: int, tile: int):
    """Yield each step (i, p, j) of an (m, k) times (k, n) product once, tile by tile."""
    ### BEGIN SOLUTION
    for i0 in range(0, m, tile):
        for p0 in range(0, k, tile):
            for j0 in range(0, n, tile):
                for i in range(i0, min(i0 + tile, m)):
                    for p in range(p0, min(p0 + tile, k)):
                        for j in range(j0, min(j0 + tile, n)):
                            yield i, p, j
    ### END SOLUTION


# %% test="blocked_steps-whole" points=1
multiplies(blocked_steps, 4, 6, 8, 2)
multiplies(blocked_steps, 6, 6, 6, 3)
### BEGIN HIDDEN TESTS
for m, k, n, tile in [(3, 5, 7, 1), (8, 8, 8, 8), (4, 12, 8, 4), (15, 5, 10, 5), (21, 14, 7, 7), (1, 1, 1, 1)]:
    multiplies(blocked_steps, m, k, n, tile)
### END HIDDEN TESTS

# %% test="blocked_steps-ragged" points=1
multiplies(blocked_steps, 5, 4, 4, 2)  # the last piece of i has one number
### BEGIN HIDDEN TESTS
for m, k, n, tile in [(4, 5, 4, 2), (4, 4, 5, 2), (9, 7, 13, 4), (17, 31, 19, 8), (23, 16, 33, 16), (7, 7, 7, 6)]:
    multiplies(blocked_steps, m, k, n, tile)
for m, k, n, tile in [(3, 5, 4, 8), (1, 1, 1, 64), (2, 9, 1, 5), (1, 8, 8, 3)]:
    multiplies(blocked_steps, m, k, n, tile)
for m, k, n, tile in [(0, 4, 4, 2), (4, 0, 4, 2), (4, 4, 0, 2), (0, 0, 0, 1)]:
    multiplies(blocked_steps, m, k, n, tile)
### END HIDDEN TESTS

# %% test="blocked_steps-misses" points=1
found = misses(multiplies(blocked_steps, 32, 48, 40, 8), 32, 48, 40, lines=48)
assert found <= 2_534, f"{found:,} misses with tiles of 8; ours has 2,112, and 20 % more are allowed"
### BEGIN HIDDEN TESTS
for m, k, n, tile, lines in [(24, 56, 40, 8, 48), (24, 64, 32, 8, 48), (32, 64, 32, 16, 112)]:
    grid = np.indices((m, k, n)).reshape(3, -1).T
    ours = grid[np.lexsort((grid // tile).T[::-1])]
    most = 1.2 * misses(ours, m, k, n, lines)
    found = misses(multiplies(blocked_steps, m, k, n, tile), m, k, n, lines)
    assert found <= most, f"{found:,} misses with tiles of {tile} in {lines} lines; at most {most:,.0f} are allowed"
### END HIDDEN TESTS

# %% [markdown]
# Your plans beside the formula, in a product that the cache cannot hold. Not graded.

# %%
sizes = 32, 48, 40
print(f"{'the formula':12} {misses(steps_of(formula, *sizes), *sizes, lines=48):>8,} misses")
print(f"{'your loops':12} {misses(steps_of(steps, *sizes), *sizes, lines=48):>8,}")
for tile in (2, 8, 13, 40):
    print(f"tiles of {tile:<3} {misses(steps_of(blocked_steps, *sizes, tile), *sizes, lines=48):>8,}")

# %% [markdown]
# **Why no clock?** Misses are the same on every machine and in every run; a clock is not. And the clock may disagree:
# on many machines tiles alone are *slower* than the loops of 1a. There a prefetcher brings rows before anybody asks, a
# second cache of a megabyte catches what the first one loses, and short inner loops have a price of their own. What
# pays there is what lab 05 adds to the tiles: to pack them, so that their rows are neighbours, and to keep a small
# part of `C` in registers. In exercise 4 you find out what *your* clock says.
#
# **1c. Your own cache** *(1 point)*. Everybody has another product and another cache:

# %%
print(product_for(NAME), "and tiles of", TILES)

# %% [markdown]
# With which of these five tiles does **your plan of 1b** miss least in your product and your cache, and how many
# misses are that? Count as in the cell above, with `lines` of your own. (A formula for the best tile is quickly found,
# and counts numbers. A cache counts lines.)

# %% solution="my_tile"
MY_TILE = {"tile": ..., "misses": ...}
### BEGIN SOLUTION
mine = product_for(NAME)
sizes, lines = (mine["m"], mine["k"], mine["n"]), mine["lines"]
counts = {tile: misses(steps_of(blocked_steps, *sizes, tile), *sizes, lines) for tile in TILES}
tile = min(counts, key=counts.get)
MY_TILE = {"tile": tile, "misses": counts[tile]}
### END SOLUTION

# %% test="my_tile-least" points=1
assert set(MY_TILE) == {"tile", "misses"}, "two entries are asked for: tile and misses"
assert MY_TILE["tile"] in TILES, f"the tile is one of {TILES}, and not {MY_TILE['tile']}"
assert isinstance(MY_TILE["misses"], int), "misses is a whole number, as the function of this name returns it"
own = product_for(NAME)
lines_of_all = (own["m"] * own["k"] + own["k"] * own["n"] + own["m"] * own["n"]) // 8
assert MY_TILE["misses"] >= lines_of_all, f"the three matrices have {lines_of_all} lines, and each has to come once"
### BEGIN HIDDEN TESTS
m, k, n, cache = own["m"], own["k"], own["n"], own["lines"]
counted = {one: misses(multiplies(blocked_steps, m, k, n, one), m, k, n, cache) for one in TILES}
loops = misses(np.indices((m, k, n)).reshape(3, -1).T, m, k, n, cache)
assert MY_TILE["misses"] == counted[MY_TILE["tile"]], "that is not what your plan misses with this tile in your cache"
assert MY_TILE["misses"] <= 1.01 * min(counted.values()), "with another tile your plan misses less in your cache"
assert MY_TILE["misses"] <= 0.5 * loops, "three loops without tiles do as well: is 1b right yet?"
### END HIDDEN TESTS

# %% [markdown]
# ## 2. How often does a row pass? *(30 minutes, 5 points)*
#
# The night ends in a softmax over rows of scores. A row $x$ has one score for each of three million garments:
#
# $$y_i = \frac{e^{x_i - M}}{\sum_j e^{x_j - M}} \qquad M = \max_j x_j$$
#
# Such a row does not fit into fast memory. It lies in slow memory in `count` **blocks**, and fast memory holds one of
# them at a time, besides a few numbers of your own. As it stands, the formula reads the row three times: once for $M$,
# once for the sum, once to divide.
#
# Milakov and Gimelshein (2018, [arXiv:1805.02867](https://arxiv.org/abs/1805.02867), algorithm 3) find the maximum and
# the sum in **one** pass. Keep the largest number so far, $M$, and the sum of $e^{x_j - M}$ so far, $s$. When a new
# number raises the maximum to $M'$, the old sum was taken relative to the wrong maximum, and $s \, e^{M - M'}$ puts it
# right. A second pass divides and writes.
#
# Write `softmax_blocks(read, write, count)`, with this pass over whole blocks. `read(b)` returns block `b` of the row,
# from 0 to `count - 1`, as an array of `float64` of one axis; `write(b, values)` puts the block of the result in its
# place, as an array or list of as many numbers. What you write lies elsewhere: `read` gives the scores, always. There
# is at least one block, each has at least one number, and they may be of different lengths. The points, one each:
#
# - **values**: right, to nine digits, however the row is cut into blocks;
# - **large**: right for scores of any size, -10,000 or 10,000, wherever the maximum lies. No overflow on the way, and
#   no 0 / 0;
# - **masked**: a score of `-inf` is masked, and its weight is exactly 0. A block may have nothing but masked scores. So
#   may the whole row: then it has no softmax, and every weight is NaN. (Neither NaN nor `+inf` come.)
# - **twice**: no block is read more than twice, and each is written exactly once;
# - **kept**: fast memory holds one block, so the row cannot be kept. We see that by the reads: they are at least
#   `2 * count - 1`. (One may be saved: the block that was read last is still there.)


# %% solution="softmax_blocks"
def softmax_blocks(read, write, count: int) -> None:
    """Softmax of a row in slow memory. read(b) -> float64 (length of block b,); write(b, values)."""
    ### BEGIN SOLUTION
    largest, total = -np.inf, 0.0
    for b in range(count):
        block = read(b)
        top = max(largest, block.max())
        if top > -np.inf:  # a number has come
            total = total * np.exp(largest - top) + np.exp(block - top).sum()
            largest = top
    for b in range(count):
        write(b, np.exp(read(b) - largest) / total)
    ### END SOLUTION


# %% [markdown]
# The checks call `run(softmax_blocks, row, sizes)`: it cuts a row into blocks of these sizes, lets your function work
# on them, and remembers the `result`, and how often each block came (`reads`) and went (`writes`).

# %% test="softmax_blocks-values" points=1
row = np.array([0.5, -1.0, 2.0, 0.0, 1.5, -0.5])
right = np.exp(row) / np.exp(row).sum()
for sizes in ([6], [2, 2, 2], [4, 2]):
    close(run(softmax_blocks, row, sizes).result, right, rtol=1e-9, what=f"softmax in blocks of {sizes}")
### BEGIN HIDDEN TESTS
for number, sizes in enumerate([[1], [1] * 9, [5, 1, 3], [1, 7], [16, 16, 16, 5], [3, 100, 1, 1, 40]]):
    row = dice("somebody", f"row {number}").normal(0, 3, sum(sizes))
    right = np.exp(row) / np.exp(row).sum()
    close(run(softmax_blocks, row, sizes).result, right, rtol=1e-9, what=f"softmax in blocks of {sizes}")
### END HIDDEN TESTS

# %% test="softmax_blocks-large" points=1
right = np.array([1.0, 2.0, 1.0, 2.0]) / 6
for row in (np.log([1.0, 2.0, 1.0, 2.0]) + 10_000, np.log([1.0, 2.0, 1.0, 2.0]) + 300):
    close(run(softmax_blocks, row, [2, 2]).result, right, rtol=1e-9, what=f"softmax of {row.round(1).tolist()}")
### BEGIN HIDDEN TESTS
parts = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 1.0])
for far in (-10_000.0, -750.0, 10_000.0):
    close(run(softmax_blocks, np.log(parts) + far, [1, 3, 2]).result, parts / 16, rtol=1e-9, what=f"around {far}")
for place in range(6):  # one score is far above all others, in each block in turn
    row = np.where(np.arange(6) == place, 9_000.0, -9_000.0)
    found = run(softmax_blocks, row, [2, 1, 3]).result
    close(found, (np.arange(6) == place).astype(float), rtol=1e-9, what=f"with the maximum at {place}")
for row in (np.arange(12.0) * 50, np.arange(12.0)[::-1] * 50, np.arange(12.0) ** 2 - 1000):
    right = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
    close(run(softmax_blocks, row, [3, 4, 4, 1]).result, right, rtol=1e-9, what="of scores that rise or fall")
### END HIDDEN TESTS

# %% test="softmax_blocks-masked" points=1
found = run(softmax_blocks, [0.0, -np.inf, 0.0, -np.inf, 0.0, 0.0], [2, 2, 2]).result
assert not np.isnan(found).any(), "a masked score makes a NaN of the row"
assert found[1] == found[3] == 0, "the weight of a masked score is exactly 0"
close(found, [0.25, 0, 0.25, 0, 0.25, 0.25], rtol=1e-9, what="softmax with masked scores")
### BEGIN HIDDEN TESTS
for sizes in ([6], [2, 2, 2], [1, 1, 1, 1, 1, 1], [3, 3]):
    for masked in ([0, 1], [2, 3], [4, 5], [0, 1, 2, 3], [0, 2, 4], [2, 3, 4, 5], [0, 1, 2, 4, 5]):
        row = np.array([5.0, 5.0, -300.0, -300.0, 900.0, 900.0])
        row[masked] = -np.inf
        right = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
        found = run(softmax_blocks, row, sizes).result
        close(found, right, rtol=1e-9, what=f"softmax of {row.tolist()} in blocks of {sizes}")
        assert (found[masked] == 0).all(), "the weight of a masked score is exactly 0"
for sizes in ([3], [1, 2], [1]):
    found = run(softmax_blocks, [-np.inf] * sum(sizes), sizes).result
    assert np.isnan(found).all(), "a row of nothing but masked scores has no softmax: every weight is NaN"
### END HIDDEN TESTS

# %% test="softmax_blocks-twice" points=1
row = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
memory = run(softmax_blocks, row, [3, 3, 3])
assert abs(memory.result.sum() - 1) < 1e-9, "the weights of a row add up to 1"
assert max(memory.reads) <= 2, f"your function read a block {max(memory.reads)} times: maximum and sum take one pass"
assert memory.writes == [1, 1, 1], f"each block is written once, and not {memory.writes} times"
### BEGIN HIDDEN TESTS
for sizes in ([7], [1] * 12, [5, 4, 3, 2, 1], [64] * 5):
    memory = run(softmax_blocks, dice("somebody", "twice").normal(0, 40, sum(sizes)), sizes)
    assert abs(memory.result.sum() - 1) < 1e-9, "the weights of a row add up to 1"
    assert max(memory.reads) <= 2, f"in {len(sizes)} blocks, one was read {max(memory.reads)} times"
    assert memory.writes == [1] * len(sizes), "each block is written exactly once"
### END HIDDEN TESTS

# %% test="softmax_blocks-kept" points=1
memory = run(softmax_blocks, [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], [2, 2, 2, 2])
assert abs(memory.result.sum() - 1) < 1e-9, "the weights of a row add up to 1"
assert sum(memory.reads) >= 7, (
    f"{sum(memory.reads)} reads of 4 blocks: fast memory holds one, so where were the others?"
)
### BEGIN HIDDEN TESTS
for sizes in ([4], [3, 2], [1, 1, 1], [1] * 20, [40, 1, 40, 1, 40]):
    memory = run(softmax_blocks, dice("somebody", "kept").normal(0, 40, sum(sizes)), sizes)
    assert abs(memory.result.sum() - 1) < 1e-9, "the weights of a row add up to 1"
    assert sum(memory.reads) >= 2 * len(sizes) - 1, f"{sum(memory.reads)} reads of {len(sizes)} blocks: it was kept"
### END HIDDEN TESTS

# %% [markdown]
# ## 3. How fast at best? *(30 minutes, 4 points)*
#
# The dealer's machines lie beside this notebook, in `machines.toml`. Open it: the comments say what the numbers mean.

# %% locked="machines"
MACHINES = tomllib.loads(Path("machines.toml").read_text(encoding="utf-8"))["machine"]

# %%
for machine in MACHINES:
    ridge = machine["gflops"] / machine["gb_per_s"]
    print(f"{machine['name']:17} {machine['gflops']:>7,} GFLOP/s {machine['gb_per_s']:>5} GB/s {ridge:5.1f} FLOP/byte")

# %% [markdown]
# **3a. The roofline** *(3 points)*, the next function of your `my_planner.py`. A program does `flops`
# operations and moves `moved` bytes between memory and processor. A machine does the one at `gflops` and the other at
# `gb_per_s`, where G is $10^9$. It can do both at the same time, so no program is done before **the slower of the two**
# is, and none need take longer. Return a dictionary:
#
# - `"seconds"`: the least time of the program on this machine;
# - `"bound"`: what takes longer, `"compute"` or `"memory"`. Where both take exactly as long (at the *ridge*, or where
#   there is nothing to do at all) it is `"compute"`.
#
# `flops` and `moved` are never negative, and each may be 0. A machine is a dictionary, and may say more than the two
# numbers, or have no name. If it lacks `gflops` or `gb_per_s`, or has 0 or less for one of them, raise a `ValueError`
# whose message has the name of that field. One point is for the seconds, one for the bound, one for refusing.


# %% solution="roofline"
def roofline(machine: dict, flops: float, moved: float) -> dict:
    """The least seconds of a program of `flops` operations and `moved` bytes, and what binds it."""
    ### BEGIN SOLUTION
    for field in ("gflops", "gb_per_s"):
        if not machine.get(field, 0) > 0:
            raise ValueError(f"a machine needs {field} above 0, and this one has {machine.get(field)}")
    compute = flops / (machine["gflops"] * 1e9)
    memory = moved / (machine["gb_per_s"] * 1e9)
    return {"seconds": max(compute, memory), "bound": "compute" if compute >= memory else "memory"}
    ### END SOLUTION


# %% test="roofline-seconds" points=1
box = {"name": "a box", "gflops": 64, "gb_per_s": 16}
found = roofline(box, flops=128e9, moved=1e9)["seconds"]
assert found != 2 + 1 / 16, "the machine computes and moves at the same time: the times are not added"
assert isclose(found, 2.0, rel_tol=1e-9), f"128e9 operations at 64e9 a second take 2 s, and not {found}"
found = roofline(box, flops=1e9, moved=64e9)["seconds"]
assert isclose(found, 4.0, rel_tol=1e-9), f"64e9 bytes at 16e9 a second take 4 s, and not {found}"
### BEGIN HIDDEN TESTS
for machine in MACHINES:
    for flops, moved in [(1e15, 1e12), (1e12, 1e15), (3e9, 1.0), (1.0, 3e9), (0, 5e10), (5e10, 0), (0, 0)]:
        least = max(flops / (1e9 * machine["gflops"]), moved / (1e9 * machine["gb_per_s"]))
        found = roofline(machine, flops, moved)["seconds"]
        assert isclose(found, least, rel_tol=1e-9), f"{flops:g} operations and {moved:g} bytes on {machine['name']}"
### END HIDDEN TESTS

# %% test="roofline-bound" points=1
found = roofline(box, flops=128e9, moved=1e9)["bound"]
assert found == "compute", f"here the operations take 2 s and the bytes 0.06 s, and you say it is bound by {found}"
found = roofline(box, flops=1e9, moved=64e9)["bound"]
assert found == "memory", f"here the bytes take 4 s and the operations 0.02 s, and you say it is bound by {found}"
### BEGIN HIDDEN TESTS
assert roofline(box, flops=64e9, moved=16e9)["bound"] == "compute", "at the ridge both take 1 s: that is compute"
assert roofline(box, flops=0, moved=0)["bound"] == "compute", "nothing to do: both take no time"
assert roofline(box, flops=0, moved=8)["bound"] == "memory", "no operations: whatever moves takes longer"
assert roofline(box, flops=8, moved=0)["bound"] == "compute", "no bytes: whatever computes takes longer"
other = {"gflops": 100, "gb_per_s": 200}  # with the ridge below 1
assert roofline(other, flops=3e9, moved=4e9)["bound"] == "compute", "0.03 s of operations, and 0.02 s of bytes"
assert roofline(other, flops=3e9, moved=8e9)["bound"] == "memory", "0.03 s of operations, and 0.04 s of bytes"
### END HIDDEN TESTS

# %% test="roofline-refuses" points=1
assert roofline({"gflops": 64, "gb_per_s": 16, "colour": "beige"}, 64e9, 0)["seconds"] == 1, "a machine may say more"
raises(ValueError, roofline, {"gb_per_s": 16}, 1e9, 1e9, says="gflops")
### BEGIN HIDDEN TESTS
raises(ValueError, roofline, {"gflops": 64}, 1e9, 1e9, says="gb_per_s")
raises(ValueError, roofline, {"gflops": 64, "gb_per_s": 0}, 1e9, 1e9, says="gb_per_s")
raises(ValueError, roofline, {"gflops": -64, "gb_per_s": 16}, 1e9, 1e9, says="gflops")
raises(ValueError, roofline, {"gflops": 64, "gb_per_s": -1}, 0, 0, says="gb_per_s")
assert roofline({"gb_per_s": 0.5, "gflops": 0.25}, 0, 1e9)["seconds"] == 2, "small machines are machines"
### END HIDDEN TESTS

# %% [markdown]
# **3b. Your own night** *(1 point)*. These are the jobs of one night, other ones for everybody. They run one after the
# other. No program reaches its roof: a job with a `share` of 0.8 takes 1 / 0.8 times its least time. All have to be
# done within `hours`: from when the last photos are in, until five.

# %%
night = night_for(NAME, MACHINES)
print(f"{night['hours']} hours")
for job in night["jobs"]:
    print(f"{job['job']:17} {job['flops']:9.3g} operations {job['moved']:9.3g} bytes, share {job['share']}")

# %% [markdown]
# Which machine of the file does the night's work **in time for the least money**, and how many hours and euros does
# the work take there? (The rent is paid by the second, for as long as the work takes.)

# %% solution="my_rent"
MY_RENT = {"machine": ..., "hours": ..., "euros": ...}
### BEGIN SOLUTION
rents = []
for machine in MACHINES:
    hours = sum(roofline(machine, job["flops"], job["moved"])["seconds"] / job["share"] for job in night["jobs"]) / 3600
    if hours <= night["hours"]:
        rents.append({"machine": machine["name"], "hours": hours, "euros": hours * machine["euros_per_hour"]})
MY_RENT = min(rents, key=lambda rent: rent["euros"])
### END SOLUTION

# %% test="my_rent-machine" points=1
assert set(MY_RENT) == {"machine", "hours", "euros"}, "three entries are asked for: machine, hours and euros"
names = [one["name"] for one in MACHINES]
assert MY_RENT["machine"] in names, f"the machine is one of {', '.join(names)}"
assert all(isinstance(MY_RENT[one], int | float) for one in ("hours", "euros")), "hours and euros are numbers"
assert MY_RENT["hours"] <= night_for(NAME, MACHINES)["hours"], "that is not in time"
### BEGIN HIDDEN TESTS
mine, took = night_for(NAME, MACHINES), {}
for one in MACHINES:
    rates = 1e9 * one["gflops"], 1e9 * one["gb_per_s"]
    took[one["name"]] = sum(
        max(job["flops"] / rates[0], job["moved"] / rates[1]) / job["share"] / 3600 for job in mine["jobs"]
    )
euros = {one["name"]: took[one["name"]] * one["euros_per_hour"] for one in MACHINES}
cheapest = min((name for name in names if took[name] <= mine["hours"]), key=euros.get)
assert MY_RENT["machine"] == cheapest, "of the machines that are in time, another one is cheaper"
assert isclose(MY_RENT["hours"], took[cheapest], rel_tol=1e-3), "each job takes its own least time, over its share"
assert isclose(MY_RENT["euros"], euros[cheapest], rel_tol=1e-3), "the rent is for the hours that the work takes"
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Your own machine *(40 minutes, 5 points)*
#
# Now the clock. What you measure is kept in `measured.json` beside this notebook and handed in with it, so that whoever
# grades your answers sees your numbers, and not those of another machine. Other sizes and other rounds are measured
# when you ask for them. **To measure the same again, delete that file.**


# %%
def timed(programs: dict, rounds: int = 5) -> dict[str, float]:
    """The median seconds of each program, run in turn, round after round."""

    def measure() -> dict[str, float]:
        return {name: one.median_s for name, one in interleaved(programs, rounds, warmup=1).items()}

    return once(f"{rounds} rounds of {', '.join(programs)}", measure)


# %% [markdown]
# First the roof of your machine, with one thread: fused multiply-adds that touch no memory, and copies of arrays that
# fit into no cache. Measure while nothing else is running, and more than once, until you believe it.


# %%
def measured_roof() -> dict:
    """The most operations and bytes a second, of one thread."""
    return {
        "name": this_machine()["processor"],
        "gflops": Limits(threads=1).flops_per_s / 1e9,
        "gb_per_s": Limits.copy_bytes_per_s(128 << 20) / 1e9,
    }


my_machine = once("roof", measured_roof)
ridge = my_machine["gflops"] / my_machine["gb_per_s"]
print(f"{my_machine['name']}: {my_machine['gflops']:.0f} GFLOP/s, {my_machine['gb_per_s']:.1f} GB/s, ridge {ridge:.1f}")

# %% [markdown]
# Then two programs below it, `float32`, one thread. A product of two matrices of side $n$ has $2 n^3$ operations, and
# three matrices have to move at least once. A softmax we count as five operations a number (compare, subtract,
# exponential, add, divide), and each number comes once and goes once. Sizes and rounds are yours to change.

# %%
programs, work = {}, {}  # work: operations and bytes
for side in (128, 1024):
    a, b, c = (np.ones((side, side), np.float32) for _ in range(3))
    programs[f"product {side}"] = lambda a=a, b=b, c=c: kernels.matmul(a, b, out=c)
    work[f"product {side}"] = 2 * side**3, 3 * a.nbytes
for rows, columns in ((64, 256), (1024, 16384)):
    x, y = np.ones((rows, columns), np.float32), np.ones((rows, columns), np.float32)
    programs[f"softmax {rows} x {columns}"] = lambda x=x, y=y: kernels.softmax(x, out=y)
    work[f"softmax {rows} x {columns}"] = 5 * x.size, 2 * x.nbytes

# %%
points = {}
for name, seconds in timed(programs).items():
    flops, moved = work[name]
    least = roofline(my_machine, flops, moved)
    points[name] = (flops / moved, flops / seconds / 1e9)
    rates = f"{flops / seconds / 1e9:7.1f} GFLOP/s {moved / seconds / 1e9:6.1f} GB/s"
    print(f"{name:20} {1000 * seconds:8.3f} ms {rates} {least['seconds'] / seconds:5.0%} of the {least['bound']} roof")
draw_roofline(points, my_machine["gflops"], my_machine["gb_per_s"], "Two programs under my roof")

# %% [markdown]
# And the two orders of exercise 1, compiled: `loop_order` is the plan of 1a, `blocked` that of 1b with tiles of 64.
# (`packed`, the next rung of lab 05, is in the same file.)

# %%
for side in (256, 1024):
    a, b, c = (np.ones((side, side), np.float32) for _ in range(3))
    orders = {
        f"loops, side {side}": lambda a=a, b=b, c=c: loop_order(a, b, c),
        f"tiles, side {side}": lambda a=a, b=b, c=c: blocked(a, b, c),
    }
    print({name: f"{1000 * seconds:.1f} ms" for name, seconds in timed(orders).items()})

# %% [markdown] task="my_machine" points=5
# **Answer in the cell below**, with the numbers of your own run. One thread is enough; if you used more, say so.
#
# 1. *(1 point)* Your machine (processor, threads), its roof (GFLOP/s, GB/s, ridge), and a table of at least two
#    products and two softmaxes: milliseconds, the share of the roof that binds, and how many rounds stand behind each.
# 2. *(2 points)* **Count and clock.** (a) The loops of 1a and the tiles of 1b: how many times fewer misses do tiles
#    have in a cache that you counted with, how many times faster are they by your clock at side 1024, and what causes
#    the difference between the two ratios? (b) The small softmax and the large one: is either above its memory roof,
#    or far below it, and why? A cause for each, and a number that speaks for it, in your table or from a further
#    measurement (another side, `packed` beside `blocked`, another row length, ...).
# 3. *(2 points)* **Which machine should the shop rent?** Write to Hugo, in at most 200 words: your choice and one
#    machine that you turn down, hours and euros of your night on both, once with the shares of exercise 3 and once with
#    those that *you* measured (your large product's for the comparing, your large softmax's for the shares); what you
#    say to his "most GFLOP/s", to Maren's "done by five" and to Ilse's "six euros"; and one number that would change
#    your choice if it were different, with the value from which it does.
#
# ### BEGIN MARK SCHEME
# **1 (1 point).** Processor and threads, the three numbers of the roof, four rows with shares, rounds stated. Half: the
# threads, the rounds or the shares are missing.
#
# **2 (2 points).** One point for each of (a) and (b); half of it for a cause without a number, or for numbers that are
# not compared. Any outcome is right that the student's own numbers support: tiles may win, lose, or make no difference.
#
# (a) Count: a ratio from `misses`, with the cache and the sizes named (3 to 4 for tiles of 8 in 48 lines). Clock: tiles
# reach 0.3 to 1.3 times the speed of the loops. Causes: the prefetcher hides the misses of rows that are read in order;
# the second or last cache holds what the first one loses, so that a miss costs little; the inner loop of a tile is 64
# numbers long, a few vectors, and its beginning and end weigh more; rows of a tile of a wide matrix are pages apart
# (address translation, conflicts), which packing cures. Evidence: side 256 against 1024, other tiles, `packed`, GFLOP/s
# against the peak (a program at a quarter of the peak whose bytes the memory could deliver is bound by neither roof).
#
# (b) Either outcome is fine. The small softmax (64 kB in, 64 kB out) stays in the caches: it may lie above the roof,
# which was measured with arrays that do not; if it stays below, then the exponentials bind, which are many operations
# and not one. The large one (64 MB each way) has to move, and lies near the roof; at two thirds of it where a store
# reads its line first (three transfers and not two).
#
# *Full for (a):* "In 48 lines tiles of 8 miss 3.8 times less (2,112 against 8,032 at 32 x 48 x 40). By the clock, at
# side 1024, they are 2.9 times *slower*: 209 ms against 72 ms. It is not the misses: at side 256, where all three
# matrices fit into my second cache of 1 MB, they are 1.7 times slower as well. A row of a tile is 64 numbers, four
# vectors of my processor, and then the loop begins anew. `packed` goes over rows of 256 that lie together: 72 ms."
#
# *Half for (a):* "Tiles are slower because of the prefetcher."
#
# **3 (2 points).** One point for the numbers: two machines, hours and euros, with the given and the measured shares.
# Half: only the given shares, or a single machine. One point for the decision: it follows from the numbers, answers all
# three wishes (the tower is in time and beyond six euros; the cheapest is too late), and names a number with the value
# at which the choice turns. Half: a wish is left out, or the turning point has no value. With measured shares no
# machine may be in time for six euros: full points for who says so and names what has to give.
#
# *Full for the decision:* "Rent *both*: 2.1 h and 5.17 euros with the given shares, 2.4 h and 5.88 euros with mine
# (91 % and 60 %). *Many channels* would cost 4.60 euros, with mine 4.81, and takes 3.4 or 3.5 of our 3 hours. The tower
# has 2.7 times the GFLOP/s of *both* for 2.9 times the rent, and costs 6.86 euros: more than half of the night waits
# for memory, and there it is only twice as fast. With 3.6 hours instead of 3, *many channels* would be in time, and I
# would take it."
#
# *Half for the decision:* "Both, because it is in time and below six euros."
# ### END MARK SCHEME

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ## Submit
#
# In a terminal `labkit course validate ps05` runs your notebook from top to bottom and says in words what the visible
# checks found; then `labkit course submit ps05` hands it in. The **Assignments** tab in JupyterLab does the same. You
# may submit again until the deadline: nothing is overwritten, and the last one counts.
#
# **Keep what you built.** Copy `roofline` into your `my_planner.py` (`labkit doctor` names its folder). Lab 09 lets it
# meet the course's own planner.
#
# ## Extra, for no points
#
# Three loops with fewer misses than the best of the six orders: let the inner loop turn round at the end of each row
# instead of going back. How many misses does that save in 48 lines, why, and would it save anything in a cache that
# throws out a line by chance? And the other way: which is the worst plan that still does each step once?
