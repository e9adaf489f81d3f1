# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 05: How far does one machine go?
#
# > *From: Hugo, who runs the machines.* "Every night the shop works out, for each garment, which others look like it.
# > Five months ago that was done by one o'clock. Now it is four, and from next month it will not be done when the shop
# > opens. I found an offer: four times the cores, at four times the rent. Bo says that the box is fine and the program
# > is slow, 'a matter of loops'. I need it **done before one again**, and Ilse has said that this year **nothing may be
# > bought**. Who is right? And how would we know when a program is as fast as this box can make it?"
#
# Faster and for nothing. Both of them may be right: a program has a limit that no rewriting moves, and most programs
# are nowhere near it. You will measure that limit on your own machine, draw it, and then climb towards it, one rung at
# a time. Each time you predict what the rung brings, from what it does to bytes and operations.
#
# *About 70 minutes; two of them are your machine's. One core is enough.*

# %% [markdown]
# ```mermaid
# flowchart LR
#   G[garments as numbers] -->|product with all others| S[similarity] -->|softmax| L[looks like]
#   subgraph core[one core]
#     R[registers] --- C1[first cache] --- C2[second cache]
#   end
#   C2 --- M[memory]
# ```
#
# ## 1. What can this machine do at most?
#
# A processor does two things for us: it calculates, and it fetches numbers from memory. Its best calculation is the
# **fused multiply-add**, `a * b + c` in one go, on a whole register full of numbers. How many operations a second
# does one core of yours reach with nothing else to do? (A multiply-add counts as two operations.)

# %%
from labkit.notebook import finding, measured, open_lab, predict

open_lab("05_scaling_up_cpu")
predict("operations of one core", "GFLOP/s", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
from labkit.bench.kernels.limits import Limits

limits = Limits(threads=1)
peak = limits.flops_per_s / 1e9  # GFLOP/s, float32
bandwidth = limits.copy_bytes_per_s(128 << 20) / 1e9  # GB/s, read and written by a copy too large for any cache
measured("operations of one core", peak)
finding(
    "Memory moves {gb:.0f} GB/s, and while one byte comes, {n:.0f} operations pass.", gb=bandwidth, n=peak / bandwidth
)

# %% [markdown]
# The second number is the one to remember. Divide the operations of a program by the bytes that it has to move, and
# you have its **arithmetic intensity**. Below that number the program waits for memory, above it for the arithmetic.
# The two limits together make a roof, the **roofline** (Williams, Waterman & Patterson 2009):

# %% tags=["nbval-ignore-output"]
from labkit.notebook import roofline

ridge = peak / bandwidth
roofline({}, peak, bandwidth, f"Below {ridge:.0f} FLOP/byte this core waits for memory, above it for arithmetic")

# %% [markdown]
# Where does the nightly run lie? Every garment is a row of $k$ numbers. The similarity of all with all is a **matrix
# product**: $C_{ij} = \sum_k A_{ik} B_{kj}$, with $2n^2k$ operations on three matrices that have to be moved once.

# %%
import numpy as np

n = 512
rng = np.random.default_rng(5)
a, b = (rng.random((n, n), dtype=np.float32) for _ in range(2))  # (n, n) each
right = a @ b  # NumPy's own product, to compare with
operations, moved = 2 * n**3, 3 * a.nbytes
finding("{ops:,} operations on {bytes:,} bytes: {x:.0f} FLOP/byte.", ops=operations, bytes=moved, x=operations / moved)

# %% [markdown]
# Far to the right, under the flat part of the roof. In principle this program never waits for memory.
#
# ## 2. The naive attempt
#
# The formula, written down as it stands. In Python itself a multiply-add takes so long that we try only a corner:


# %% tags=["nbval-ignore-output"]
from labkit.bench.harness import interleaved


def in_python(a, b, out):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            out[i, j] = sum(a[i, k] * b[k, j] for k in range(a.shape[1]))


corner = a[:24, :24].copy(), b[:24, :24].copy(), np.empty((24, 24), np.float32)
seconds = interleaved({"Python": lambda: in_python(*corner)}, rounds=3, warmup=1)["Python"].median_s
speed = {"Python": 2 * 24**3 / seconds / 1e9}  # GFLOP/s
night = 2 * 12_000**2 * 784 / 1e9 / speed["Python"] / 3600  # the whole catalogue, a row of 784 numbers each
finding("In Python the 12,000 garments of the catalogue would take {h:.1f} hours.", h=night)

# %% [markdown]
# So Hugo's program is Python. **Numba** compiles the same lines to machine code. What share of the core's peak will
# they reach then?

# %%
predict("the formula, compiled", "% of the peak", low=..., best=..., high=...)

# %%
from numba import njit, prange

FAST = {"contract"}  # a * b + c may be one fused instruction


@njit(fastmath=FAST)
def naive(a, b, out):  # (m, k), (k, n) -> (m, n)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = np.float32(0)
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            out[i, j] = total


# %%
out = np.empty_like(right)
naive(a, b, out)  # the first call compiles
print("the same as NumPy's product:", np.allclose(out, right, rtol=1e-4))


# %% tags=["nbval-ignore-output"]
def run(rungs, size=n, rounds=5):  # GFLOP/s of each, in turn, so that a busy moment troubles all
    x, y = a[:size, :size].copy(), b[:size, :size].copy()
    z = np.empty((size, size), np.float32)
    calls = {name: lambda rung=rung: rung(x, y, z) for name, rung in rungs.items()}
    timed = interleaved(calls, rounds=rounds, warmup=1)
    return {name: 2 * size**3 / one.median_s / 1e9 for name, one in timed.items()}


speed |= run({"naive": naive}, rounds=3)
measured("the formula, compiled", 100 * speed["naive"] / peak)
finding("{x:,.0f} times faster than Python, and still so far from the roof.", x=speed["naive"] / speed["Python"])

# %% [markdown]
# ## 3. A matter of loops
#
# The roof says: you may have so many operations a second. The naive loops do not get them. Look at what the innermost
# loop touches: `a[i, k]` walks along a row, but `b[k, j]` jumps from row to row. Memory comes in **cache lines** of 64
# bytes, sixteen numbers at a time, and of each line of `b` these loops take *one* number before they move on.
#
# Bo exchanges the two inner loops. Not one operation fewer, not one number different. How many times faster?

# %%
predict("loops exchanged", "times", low=..., best=..., high=...)


# %%
@njit(fastmath=FAST)
def loop_order(a, b, out):
    out[:] = 0
    for i in range(a.shape[0]):
        row = out[i]
        for k in range(a.shape[1]):
            number, line = a[i, k], b[k]
            for j in range(row.size):
                row[j] += number * line[j]


loop_order(a, b, out)
print("the same as NumPy's product:", np.allclose(out, right, rtol=1e-4))

# %% tags=["nbval-ignore-output"]
pair = run({"naive": naive, "loop order": loop_order}, rounds=3)
speed |= pair
measured("loops exchanged", pair["loop order"] / pair["naive"])

# %%
from labkit.notebook import explain

explain("the same operations", ...)

# %% [markdown]
# What did the compiler make of the two? Machine code can be read. On a processor with vectors one instruction works
# on a whole register; its name says how wide that is.


# %% tags=["nbval-ignore-output"]
from labkit.kernels.assembly import multiplies, widths

for function in (naive, loop_order):
    found = [f"{count} on {width} numbers" for width, count in widths(function).items()]
    print(f"{function.__name__:12} multiply instructions: {', '.join(found)}, such as {multiplies(function)[0]}")

# %% [markdown]
# A jump from row to row cannot be loaded as a vector; a walk along a row can. The order of the loops decided not only
# what the cache sees but whether the core's wide registers are used at all.
#
# ## 4. Towards the roof
#
# Every textbook says what comes next: **blocking**. Cut the matrices into blocks that fit into a cache, and use each
# block many times before it leaves. How many times faster than the exchanged loops is it, on your machine?

# %%
predict("blocking", "times", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
from labkit.kernels.matmul import blocked, packed, registers

for rung in (blocked, packed, registers):
    rung(a, b, out)
    print(f"{rung.__name__:12} the same as NumPy's product: {np.allclose(out, right, rtol=1e-4)}")
pair = run({"loop order": loop_order, "blocked": blocked})
speed["blocked"] = pair["blocked"]
measured("blocking", pair["blocked"] / pair["loop order"])

# %% [markdown]
# Believe your number, not the textbook. Blocking saves trips to memory; but here each row of `b` is read straight
# ahead, the processor sees that and fetches the next lines before they are asked for, and the second cache is large.
# What blocking pays for it are shorter loops. Two more rungs use what it prepares:
#
# - **packed**: each block is copied, so that its rows are neighbours, and two rows of `C` are made at once from four
#   rows of `B`: a number that was loaded is used more than once.
# - **registers**: a small tile of `C` stays *in registers* for the whole sum. Nothing is written until it is done.
#
# What share of the peak will the last one reach?

# %%
predict("tiles in registers", "% of the peak", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
speed |= run({"packed": packed, "registers": registers})
measured("tiles in registers", 100 * speed["registers"] / peak)
intensity = operations / moved  # FLOP/byte, for all of them: the same product
points = {name: (intensity, value) for name, value in speed.items()}
gain = speed["registers"] / speed["Python"]
roofline(
    points,
    peak,
    bandwidth,
    f"From Python to registers: {gain:,.0f} times, and {100 * speed['registers'] / peak:.0f} % of the peak",
)

# %%
explain("what registers change", ...)

# %% [markdown]
# **Turn the knob.** Smaller matrices have a lower intensity, and the loops around the inner one weigh more. Take each
# rung down to 16 and up again. Which of them falls first? Is there a size at which blocking wins?

# %% tags=["nbval-ignore-output"]
from ipywidgets import Dropdown, SelectionSlider, interact

RUNGS = {"naive": naive, "loop order": loop_order, "blocked": blocked, "packed": packed, "registers": registers}


def climb(rung="registers", size=256):
    found = run({rung: RUNGS[rung]}, size, rounds=3)[rung]
    at = {f"{rung}, {size}": (2 * size**3 / (12 * size**2), found)}
    roofline(at, peak, bandwidth, f"{rung} at {size}: {100 * found / peak:.1f} % of the peak")


climb()
_ = interact(
    climb, rung=Dropdown(options=list(RUNGS)), size=SelectionSlider(options=[16, 32, 64, 128, 256, 512], value=256)
)

# %% [markdown]
# ## 5. The failure that nobody reports
#
# Somebody loads `b` from a file that was written column by column (Fortran's order, also what `b.T` gives). The same
# numbers, the same shape, the same program; NumPy prints it exactly as before. You give it to the exchanged loops. How
# many times slower?

# %%
predict("the other memory order", "times slower", low=..., best=..., high=...)

# %%
columns = np.asfortranarray(b)
loop_order(a, columns, out)
print("equal:", np.array_equal(columns, b), "- and the product is right:", np.allclose(out, right, rtol=1e-4))

# %% tags=["nbval-ignore-output"]
calls = {"rows": lambda: loop_order(a, b, out), "columns": lambda: loop_order(a, columns, out)}
timed = interleaved(calls, rounds=3, warmup=1)
slower = timed["columns"].median_s / timed["rows"].median_s
measured("the other memory order", slower)
finding("Nothing failed, nothing was logged, and the night is {x:.1f} times longer.", x=slower)

# %% [markdown]
# This is why the course's kernels refuse an array that is not in row order instead of taking their time over it:

# %%
from labkit import kernels

try:
    kernels.matmul(a, columns)
except ValueError as refusal:
    print(refusal)

# %% [markdown]
# ## 6. The other side of the ridge
#
# The second step of the night turns each row of similarities into shares, with a **softmax**: the largest of the row,
# the sum of all $e^{x - max}$, a division. A handful of operations for each number that is read and written: far to the
# left on the roofline, where memory decides.

# %%
rows = rng.random((2048, 1024), dtype=np.float32)  # (rows, cols)
shares = np.empty_like(rows)
least = 2 * rows.nbytes / (bandwidth * 1e9)  # seconds: each number read once and written once
finding("{mb:.0f} MB have to move.", mb=2 * rows.nbytes / 1e6)

# %% [markdown]
# The formula takes three passes over a row. There is a trick to find maximum and sum in *one* (Milakov & Gimelshein
# 2018): whenever the maximum grows, rescale the sum. A third of the reading is saved. How many times faster is that?

# %%
predict("softmax online", "times", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
from labkit.kernels.softmax import online, three_passes, vectorised

calls = {rung.__name__: lambda rung=rung: rung(rows, shares) for rung in (three_passes, online, vectorised)}
timed = interleaved(calls, rounds=5, warmup=1)
measured("softmax online", timed["three_passes"].median_s / timed["online"].median_s)
times = {name: one.median_s / least for name, one in timed.items()}
for name, value in times.items():
    finding("{name} takes {x:.1f} times what its bytes take.", name=name, x=value)

# %% [markdown]
# A program that takes many times what its bytes take does not wait for memory, whatever the roofline says about the
# *op*. It waits for something else: $e^x$. A call of the library's `exp` for one number at a time costs more than
# fetching it. The third rung calculates $e^x$ with a short polynomial on a whole register at once. (A row of this size
# stays in the cache between the passes, so that three of them cost little more than one.)

# %% tags=["nbval-ignore-output"]
flops = 5 * rows.size  # a subtraction, e^x counted as one, two additions and comparisons, a product
below = {name: (flops / (2 * rows.nbytes), flops / one.median_s / 1e9) for name, one in timed.items()}
both = {"matmul": (intensity, speed["registers"])} | below
reached = 100 / times["vectorised"]
roofline(both, peak, bandwidth, f"The vectorised softmax moves its bytes at {reached:.0f} % of a copy's speed")

# %%
explain("what an op waits for", ...)

# %% [markdown]
# ## 7. More cores
#
# Hugo's offer has more cores. Your machine has some too. Rows of `C` do not depend on each other, so two threads can
# share them. How many times faster are two threads on the large product?

# %%
predict("two threads", "times", low=..., best=..., high=...)


# %%
@njit(fastmath=FAST, parallel=True)
def shared(a, b, out):
    for i in prange(a.shape[0]):
        row = out[i]
        row[:] = 0
        for k in range(a.shape[1]):
            number, line = a[i, k], b[k]
            for j in range(row.size):
                row[j] += number * line[j]


shared(a, b, out)
print("the same as NumPy's product:", np.allclose(out, right, rtol=1e-4))

# %% tags=["nbval-ignore-output"]
from numba import set_num_threads

from labkit.environment.machine import usable_cores


def on(threads, size):  # seconds of one product
    x, y, z = a[:size, :size].copy(), b[:size, :size].copy(), np.empty((size, size), np.float32)
    set_num_threads(threads)
    return interleaved({"shared": lambda: shared(x, y, z)}, rounds=5, warmup=2)["shared"].median_s


most = min(2, usable_cores().count)
gains = {size: on(1, size) / on(most, size) for size in (16, 64, 256, 512)}
measured("two threads", gains[512])
finding("This machine has {n} cores for us; {t} threads were used.", n=usable_cores().count, t=most)

# %% tags=["nbval-ignore-output"]
from labkit.notebook import bars

worst = min(gains, key=gains.get)
title = f"At {worst}x{worst} {most} threads are {gains[worst]:.2f} times as fast as one"
bars({f"{size} x {size}": gain for size, gain in gains.items()}, title, "one thread over two [times]", "measured")

# %% [markdown]
# To start a team of threads and to wait for its last member costs microseconds, whatever there is to do. A small
# product is over before the second thread has begun. And the cores are not yours alone: if another program sits on one
# of them, the whole team waits for the thread that got no core. A measurement with two threads on a busy machine says
# more about its neighbours than about your program.
#
# ## 8. What a larger machine cannot buy
#
# The night is more than the product. Here it is in small, step by step, with the naive kernels and with the best:

# %% tags=["nbval-ignore-output"]
from labkit.data import fashion

images = fashion("train").images[:512].reshape(512, -1)  # uint8 (512, 784)
scores, looks = np.empty((512, 512), np.float32), np.empty((512, 512), np.float32)


def prepare():
    vectors = images.astype(np.float32)  # (512, 784)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


# %% tags=["nbval-ignore-output"]
def once(product, to_shares):  # seconds of each step
    vectors = prepare()
    steps = {
        "prepare": prepare,
        "product": lambda: product(vectors, vectors.T.copy(), scores),
        "softmax": lambda: to_shares(scores, looks),
        "the five most alike": lambda: np.argpartition(-looks, 5, axis=1)[:, :5],
    }
    return {name: one.median_s for name, one in interleaved(steps, rounds=1, warmup=1).items()}


before, after = once(naive, three_passes), once(registers, vectorised)

# %% tags=["nbval-ignore-output"]
for name in before:
    print(f"{name:20} {1000 * before[name]:9.1f} ms {1000 * after[name]:9.1f} ms")
rest = after["prepare"] + after["the five most alike"]  # in neither kernel
whole = {"before": sum(before.values()), "after": sum(after.values())}
finding("Together {x:.0f} times faster.", x=whole["before"] / whole["after"])
finding(
    "Before, {s:.1%} of the time was in neither kernel, and now {t:.0%}.",
    s=rest / whole["before"],
    t=rest / whole["after"],
)

# %% [markdown]
# **Amdahl's law** (1967): if a share $s$ of the time cannot be spread over cores, then $c$ cores make the whole at most
# $1 / (s + (1 - s) / c)$ times faster. Before, nearly everything was the product, and cores would have helped. After
# the climb the rest weighs more, and the same cores buy less:

# %% tags=["nbval-ignore-output"]
from labkit.notebook import line

cores = np.arange(1, 33)
most_gain = {}
for when, seconds in whole.items():
    serial = rest / seconds
    most_gain[f"{when} the climb"] = cores, 1 / (serial + (1 - serial) / cores)
four = most_gain["after the climb"][1][3]
title = f"After the climb four cores make the night at most {four:.1f} times faster"
line(most_gain, title, "cores [n]", "at most [times]", "simulated")

# %% [markdown]
# And two more things that a larger machine does not sell in proportion. *Bandwidth*: all its cores fetch from the same
# memory, and a softmax needs nothing else. *Price*: four times the rent is owed at noon as well, when nothing runs.
#
# ## 9. Decide
#
# Hugo needs an answer, and so does Ilse. Your evidence is on the table.

# %%
from labkit.notebook import decision

decision(
    title="How the night gets shorter",
    context="Done before one o'clock, nothing bought this year; whoever is on call has to understand the program.",
    options={"rent four times the cores": ..., "climb to the registers": ..., "exchange the loops only": ...},
    decision=...,
    evidence=["loops exchanged", "tiles in registers", "two threads"],
    would_change_if=...,
    supersedes=None,  # a title from lab 00, if what one machine can do has changed your mind about it
)

# %% [markdown]
# ## What you can now do
#
# You measured the roof of a machine, placed programs under it, and climbed from Python to most of the peak by changing
# nothing but the order in which numbers are touched. You saw that an op may be bound by memory while your program of
# it is not, that threads have a price, and that a larger machine multiplies only what can be multiplied. **First find
# out what a program waits for. Then decide whether to buy more of it.**
#
# The kernels of this lab stay with you: `labkit.kernels` trains and serves with them in what follows, and each of its
# files is such a ladder. What if the roof itself were fifty times higher? In the next lab it is.
