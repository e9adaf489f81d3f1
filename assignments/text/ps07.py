# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 07: The same shop, only more of it
#
# > *From: Hugo, who runs the machines.* "The writer is to learn the new season's catalogue **by Friday**. One machine
# > needs until Tuesday. So I rented four, Bo copied the training script onto all of them and averaged 'something' in
# > between, and the loss goes down, everybody is happy. Only: the model is worse than last season's. Ilse asks why
# > four machines cost four times as much and give her less. I need somebody who can tell me **whether four workers
# > still train the same model**. And then how many I may rent, before they only wait for each other."
#
# Fast and right pull in different directions here, and a wrong one trains without an error message. You build the
# two parts of data parallelism (the sum over all workers, and the step that makes of it what one big worker would have
# done), you count what it costs, and then you find out what Bo did.
#
# | | | minutes | points |
# |---|---|---|---|
# | 0 | your name | 1 | 1 |
# | 1 | All-reduce, around the ring | 35 | 5 |
# | 2 | A step that many workers take as one | 40 | 6 |
# | 3 | How many workers? The cost of the ring | 20 | 4 |
# | 4 | Bo's step: name the fault, show it, mend it; and your own machine, measured and explained | 54 | 9 |

# %% [markdown]
# **How it works.** Replace every line `raise NotImplementedError(...)` with your code, and run the checks under it.
# After you submit, further checks run on awkward cases. They ask for nothing that the exercise does not state. Leave
# the cells where they are, add your own, import what you need where you need it.

# %% locked="imports"
import inspect
from functools import cache
from importlib import import_module
from math import ceil, isclose, log2
from statistics import median
from time import perf_counter

import torch
import torch.distributed as dist
from torch.nn import functional as F

from labkit.grading.checks import close, raises, within
from labkit.grading.clusters import WORKERS, cluster_for
from labkit.grading.once import once
from labkit.grading.ranked import on_ranks, travels
from labkit.grading.seeds import is_own
from labkit.grading.suspects import FAULTS, suspect_for
from labkit.grading.workers import alone, begun, given, gradient_bytes, start, train
from labkit.parallel import Device, compute, link, ranks
from labkit.parallel.collectives import ring_all_reduce

# %% [markdown]
# ## Your name
#
# Replace the line `raise ...` with `NAME = "..."`, your own name between the quotes, as your instructor knows it (a
# placeholder such as `student` is not a name), spelled as in problem set 00. Your cluster and your suspect are drawn
# from it.

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
# ## 1. All-reduce, around the ring *(35 minutes, 5 points)*
#
# n **ranks** (workers, numbered from 0) each have a vector `x` of the same length. After an *all-reduce* each of them
# has the sum of all vectors, or the largest of all in each place, or whatever operation was asked for. Ranks share
# nothing: they are processes, and all they can do is send each other tensors.
#
# | | |
# |---|---|
# | `link.rank()`, `link.size()` | which rank this is, and how many there are |
# | `link.send(tensor, to)` | sends; returns when that rank has asked for it |
# | `link.recv(into, source)` | receives into a tensor of the same shape |
# | `link.sendrecv(tensor, to, into, source)` | both at the same time |
#
# `send` waits. So two ranks that both send first wait for each other for ever: a *deadlock*, of which `ranks` (and
# each check) tells you who waits where. Try it, change it, break it:


# %%
def onwards():
    """Each rank gives its number to the next one."""
    mine, got = torch.tensor([float(link.rank())]), torch.empty(1)
    link.sendrecv(mine, (link.rank() + 1) % link.size(), got, (link.rank() - 1) % link.size())
    return f"rank {link.rank()} got {got.item():g}"


ranks(onwards, 3)

# %% [markdown]
# The **ring** of lab 07 in short. Cut `x` into n shards. In each of n - 1 steps every rank sends one shard to the rank
# on its right, receives another one from its left, and combines it with its own: after that each rank has one shard
# that is finished. In n - 1 further steps the finished shards go around.
#
# Write `all_reduce(x, op)`. `x` is a vector (one axis, any length: it need not divide by n, and may be shorter than n),
# `op` one of the names in `OPS`. It returns the vector that all ranks then have; it may change `x`. What is graded:
#
# - **values** *(2 points)*: the operation over all ranks' vectors, on every rank, for any number of ranks. All ranks
#   have exactly the same numbers, the last bit included (else n copies of a model drift apart);
# - **bytes** *(1 point)*: all ranks together send no more than $2(n - 1)$ times the bytes of `x`, and none of them more
#   than $2(n-1)$ times the bytes of the largest shard. (Shards differ in length by at most one.);
# - **steps** *(1 point)*: no more than $2(n - 1)$. In a step a rank sends one message, and receives one;
# - **nothing else** *(1 point)*: the result comes from the messages. The checks change one under way, and look whether
#   a result changes with it.
#
# The checks run your ranks as processes, and every message passes through their hands: that is how they count.

# %% locked="operations"
OPS = {"sum": torch.add, "max": torch.maximum, "min": torch.minimum}


# %% solution="all_reduce"
def all_reduce(x: torch.Tensor, op: str) -> torch.Tensor:
    """The operation over all ranks' vectors. x: (length,). Returns (length,), the same on every rank."""
    ### BEGIN SOLUTION
    n, here = link.size(), link.rank()
    right, left = (here + 1) % n, (here - 1) % n
    shards = list(x.tensor_split(n))
    for step in range(n - 1):
        sent, received = (here - step) % n, (here - step - 1) % n
        into = torch.empty_like(shards[received])
        link.sendrecv(shards[sent], right, into, left)
        shards[received].copy_(OPS[op](shards[received], into))
    for step in range(n - 1):
        sent, received = (here + 1 - step) % n, (here - step) % n
        link.sendrecv(shards[sent], right, shards[received], left)
    return x
    ### END SOLUTION


# %% locked="all_reduced"
@cache
def ran_with(function, n: int, length: int, op: str):
    """Run a function on n ranks, each with a vector of its own. Returns what was counted, and the vectors."""
    numbers = torch.Generator().manual_seed(100 * n + length)
    vectors = [torch.randn(length, generator=numbers) for _ in range(n)]
    return within(20, on_ranks, function, [(vector, op) for vector in vectors]), vectors


def all_reduced(n: int, length: int, op: str = "sum"):
    """Run your all_reduce on n ranks, and see that every result is right. Returns what was counted."""
    ran, vectors = ran_with(all_reduce, n, length, op)
    whole = torch.stack(vectors).double()
    expected = {"sum": whole.sum(0), "max": whole.amax(0), "min": whole.amin(0)}[op]
    for rank, result in enumerate(ran.results):
        close(result, expected.float(), what=f"the {op} of {n} ranks, {length} numbers each, on rank {rank}")
        assert torch.equal(result, ran.results[0]), f"rank {rank} and rank 0 have other numbers, if only in a last bit"
    return ran


# %% test="all_reduce-values" points=1
ran = all_reduced(2, 8)
ran = all_reduced(3, 12)
### BEGIN HIDDEN TESTS
all_reduced(4, 16)
all_reduced(3, 30, "max")
all_reduced(6, 60)
### END HIDDEN TESTS

# %% test="all_reduce-awkward" points=1
ran = all_reduced(3, 7)
ran = all_reduced(2, 5, "max")
### BEGIN HIDDEN TESTS
all_reduced(1, 5)
all_reduced(4, 3)
all_reduced(5, 33, "min")
all_reduced(3, 101)
### END HIDDEN TESTS

# %% test="all_reduce-bytes" points=1
ran = all_reduced(3, 12)
assert sum(ran.bytes_sent) <= 2 * 2 * 48, f"the ranks sent {sum(ran.bytes_sent)} bytes; a ring of 3 sends 192"
### BEGIN HIDDEN TESTS
for n, length, op in [(2, 5, "max"), (3, 101, "sum"), (4, 3, "sum"), (5, 33, "min"), (6, 60, "sum")]:
    ran = all_reduced(n, length, op)
    most, of_all = 2 * (n - 1) * 4 * ceil(length / n), 2 * (n - 1) * 4 * length
    sent = ran.bytes_sent
    assert sum(sent) <= of_all, f"{n} ranks sent {sum(sent)} bytes for {length} numbers, and {of_all} are allowed"
    assert max(sent) <= most, f"one of {n} ranks sent {max(sent)} bytes; {most} are allowed"
### END HIDDEN TESTS

# %% test="all_reduce-steps" points=1
ran = all_reduced(3, 12)
assert ran.steps <= 4, f"{ran.steps} steps with 3 ranks: does every rank send and receive in each of them?"
### BEGIN HIDDEN TESTS
for n, length, op in [(2, 8, "sum"), (4, 16, "sum"), (5, 33, "min"), (6, 60, "sum")]:
    ran = all_reduced(n, length, op)
    assert ran.steps <= 2 * (n - 1), f"{ran.steps} steps with {n} ranks; {2 * (n - 1)} are allowed"
### END HIDDEN TESTS

# %% test="all_reduce-travels" points=1
all_reduced(3, 12)
within(20, travels, all_reduce, [(torch.arange(6.0) * (rank + 1), "sum") for rank in range(3)], [0, 4])
### BEGIN HIDDEN TESTS
all_reduced(4, 16)
within(60, travels, all_reduce, [(torch.arange(8.0) - 3 * rank, "sum") for rank in range(4)], [1, 10, 17, 23])
### END HIDDEN TESTS

# %% [markdown]
# Your ring on real ranks, beside the one that torch brings: the same numbers? Not graded.


# %%
def both():
    """Ours and gloo's, on the same numbers."""
    torch.manual_seed(link.rank())
    x = torch.randn(1000)
    theirs = x.clone()
    dist.all_reduce(theirs)
    return (all_reduce(x, "sum") - theirs).abs().max().item()


ranks(both, 3)

# %% [markdown]
# ## 2. A step that many workers take as one *(40 minutes, 6 points)*
#
# Each rank has its own rows of the batch and its own copy of the model. Data parallelism is right if **n workers do
# exactly what one worker with all rows would do**: same losses, same weights, step after step. That is the whole
# specification, and it is what the checks compare with, to ten digits.
#
# **2a. The same start** *(1 point)*. Each rank draws its first weights for itself, and so they differ. Write
# `same_start(model)`: afterwards every rank's parameters are those of rank 0. (`parameter.data` is a tensor that you
# may receive into.)


# %% solution="same_start"
def same_start(model: torch.nn.Module) -> None:
    """Give every rank the parameters of rank 0."""
    ### BEGIN SOLUTION
    for parameter in model.parameters():
        for other in range(1, link.size()):
            if link.rank() == 0:
                link.send(parameter.data, other)
            elif link.rank() == other:
                link.recv(parameter.data, 0)
    ### END SOLUTION


# %% test="same_start-parameters" points=1
ran = within(20, on_ranks, [begun, same_start], [("plain", rank) for rank in range(2)])
assert torch.equal(ran.results[0], ran.results[1]), "rank 1 still begins with other weights than rank 0"
### BEGIN HIDDEN TESTS
for kind, n in [("plain", 1), ("plain", 3), ("tied", 4), ("frozen", 2)]:
    ran = within(20, on_ranks, [begun, same_start], [(kind, rank) for rank in range(n)])
    first = within(20, on_ranks, [begun, start], [(kind, 0)]).results[0]
    for rank, result in enumerate(ran.results):
        assert torch.equal(result, first), f"rank {rank} of {n} has not the weights that rank 0 drew ({kind})"
### END HIDDEN TESTS

# %% [markdown]
# **2b. The step** *(5 points)*. Write `step(model, optimizer, x, y)`, which each rank calls with its own rows:
# `x` of shape (rows, features), `y` of shape (rows, 1), `float64`. The loss is `F.mse_loss(model(x), y)`, the mean
# over rows. The step
#
# - changes the model as one worker with the rows of **all** ranks would. Ranks may have different numbers of rows, and
#   at least one each; the mean over all rows is then not the mean of the ranks' means;
# - returns that mean loss over all rows, before the change, as a `float`;
# - sends from each rank at most $2(n-1)/n$ times the bytes of the gradients, and 100 bytes more for what else there is
#   to say. (`ring_all_reduce(tensor)`, imported above, is ours: it sums a contiguous tensor of any shape over all
#   ranks, in place. That shards are whole numbers, and the largest one is a little larger, is allowed for.)
#
# Any optimizer may come whose `step()` takes no arguments, SGD and Adam among them. A layer may be frozen: its
# parameters have `requires_grad` false, and their `grad` is `None`.


# %% solution="step"
def step(model: torch.nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> float:
    """One step of this rank with its rows. Returns the mean loss over the rows of all ranks."""
    ### BEGIN SOLUTION
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    told = ring_all_reduce(torch.tensor([len(x), loss.item() * len(x)], dtype=torch.float64))
    rows, summed = told.tolist()
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad *= len(x) / rows
            ring_all_reduce(parameter.grad)
    optimizer.step()
    return summed / rows
    ### END SOLUTION


# %% [markdown]
# The checks train a small model on ranks and, for comparison, on one worker that has all rows. You can do the same:
#
# `trained(step, [9, 3], model="plain", optimizer="sgd", steps=3)`
#
# is a run on two ranks with nine and three rows. The model is `"plain"`, `"frozen"` (a layer does not learn) or
# `"tied"` (one weight in two places), the optimizer `"sgd"` or `"adam"`; what stands here are the defaults. It returns
# what was counted, the run of the one worker, and the largest gap between a rank's weights and that worker's. Every
# rank begins with the weights of rank 0, whatever your 2a does.


# %% locked="trained"
@cache
def trained_with(walk, sizes: tuple, asked: tuple):
    """Train on ranks with these numbers of rows. Returns what was counted, and what one worker does."""
    arguments = given(sizes, **dict(asked))
    return within(30, on_ranks, [train, start, walk], arguments), alone(arguments)


def trained(walk, sizes: list[int], **asked):
    """The same, and the largest gap between a rank's weights and those of the one worker."""
    ran, one = trained_with(walk, tuple(sizes), tuple(asked.items()))
    assert all(isinstance(found, dict) and set(found) == {"losses", "parameters"} for found in ran.results)
    gaps = [(found["parameters"] - one["parameters"]).abs().max().item() for found in ran.results]
    return ran, one, max(gaps)


# %% test="step-even" points=1
_, _, gap = trained(step, [8, 8])
assert gap < 1e-10, f"after 3 steps a weight is {gap:.2g} off: are the gradients summed, and by how much divided?"
### BEGIN HIDDEN TESTS
for sizes in ([6], [4, 4, 4, 4]):
    _, _, gap = trained(step, sizes)
    assert gap < 1e-10, f"with {len(sizes)} ranks of {sizes[0]} rows a weight is {gap:.2g} off after 3 steps"
### END HIDDEN TESTS

# %% test="step-uneven" points=1
_, _, gap = trained(step, [9, 3], steps=1)
assert gap < 1e-10, f"with 9 and 3 rows a weight is {gap:.2g} off: is a mean over 9 rows worth as much as one over 3?"
### BEGIN HIDDEN TESTS
for sizes in ([5, 9, 2], [3, 1, 1, 8]):
    _, _, gap = trained(step, sizes)
    assert gap < 1e-10, f"with {sizes} rows a weight is {gap:.2g} off after 3 steps"
### END HIDDEN TESTS

# %% test="step-optimizers" points=1
_, _, gap = trained(step, [8, 8], model="frozen")
assert gap < 1e-10, f"with a frozen layer a weight is {gap:.2g} off"
### BEGIN HIDDEN TESTS
for model, optimizer in [("plain", "adam"), ("tied", "sgd"), ("tied", "adam"), ("frozen", "adam")]:
    _, _, gap = trained(step, [7, 7, 7], model=model, optimizer=optimizer)
    assert gap < 1e-8, f"with the {optimizer} optimizer and a {model} model a weight is {gap:.2g} off"
### END HIDDEN TESTS

# %% test="step-losses" points=1
ran, one, _ = trained(step, [8, 8], steps=1)
(first,), (second,), (whole,) = (found["losses"] for found in (*ran.results, one))
assert first == second, f"the ranks return different losses, {first} and {second}: the mean over all rows is asked for"
assert isclose(first, whole, rel_tol=1e-9), f"the loss over all rows is {whole:.6f}, and not {first:.6f}"
### BEGIN HIDDEN TESTS
for sizes in ([6], [8, 8], [5, 9, 2]):
    ran, one, _ = trained(step, sizes)
    for rank, found in enumerate(ran.results):
        close(found["losses"], one["losses"], what=f"the losses of three steps on rank {rank}, with {sizes} rows")
### END HIDDEN TESTS

# %% test="step-bytes" points=1
ran, _, gap = trained(step, [40, 40], steps=1)
begin = within(20, on_ranks, [begun, start], [("plain", rank) for rank in range(2)])
sent = max(ran.bytes_sent) - max(begin.bytes_sent)
most = gradient_bytes("plain") + 100 + 16 * 6  # six tensors, each with shards that are whole numbers
assert gap < 1e-3, "the step is not right yet, and what it sends does not count"
assert sent <= most, f"a rank sent {sent} bytes in one step, and at most {most} are allowed"
### BEGIN HIDDEN TESTS
for sizes in ([60, 60, 60], [50, 50, 50, 50]):
    n, counts = len(sizes), []
    for steps in (1, 3):
        ran, _, gap = trained(step, sizes, steps=steps)
        assert gap < 1e-3, f"with {n} ranks the step is not right yet, and what it sends does not count"
        counts.append(max(ran.bytes_sent))
    sent, most = (counts[1] - counts[0]) / 2, 2 * (n - 1) / n * gradient_bytes("plain") + 100 + 16 * 6 * (n - 1)
    assert sent <= most, f"a rank of {n} sent {sent:.0f} bytes a step, and at most {most:.0f} are allowed"
### END HIDDEN TESTS

# %% [markdown]
# ## 3. How many workers? *(20 minutes, 4 points)*
#
# A message of $S$ bytes takes $\alpha + S/B$ seconds: the **latency** $\alpha$ of the link, and its bytes at the
# **bandwidth** $B$. In one step of an all-reduce all ranks send at the same time, so its time is that of its steps, one
# after the other:
#
# | how | steps | bytes of a message |
# |---|---|---|
# | `"naive"`: all to rank 0, one after the other, and back | $2(n - 1)$ | $S$ |
# | `"tree"`: in pairs, then pairs of pairs, and back | $2 \lceil \log_2 n \rceil$ | $S$ |
# | `"ring"` | $2(n - 1)$ | $S / n$ |
#
# **3a. The time of an all-reduce** *(2 points)*. Write `all_reduce_seconds(size, n, latency, bandwidth, how)`. One rank
# needs no time. `n` below 1, a bandwidth that is not above 0, and a `how` that is not in the table raise a `ValueError`
# that names what is wrong, whatever the other arguments are.


# %% solution="all_reduce_seconds"
def all_reduce_seconds(size: float, n: int, latency: float, bandwidth: float, how: str = "ring") -> float:
    """Seconds of an all-reduce of `size` bytes over n ranks. latency [s] and bandwidth [bytes/s] of a link."""
    ### BEGIN SOLUTION
    if n < 1:
        raise ValueError(f"n is at least 1, and here it is {n}")
    if not bandwidth > 0:
        raise ValueError(f"a bandwidth is above 0, and this one is {bandwidth}")
    plans = {
        "naive": (2 * (n - 1), size),
        "tree": (2 * ceil(log2(n)), size),
        "ring": (2 * (n - 1), size / n),
    }
    if how not in plans:
        raise ValueError(f"how is one of {', '.join(plans)}, and not {how}")
    steps, message = plans[how]
    return steps * (latency + message / bandwidth)
    ### END SOLUTION


# %% test="all_reduce_seconds-times" points=1
found = all_reduce_seconds(100e6, 4, 0.0, 100e6)
assert isclose(found, 1.5, rel_tol=1e-9), f"6 steps of 25 MB at 100 MB/s take 1.5 s, and not {found}"
found = all_reduce_seconds(0, 3, 0.5, 1e9, "tree")
assert isclose(found, 2.0, rel_tol=1e-9), f"3 ranks are a tree of two levels: 4 messages of 0.5 s, and not {found} s"
### BEGIN HIDDEN TESTS
for size, n, latency, bandwidth in [(1e9, 2, 1e-3, 1e9), (4e6, 5, 0.01, 1e6), (1, 64, 1e-4, 2e9), (3e8, 17, 0.0, 5e8)]:
    expected = {
        "naive": 2 * (n - 1) * (latency + size / bandwidth),
        "tree": 2 * ceil(log2(n)) * (latency + size / bandwidth),
        "ring": 2 * (n - 1) * (latency + size / n / bandwidth),
    }
    for how, seconds in expected.items():
        found = all_reduce_seconds(size, n, latency, bandwidth, how)
        assert isclose(found, seconds, rel_tol=1e-9), f"{how}: {size:g} bytes, {n} ranks, {latency} s, {bandwidth:g}/s"
### END HIDDEN TESTS

# %% test="all_reduce_seconds-edges" points=1
assert all_reduce_seconds(1e9, 1, 1.0, 1e9) == 0, "one rank has nobody to wait for"
raises(ValueError, all_reduce_seconds, 1e9, 0, 1.0, 1e9, says=r"\bn\b")
### BEGIN HIDDEN TESTS
assert all_reduce_seconds(1e9, 1, 1.0, 1e9, "tree") == 0, "one rank has nobody to wait for, in a tree either"
assert all_reduce_seconds(1e9, 1, 1.0, 1e9, "naive") == 0, "one rank has nobody to wait for"
assert isclose(all_reduce_seconds(0, 8, 0.25, 1e9), 3.5), "no bytes are still messages"
assert isclose(all_reduce_seconds(1e9, 4, 0, float("inf")), 0, abs_tol=1e-12), "a link without end takes no time"
raises(ValueError, all_reduce_seconds, 1e9, -2, 1.0, 1e9, says=r"\bn\b")
raises(ValueError, all_reduce_seconds, 1e9, 1, 1.0, 1e9, "star", says="star")
raises(ValueError, all_reduce_seconds, 1e9, 2, 1.0, 0, says="bandwidth")
raises(ValueError, all_reduce_seconds, 1e9, 2, 1.0, -1e9, says="bandwidth")
raises(ValueError, all_reduce_seconds, 1e9, 2, 1.0, 1e9, "star", says="star")
### END HIDDEN TESTS

# %% [markdown]
# **3b. Your own cluster** *(2 points)*. Everybody's run is another one, and so are the machines that can be had for it:

# %%
print(cluster_for(NAME), "and one of", WORKERS, "workers")

# %% [markdown]
# One worker needs `seconds` for a step with all rows; n workers need the n-th part, and then an all-reduce of the
# `gradients` around a ring. The run has `steps` steps, and should be done in `hours`. Which is the **fewest** number of
# workers that is in time? Which is the **fastest** of all those that can be had (more of them are slower again), and
# how many hours does the run take with it?

# %% solution="my_workers"
MY_WORKERS = {"fewest": ..., "fastest": ..., "hours": ...}
### BEGIN SOLUTION
mine = cluster_for(NAME)
hours = {}
for n in WORKERS:
    waits = all_reduce_seconds(mine["gradients"], n, mine["latency"], mine["bandwidth"])
    hours[n] = mine["steps"] * (mine["seconds"] / n + waits) / 3600
fastest = min(hours, key=hours.get)
MY_WORKERS = {
    "fewest": min(n for n in WORKERS if hours[n] <= mine["hours"]),
    "fastest": fastest,
    "hours": hours[fastest],
}
### END SOLUTION

# %% test="my_workers-fewest" points=1
assert set(MY_WORKERS) == {"fewest", "fastest", "hours"}, "three entries are asked for: fewest, fastest and hours"
assert MY_WORKERS["fewest"] in WORKERS, f"the fewest are one of {WORKERS}"
### BEGIN HIDDEN TESTS
own, took = cluster_for(NAME), {}
for n in WORKERS:
    ring = 2 * (n - 1) * (own["latency"] + own["gradients"] / n / own["bandwidth"])
    took[n] = own["steps"] * (own["seconds"] / n + ring) / 3600
assert MY_WORKERS["fewest"] == min(n for n in WORKERS if took[n] <= own["hours"]), "others are the fewest in time"
### END HIDDEN TESTS

# %% test="my_workers-fastest" points=1
assert MY_WORKERS["fastest"] in WORKERS, f"the fastest are one of {WORKERS}"
assert isinstance(MY_WORKERS["hours"], int | float), "hours is a number"
assert MY_WORKERS["hours"] > 0, "a run takes some time"
### BEGIN HIDDEN TESTS
own, took = cluster_for(NAME), {}
for n in WORKERS:
    ring = 2 * (n - 1) * (own["latency"] + own["gradients"] / n / own["bandwidth"])
    took[n] = own["steps"] * (own["seconds"] / n + ring) / 3600
best = min(took, key=took.get)
assert MY_WORKERS["fastest"] == best, "another number of workers is faster"
assert isclose(MY_WORKERS["hours"], took[best], rel_tol=1e-3), "the hours are not those of that many workers"
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Bo's step *(54 minutes, 9 points)*
#
# This is what Bo wrote, and everybody's Bo wrote something else. It runs, the loss goes down, and it has **one** fault.

# %%
print(inspect.getsource(suspect_for(NAME)))

# %% [markdown]
# **4a. Name it** *(1 point)*: which of these is it?

# %%
for fault, what in FAULTS.items():
    print(f"{fault:15} {what}")

# %% solution="fault"
FAULT = ...
### BEGIN SOLUTION
FAULT = import_module("labkit.grading.alibis").fault_of(suspect_for(NAME))
### END SOLUTION

# %% test="fault-name" points=1
assert FAULT in FAULTS, f"the fault is one of {', '.join(FAULTS)}"
### BEGIN HIDDEN TESTS
alibis = import_module("labkit.grading.alibis")
assert alibis.fault_of(suspect_for(NAME)) == FAULT, "this is not the fault of your suspect"
### END HIDDEN TESTS

# %% [markdown]
# **4b. Show it** *(2 points)*. Reading is one thing, showing another, and a test that everybody can run is worth more
# than both. Write `caught(walk)`: it trains with the step `walk` (`trained(walk, sizes, ...)` from above does that)
# and returns `True` for a step with the fault of your suspect, and `False` for a step that is right. (What it says of
# other faults does not count.) Choose with care: **most of these faults, though not all, can only be seen with the
# right rows, the right optimizer and enough steps.**


# %% solution="caught"
def caught(walk) -> bool:
    """Whether this step has the fault of the suspect."""
    ### BEGIN SOLUTION
    return any(trained(walk, [9, 3], optimizer=optimizer)[2] > 1e-3 for optimizer in ("sgd", "adam"))
    ### END SOLUTION


# %% test="caught-suspect" points=1
found = caught(suspect_for(NAME))
assert type(found) is bool, f"True or False is asked for, and not a {type(found).__name__}"
assert found, "your suspect is not caught: the right rows, optimizer, number of steps?"
### BEGIN HIDDEN TESTS
alibis = import_module("labkit.grading.alibis")
assert caught(alibis.right) is False, "a right step is caught, so nothing is shown"
assert caught(alibis.disguised(suspect_for(NAME))) is True, "the same step under another name is not caught"
### END HIDDEN TESTS

# %% test="caught-right" points=1
alibis = import_module("labkit.grading.alibis")  # it has a right step of ours
assert caught(alibis.right) is False, "a right step is caught: is a rounding error taken for a fault?"
### BEGIN HIDDEN TESTS
assert caught(alibis.disguised(suspect_for(NAME))) is True, "your suspect is not caught under another name"
### END HIDDEN TESTS

# %% [markdown]
# **4c. Mend it** *(1 point)*. Copy Bo's step into the cell, and change what is wrong, nothing else. (`over_all` and
# whatever else it uses is in `labkit.grading.suspects`: import it.)


# %% solution="mended"
def mended(model: torch.nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> float:
    """Bo's step, without its fault."""
    ### BEGIN SOLUTION
    return import_module("labkit.grading.alibis").right(model, optimizer, x, y)
    ### END SOLUTION


# %% test="mended-right" points=1
_, _, gap = trained(mended, [9, 3])
assert gap < 1e-10, f"a weight is still {gap:.2g} off"
### BEGIN HIDDEN TESTS
for sizes in ([8, 8], [5, 1, 4]):
    for optimizer in ("sgd", "adam"):
        _, _, gap = trained(mended, sizes, optimizer=optimizer)
        assert gap < 1e-8, f"with {sizes} rows and {optimizer} a weight is {gap:.2g} off"
### END HIDDEN TESTS

# %% [markdown]
# **4d. Your own machine.** Now many workers on *your* machine, over a link that is as slow as you make it. The compute
# is a sleep (so that two cores can play four), the link is throttled, and the ring is **yours**. What you measure is
# kept in `measured.json` beside this notebook and handed in with it. **To measure the same again, delete that file.**


# %%
def step_seconds(n: int, seconds: float, size: int, wire: Device, rounds: int = 3) -> float:
    """The median seconds of a step of n workers: the n-th part of the work, then your all-reduce of `size` bytes."""

    def worker() -> float:
        gradients, took = torch.ones(size // 4), []
        for _ in range(rounds):
            link.barrier()
            began = perf_counter()
            with compute("forward and backward", seconds / n):
                pass  # a sleep stands in for it
            all_reduce(gradients, "max")
            took.append(perf_counter() - began)
        return median(took)

    return max(ranks(worker, n, hardware=wire))


# %% [markdown]
# The work of one worker, the bytes of the gradients, and the link: with these, two workers are faster than one, and
# four are slower than two. Choose your own.

# %%
SECONDS, SIZE, WIRE = 0.2, 1_000_000, Device(bandwidth=20e6, latency=0.01)
for n in (1, 2, 3, 4):
    took = once(f"{n} of {SECONDS} {SIZE} {WIRE}", lambda n=n: {"seconds": step_seconds(n, SECONDS, SIZE, WIRE)})
    told = SECONDS / n + all_reduce_seconds(SIZE, n, WIRE.latency, WIRE.bandwidth)
    print(f"{n} workers: {1000 * took['seconds']:6.1f} ms a step, predicted {1000 * told:6.1f} ms (throttled)")

# %% [markdown]
# And without any throttling: your ring beside gloo's own all-reduce, through the memory of one machine.


# %%
def ring_beside_gloo(size: int, rounds: int = 7) -> dict[str, float]:
    """The median milliseconds of both, in turn, for `size` bytes."""
    x, took = torch.ones(size // 4), {"yours": [], "gloo": []}
    both = {"yours": lambda: all_reduce(x, "max"), "gloo": lambda: dist.all_reduce(x, dist.ReduceOp.MAX)}
    for _ in range(rounds):
        for name, run in both.items():
            link.barrier()
            began = perf_counter()
            run()
            took[name].append(1000 * (perf_counter() - began))
    return {name: median(times) for name, times in took.items()}


for size in (4_000, 400_000, 16_000_000):
    print(size, once(f"ring beside gloo {size}", lambda size=size: ranks(lambda: ring_beside_gloo(size), 2)[0]))

# %% [markdown] task="my_machine" points=5
# **Answer in the cell below**, with the numbers of your own runs.
#
# 1. *(1 point)* A table of your steps with 1, 2, 3 and 4 workers: measured, predicted, and the error in percent; with
#    the work, the bytes and the link that you chose. Say what of it is *measured* and what is *throttled*.
# 2. *(2 points)* **The hunt.** (a) In which of these settings, if in any, does your suspect do (nearly) the same as a
#    right step, and in which not: even or uneven rows; SGD or Adam; one step or several? Give the gaps that `trained`
#    returns, at least four of them. (b) Why is it invisible where it is? Or, if it shows everywhere: why does the loss
#    still go down? One sentence of mathematics, or of what the optimizer does with a gradient. (c) Bo says "but the
#    loss went down, and even faster". What would you have looked at instead, from the first day on?
# 3. *(2 points)* **How many should Hugo rent?** Write to him, in at most 200 words: a number of workers for the run of
#    3b and one that you turn down, with hours and worker-hours (what he pays for) of both; where your own measurement
#    was worse than the formula, by what of which you think that it would come again on the real cluster, and what that
#    would mean here (your number may then differ from that of 3b); what you say to Ilse's "four times as much for
#    less"; and one number that would change your choice if it were different, with the value from which it does.
#
# ### BEGIN MARK SCHEME
# **1 (1 point).** Four rows with both times and errors, the setting, and that the times are real clock times over a
# link and of work that are throttled (a sleep stands for the work; nothing about the speed of real training was
# measured). Half: no setting, or no stamp.
#
# **2 (2 points).** (a) 1 point: at least four gaps, even and uneven, both optimizers. *sum*: a gap of percents with
# SGD, about 1e-6 with Adam (whose step divides by the size of the gradient: a constant factor cancels but for epsilon).
# *mean of means*: none with even rows, large with uneven ones. *left out*: everywhere (each rank still learns from its
# own rows, and the rest of the model is right). *late*: none in the first step,
# everywhere from the second on. *weights*: none with SGD (its step is linear in the gradient, so the mean of the steps
# is the step of the mean), large with Adam. (b) half a point for the reason, (c) half a point for a comparison with a
# single worker step by step, on weights or on losses, and not a curve that falls.
#
# **3 (2 points).** One point for two numbers of workers with hours and worker-hours from 3b (the fastest is never the
# cheapest: worker-hours grow with every worker, as the all-reduce is paid n times); half for only one. One point for
# the decision: in time, Ilse answered (what is bought is time and not model: a right step gives the same model, and a
# wrong one a worse one), the measured excess over the formula applied, and a turning point with its value. Half: one of
# these is missing.
#
# *Full for 2 (suspect "weights"):* "trained(suspect, [9, 3]): 2e-16 with SGD, 0.10 with Adam; even rows 1e-16 and 0.06;
# one step of Adam already 0.02. SGD subtracts lr times the gradient, which is linear: averaging the results of the
# steps is the step with the average. Adam divides by the root of its own second moment, and a mean of quotients is no
# quotient of means. A loss that goes down only says that somebody learns something: I would compare the weights after
# three steps with those of one worker that has all rows, in float64, as a test that runs with every change."
# ### END MARK SCHEME

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ## Submit
#
# In a terminal `labkit course validate ps07` runs your notebook from top to bottom and says in words what the visible
# checks found; then `labkit course submit ps07` hands it in. The **Assignments** tab in JupyterLab does the same. You
# may submit again until the deadline: nothing is overwritten, and the last one counts.
#
# **Keep what you built.** Copy `all_reduce_seconds` into your `my_planner.py` (`labkit doctor` names its folder,
# behind *disk*). Lab 09 lets it meet the course's own planner.
#
# ## Extra, for no points: ZeRO-1
#
# With Adam each rank holds two more numbers for every weight, and all ranks hold the same ones. Split your all-reduce
# where it splits by itself: after the first n - 1 steps each rank has one finished shard of the gradients. Let each
# rank keep Adam's two moments for *its* shard alone, change that shard of the weights, and send the weights around
# instead of the gradients. The bytes on the link are the same as before; how many bytes does each rank hold less?
# `labkit.parallel.zero` has ours, with `state_bytes()`; `trained` above says whether yours still does what one worker
# would.
