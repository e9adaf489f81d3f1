# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 07: How do I use many workers on one model?
#
# > *From: Maren, who owns the shop.* "The new season's catalogue came this morning, and the writer still drafts texts
# > about winter coats. It has to learn the new one **by Friday night, 64 hours from now**: on Saturday the sale begins.
# > Hugo's machine needs 144 hours for that, until Tuesday. He says he can rent more like it, as many as I want, at one
# > euro an hour each. Ilse says that better texts bring us 250 euros on a weekend. So it may cost **not one euro more
# > than it brings**. And it has to be **the same writer**, please, not four half-taught ones."
#
# In time, and the same, and for less than it brings. In lab 00 you answered "how many machines?" in one line, on the
# assumption that n machines are n times as fast as one. That line says three. You will find out what it left out.
#
# Workers that train one model together have to agree after every step, and to agree they have to talk. You will write
# that conversation yourself, count its bytes, prove that the model does not notice it, and then find the point from
# which one more worker makes everybody slower.
#
# *About 75 minutes; two of them are your machine's. Two cores play all the machines: where time is measured, compute is
# a sleep and the link is as slow as we make it. Such figures are stamped* throttled.

# %% [markdown]
# ```mermaid
# flowchart LR
#   B[one batch] -->|its rows| R0[rank 0: whole model]
#   B --> R1[rank 1: whole model]
#   B --> R2[rank 2: whole model]
#   B --> R3[rank 3: whole model]
#   R0 & R1 & R2 & R3 <-->|gradients| S[their mean]
# ```
#
# ## 1. From one process to many
#
# A **rank** is one of n processes that run the same function. `ranks(fn, n)` starts them, on this machine, and brings
# back what each returned. What tells them apart is their number:

# %%
import torch

from labkit.notebook import open_lab
from labkit.parallel import Deadlock, link, ranks

open_lab("07_data_parallelism")
came = []  # who has been here


# %%
def who():
    came.append(link.rank())
    return f"I am rank {link.rank()} of {link.size()}, and came is {came}"


print(*ranks(who, 4), f"In the notebook came is {came}", sep="\n")

# %% [markdown]
# Four ranks appended to the same list, and nobody's list has two entries. Ranks share *nothing*: each had a copy of
# the notebook's memory, and what they wrote into it went with them. All they can do is send each other tensors, with
# `link.send(tensor, to)` and `link.recv(into, source)`.
#
# So let two of them swap their numbers. Each sends its own, then receives the other's. Read it twice before you run it:


# %%
def swap():
    other = 1 - link.rank()
    mine, theirs = torch.tensor([float(link.rank())]), torch.empty(1)
    link.send(mine, other)
    link.recv(theirs, other)
    return theirs.item()


try:
    ranks(swap, 2, deadlock=1)  # give up after a second in which nothing moved
except Deadlock as stuck:
    print(stuck)

# %% [markdown]
# `send` returns when the other side has asked for the message, and the other side never asks, because it sends too.
# Each waits for the other: a **deadlock**. On a real cluster there is no sentence that names the lines, only a job that
# costs money and does nothing. Somebody could receive first; but in a ring of five, who? The cure that needs no order
# is to do both at once:


# %%
def swap():
    other = 1 - link.rank()
    mine, theirs = torch.tensor([float(link.rank())]), torch.empty(1)
    return link.sendrecv(mine, other, theirs, other).item()


ranks(swap, 2)

# %% [markdown]
# ## 2. The ring
#
# Every rank has a vector of gradients, and every rank needs the sum of all of them. This is an **all-reduce**. The
# naive way: everybody sends theirs to rank 0, which adds them up and sends the sum back.


# %%
def naive(x):  # x: (length,), on every rank; afterwards the sum over all ranks
    if link.rank() > 0:
        link.send(x, 0)
        return link.recv(x, 0)
    others, landing = range(1, link.size()), torch.empty_like(x)
    for other in others:
        x += link.recv(landing, other)
    for other in others:
        link.send(x, other)
    return x


# %% [markdown]
# What does it cost? A clock would measure two busy cores. Instead, let every message pass through a **post office**,
# which counts bytes and **steps**: in one step a rank can send one message and receive one.

# %%
from labkit.parallel.post import Office
from labkit.parallel.posted import run

LENGTH = 840  # numbers in the vector, 4 bytes each


def counted(all_reduce, n):  # is it right on all ranks, its steps, and what the busiest rank sends, in vectors
    office = Office([(torch.full((LENGTH,), float(rank)),) for rank in range(n)])
    run(all_reduce, n, office.ask_all)
    right = all(torch.equal(x, torch.full((LENGTH,), n * (n - 1) / 2)) for x in office.results)
    return right, office.steps, max(office.bytes_sent(rank) for rank in range(n)) / (4 * LENGTH)


for n in (2, 4, 8):
    print("{} ranks: right {}, {:2} steps, the busiest sends {:.2f} vectors".format(n, *counted(naive, n)))

# %% [markdown]
# With every rank that joins, rank 0 has one vector more to send, while the others wait. The shop's writer has this much
# to agree on in each step:

# %%
from labkit.models import Gpt
from labkit.notebook import finding

parameters = sum(parameter.numel() for parameter in Gpt().parameters())
gradients = 4 * parameters  # bytes, float32
finding("{n:,} parameters, {mb:.2f} MB of gradients.", n=parameters, mb=gradients / 1e6)

# %% [markdown]
# There is a way in which no rank is special. Put the ranks in a circle. Each cuts its vector into n **shards**, and in
# every step each sends *one shard* to its right, and receives another from its left. After some steps all have the
# sum. Before you see how: how many megabytes does each rank send, in all, for the writer's gradients, with four ranks?
# And with 64?

# %%
from labkit.notebook import measured, predict

predict("sent by each of 4 ranks", "MB", low=..., best=..., high=...)

# %%
predict("sent by each of 64 ranks", "MB", low=..., best=..., high=...)

# %% [markdown]
# Here it is. In the first n - 1 steps, what arrives is **added**; a shard goes once around and collects its sum. In the
# next n - 1 steps, what arrives is finished, and **replaces** what was there.


# %%
def ring(x):  # x: (length,), on every rank; afterwards the sum over all ranks
    n, rank = link.size(), link.rank()
    right, left = (rank + 1) % n, (rank - 1) % n
    shards = x.tensor_split(n)  # views of x; the first ones may be longer by one number
    landing = torch.empty_like(shards[0])
    for step in range(2 * (n - 1)):
        out, into = shards[(rank - 1 - step) % n], shards[(rank - 2 - step) % n]
        came = link.sendrecv(out, right, landing[: len(into)], left)
        into.copy_(into + came if step < n - 1 else came)
    return x


# %%
for n in (2, 4, 8):
    for name, all_reduce in (("naive", naive), ("ring", ring)):
        right, steps, vectors = counted(all_reduce, n)
        print(f"{n} ranks, {name:5}: right {right}, {steps:2} steps, the busiest sends {vectors:.2f} vectors")

# %% [markdown]
# As many steps as before, each with an n-th of the bytes. Twelve lines, but which shard is where? The plan of the ring
# is data, a list of moves, and a list can be followed without a single process. In each place, write down *whose*
# numbers are summed there:

# %%
from labkit.parallel.collectives import steps as plan_of


def after(n, step):  # holds[rank][shard]: whose numbers are in that rank's shard, after so many steps
    holds = [[{rank} for _ in range(n)] for rank in range(n)]
    for number in range(step):
        moves = [move for move in plan_of(n) if move.step == number]
        sent = [holds[move.source][move.shard] for move in moves]  # all at the same time
        for move, came in zip(moves, sent, strict=True):
            there = holds[move.to][move.shard]
            holds[move.to][move.shard] = there | came if move.kind == "reduce" else came
    return holds


# %%
for step in range(7):
    rows = [" ".join("".join(map(str, sorted(summed))).ljust(4) for summed in shards) for shards in after(4, step)]
    print(f"after step {step}:", " | ".join(rows))

# %% [markdown]
# One column a rank, its four shards in it. After step 3 each rank owns one shard with all of `0123`;
# after step 6 it has all of them. Now let it turn: press play, or drag. Then **turn the knob**: how many steps does a
# ring of 7 need?

# %% tags=["nbval-ignore-output"]
from IPython.display import display
from ipywidgets import HBox, IntSlider, Play, interactive_output, jslink

from labkit.notebook.ring import draw_ring

N = 4  # turn the knob: 2 to 8


def turn(step):
    holds = after(N, step)
    done = sum(len(summed) == N for shards in holds for summed in shards)
    title = f"{step} of {2 * (N - 1)} steps: {done} of {N * N} shards hold the whole sum"
    draw_ring(holds, [move for move in plan_of(N) if move.step == step], title)


# %% tags=["nbval-ignore-output"]
turn(2)
play, slider = Play(max=2 * (N - 1), interval=1500), IntSlider(max=2 * (N - 1), description="steps")
jslink((play, "value"), (slider, "value"))
display(HBox([play, slider]), interactive_output(turn, {"step": slider}))

# %% [markdown]
# And your two numbers. Four ranks are real ones, with the writer's gradients; 64 we do not start, but the plan knows
# what each of them would send:

# %%
from labkit.parallel.collectives import shards

sent = ranks(lambda: ring(torch.ones(parameters)).numel(), 4).traffic[0].bytes_sent
lengths = [piece.stop - piece.start for piece in shards(parameters, 64)]
planned = sum(4 * lengths[move.shard] for move in plan_of(64) if move.source == 0)
measured("sent by each of 4 ranks", sent / 1e6)
measured("sent by each of 64 ranks", planned / 1e6)
finding("Rank 0 of 64 in the naive way would send {mb:.0f} MB.", mb=63 * gradients / 1e6)

# %%
from labkit.notebook import explain

explain("why 64 send hardly more than 4", ...)

# %% [markdown]
# Each rank sends $2(n-1)/n$ of the vector, never twice of it, and no all-reduce can do with less (Patarasuk & Yuan
# 2009). What does grow is the number of *steps*. Remember that for section 4.
#
# ## 3. The same writer
#
# Now the sum has to become a training step. Maren wants the *same* writer: n workers must do exactly what one worker
# with all rows would have done. Let us first find out what that is, in one process, with a very small writer and
# numbers precise enough (`float64`) that "the same" can be checked. Twelve passages are the batch:

# %%
from labkit.data import encode, plays
from labkit.models import GptConfig, next_token_loss

SMALL = GptConfig(time=32, layers=1, heads=2, width=16)
tokens = torch.from_numpy(encode(plays()[: 12 * 33])).view(12, 33)
x, y = tokens[:, :-1], tokens[:, 1:]  # (12, 32) each: what it reads, what comes next
torch.manual_seed(0)
small = Gpt(SMALL).double()


def gradient(model, x, y):  # of the mean loss over these rows, as one vector
    model.zero_grad()
    next_token_loss(model, x, y).backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


# %% [markdown]
# Give the rows to four workers, three each, and put their gradients together: as the sum, or as the mean. Then give
# nine rows to the first worker and one to each of the others. With those uneven shares, how far is the **mean** from
# the gradient of the whole batch, in percent of its length?

# %%
predict("the mean of uneven shares is off by", "%", low=..., best=..., high=...)

# %%
whole = gradient(small, x, y)


def off(candidate, right=whole):
    return 100 * ((candidate - right).norm() / right.norm()).item()


for rows in ([3, 3, 3, 3], [9, 1, 1, 1]):
    parts = [gradient(small, *part) for part in zip(x.split(rows), y.split(rows), strict=True)]
    weighted = sum(count / 12 * part for count, part in zip(rows, parts, strict=True))
    print(f"rows {rows}: sum off by {off(sum(parts)):5.1f} %,", end=" ")
    print(f"mean by {off(sum(parts) / 4):4.1f} %, weighted by rows {off(weighted):.1f} %")
measured("the mean of uneven shares is off by", off(sum(parts) / 4))

# %% [markdown]
# The sum of four means is four times too long, as if somebody had turned the learning rate up. The mean is right as
# long as all have equally many rows, and the last batch of an epoch hardly ever divides. Right in every case is the
# mean *weighted by rows*, $\sum_r \frac{b_r}{B} g_r$, because the gradient of a mean over rows is a mean over rows.
#
# Why send gradients at all? Let each worker make its own step, and average the **weights** afterwards. The same, is it
# not? In one process again, four copies and one that sees everything:

# %%
import copy


def apart(kind, lr, steps=3):  # how far averaging weights ends from one worker, in % of the way that it went
    models = [copy.deepcopy(small) for _ in range(5)]
    shares = [*zip(x.split(3), y.split(3), strict=True), (x, y)]  # the fifth has all rows
    optimizers = [kind(model.parameters(), lr=lr) for model in models]
    for _ in range(steps):
        for model, optimizer, rows in zip(models, optimizers, shares, strict=True):
            gradient(model, *rows)
            optimizer.step()
        for four in zip(*(model.parameters() for model in models[:4]), strict=True):
            torch._foreach_copy_([p.data for p in four], [sum(p.data for p in four) / 4] * 4)
    start, ours, one = (torch.cat([p.data.flatten() for p in m.parameters()]) for m in (small, models[0], models[4]))
    return 100 * ((ours - one).norm() / (one - start).norm()).item()


# %%
for kind, lr in ((torch.optim.SGD, 0.1), (torch.optim.AdamW, 1e-3)):
    print(f"weights averaged, {kind.__name__:5}: {apart(kind, lr):4.1f} % off after 3 steps")

# %% [markdown]
# With one optimizer it is the same to the last digit that matters, with the other it is another training altogether. If
# you had tried only the first, you would have sworn that it works. Why they differ is for you to find out, in the
# problem set.
#
# So: **weighted gradients, summed before the optimizer sees them.** On real ranks now. `training_step` does that with
# the ring and the rows of each rank; all ranks draw the same first weights, and make five steps of AdamW. Is it what
# one worker does?

# %%
from torch.nn import functional as F

from labkit.parallel.data_parallel import broadcast_parameters, bucketed, training_step


def loss(logits, targets):  # (rows, time, vocabulary), (rows, time)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


# %%
def train(model, kind, lr, steps):  # on this rank; its parts of the loss, one a step
    optimizer = kind(model.parameters(), lr=lr)
    return [training_step(model, loss, (x, y), optimizer, bucketed, number) for number in range(steps)]


# %%
def same_seed():
    torch.manual_seed(0)
    model = Gpt(SMALL).double()
    train(model, torch.optim.AdamW, 1e-3, steps=5)
    return weights(model)


one = ranks(same_seed, 1)[0]
for n in (2, 3, 5):
    found = ranks(same_seed, n)
    print(f"{n} ranks: every weight on every rank is one worker's: {all((w - one).abs().max() < 1e-9 for w in found)}")

# %% [markdown]
# Twelve rows do not divide by five, and it still holds. (To the last bit it does not: floating-point sums depend on
# their order.) This is the whole specification of data parallelism, and a test of three lines.
#
# **Now break it.** Somebody leaves out `torch.manual_seed(0)`, so that each rank draws its own first weights. The
# gradients are summed as before, at every step, for forty steps. How much of the difference between the weights of
# rank 0 and rank 1 is left then? (In percent of what it was.)

# %%
predict("difference left after 40 steps", "%", low=..., best=..., high=...)


# %%
def own_seed(together):  # the loss that is reported, the first and the last weights, the loss of this rank's model
    torch.manual_seed(link.rank())
    model = Gpt(SMALL).double()
    if together:
        broadcast_parameters(model)
    first = weights(model)
    parts = train(model, torch.optim.SGD, 0.5, steps=40)
    with torch.no_grad():
        return parts, first, weights(model), next_token_loss(model, x, y).item()


def reported(runs, step):  # the ranks' parts add up to the mean over the batch
    return sum(parts[step] for parts, *_ in runs)


# %%
forgotten, together = ranks(lambda: own_seed(False), 4), ranks(lambda: own_seed(True), 4)
for name, runs in (("broadcast", together), ("forgotten", forgotten)):
    print(f"{name}: reported loss {reported(runs, 0):.2f} -> {reported(runs, -1):.2f},", end=" ")
    print("each rank's model:", *(f"{loss_of_one:.2f}" for *_, loss_of_one in runs))
(_, first, last, _), (_, first_1, last_1, _) = forgotten[:2]
measured("difference left after 40 steps", 100 * ((last - last_1).norm() / (first - first_1).norm()).item())

# %%
explain("why the difference stays", ...)

# %% [markdown]
# Look at the reported losses: nobody who watches the curve would notice. The cure is one line before the first step,
# `broadcast_parameters(model)`: everybody begins with the weights of rank 0. And the habit behind it: compare with one
# worker, on weights. A loss that falls says only that something is learnt.
#
# ## 4. When the second worker makes it slower
#
# The sum is right, the model is the same. Does it pay? Hugo's first idea costs nothing: a machine that stands in his
# flat, reached over the line that the shop has. His second is a hall with rented machines and a switch:

# %%
from labkit.parallel import Device

WORK = 2.0  # seconds of one machine for a step with all rows
LINE = Device(bandwidth=2.5e6, latency=3e-3)  # bytes/s, s: 20 Mbit/s
HALL = Device(bandwidth=12.5e6, latency=3e-3)  # 100 Mbit/s
RUN = 144 * 3600 / WORK  # steps of the whole run
finding("{steps:,.0f} steps. Two thirds of a step's time are its backward pass.", steps=RUN)

# %% [markdown]
# One machine takes 2,000 ms for a step. With the machine in Hugo's flat each of two has half the rows, and then they
# sum 3.28 MB of gradients around a ring of two. How many milliseconds does a step take?

# %%
predict("a step of two machines over the line", "ms", low=..., best=..., high=...)

# %%
from statistics import median
from time import perf_counter

from labkit.parallel import compute


def timed(step, rounds):  # the median milliseconds of a step, begun by all at once
    took = []
    for number in range(rounds):
        link.barrier()
        began = perf_counter()
        step(number)
        took.append(1000 * (perf_counter() - began))
    return median(took)


# %%
def step_ms(n, wire, rounds=3):
    vector = torch.ones(parameters)

    def step(number):
        with compute("forward and backward", WORK / n):
            pass  # asleep, so that two cores can play four machines
        ring(vector)

    return max(ranks(lambda: timed(step, rounds), n, hardware=wire))


# %% tags=["nbval-ignore-output"]
WIRES = {"the line, 20 Mbit/s": LINE, "the hall, 100 Mbit/s": HALL}
alone = step_ms(1, LINE, rounds=1)
seen = {name: {1: alone, 2: step_ms(2, wire), 4: step_ms(4, wire)} for name, wire in WIRES.items()}
over_line, in_hall = seen.values()
measured("a step of two machines over the line", over_line[2])
finding("Two machines over the line are {x:.2f} times as fast as one.", x=alone / over_line[2])

# %%
explain("what the second machine waits for", ...)

# %% [markdown]
# A message of $S$ bytes takes $\alpha + S/B$: the **latency** of the link, and its bytes at the **bandwidth** (Hockney
# 1994). The ring is $2(n-1)$ messages of an n-th of the gradients, one after the other. So a step takes
#
# $$\frac{C}{n} + 2(n-1)\left(\alpha + \frac{S}{nB}\right)$$
#
# The first part falls with n. The bytes soon stop to matter, they tend to $2S/B$. And the latencies grow without end.
# Does this line meet what you measured?


# %%
def step_model(n, wire):  # milliseconds
    return 1000 * (WORK / n + 2 * (n - 1) * (wire.latency + gradients / n / wire.bandwidth))


for name, wire in WIRES.items():
    print(f"{name:20}", *(f"{n:2}: {step_model(n, wire):5.0f} ms" for n in (1, 2, 3, 4, 8, 16, 32)))

# %% tags=["nbval-ignore-output"]
from labkit.notebook import figure

worst = max(abs(ms / step_model(n, WIRES[name]) - 1) for name, found in seen.items() for n, ms in found.items())
title = f"The formula is at most {worst:.0%} off; in the hall 4 machines are {alone / in_hall[4]:.1f} times as fast"
with figure(title, "machines [n]", "one step [ms]", "throttled") as axes:
    for name, wire in WIRES.items():
        (drawn,) = axes.plot(range(1, 33), [step_model(n, wire) for n in range(1, 33)], label=f"{name}, formula")
        axes.plot(list(seen[name]), list(seen[name].values()), "o", color=drawn.get_color(), label="measured")
    axes.set(ylim=(0, None), xscale="log")
    axes.set_xticks([1, 2, 4, 8, 16, 32], ["1", "2", "4", "8", "16", "32"])
    axes.legend()

# %% [markdown]
# **Turn the knob.** The bandwidth is what one can buy. From which number of machines on is every further one a loss?

# %%
latency_ms = 3  # turn this one too: 0.03 inside one building
for megabits in (20, 100, 1_000, 10_000):
    wire = Device(bandwidth=megabits * 1e6 / 8, latency=latency_ms / 1000)
    best = min(range(1, 257), key=lambda n: step_model(n, wire))
    times = step_model(1, wire) / step_model(best, wire)
    print(f"{megabits:6,} Mbit/s: fastest with {best:2} machines, {times:4.1f} times as fast as one")

# %% [markdown]
# ## 5. Talk while you work
#
# In the hall four machines are not fast enough for Friday. But look at what they do: first all compute, then all talk.
# The backward pass finds the gradients of the *last* layer first. They could travel while the others are still being
# computed.
#
# So that this can be seen, the writer's four blocks now take their time one after the other, asleep. And the gradients
# are no longer one vector: they are 52 parameters, each with a tensor of its own.

# %%
from torch import nn

from labkit.parallel.data_parallel import Paced, buckets


def paced_writer(n):  # the shop's writer on one of n machines: a third forward, two thirds backward
    torch.manual_seed(0)
    model, share = Gpt(), WORK / n / 4
    model.blocks = nn.ModuleList(Paced(block, share / 3, 2 * share / 3) for block in model.blocks)
    return model


# %%
names = {parameter: name for name, parameter in Gpt().named_parameters()}
several, plan = list(names), buckets(names)
print(f"{len(several)} parameters: {6 * len(several)} messages a rank in a ring of four")
sizes = ", ".join(f"{sum(p.nbytes for p in bucket) / 1e6:.2f}" for bucket in plan)
print(f"{len(plan)} buckets of {sizes} MB: {6 * len(plan)} messages a rank, and the same bytes")
print(f"the first bucket begins with {names[plan[0][0]]} and ends with {names[plan[0][-1]]}")

# %% [markdown]
# The obvious loop is `for parameter in model.parameters(): all_reduce(parameter.grad)`. The same bytes as before, the
# same four machines in the hall. How long does a step take?

# %%
predict("a step with an all-reduce for each parameter", "ms", low=..., best=..., high=...)


# %%
def worker(way, n, rounds):  # what one machine does; `way` says how the gradients get together
    model, batch = paced_writer(n), (x[:, :16], y[:, :16])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return timed(lambda number: training_step(model, loss, batch, optimizer, way, number), rounds)


def way_ms(way, n=4, wire=HALL, rounds=3):
    return max(ranks(lambda: worker(way, n, rounds), n, hardware=wire))


# %% tags=["nbval-ignore-output"]
from labkit.parallel.data_parallel import naive as one_by_one

small_talk, one_after_other = way_ms(one_by_one, rounds=2), way_ms(bucketed)
measured("a step with an all-reduce for each parameter", small_talk)
finding("In buckets of a megabyte: {ms:.0f} ms. One machine alone: {one:.0f} ms.", ms=one_after_other, one=alone)
told = 1000 * (WORK / 4 + 6 * (len(several) * HALL.latency + gradients / 4 / HALL.bandwidth))
finding("The formula says {told:.0f} ms; the rest is two cores that play four machines with 312 messages.", told=told)

# %% [markdown]
# Most parameters are small, and a small message costs its latency whatever is in it. In **buckets** they travel
# together. And now hand each bucket to a second thread as soon as its gradients are there, while the backward pass
# goes on (Li et al. 2020). How much of the time that the machines spent talking does that hide, in percent?

# %%
predict("talk hidden by overlap", "%", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
from labkit.parallel.data_parallel import overlapped

machines = 4  # turn the knob: what do 2 hide, or 3?
one_after_other, together_ms = way_ms(bucketed, machines), way_ms(overlapped, machines)
talk = one_after_other - 1000 * WORK / machines
hidden = 100 * (one_after_other - together_ms) / talk
measured("talk hidden by overlap", hidden)
finding("Of {talk:.0f} ms of talk {ms:.0f} ms are hidden.", talk=talk, ms=one_after_other - together_ms)

# %% [markdown]
# Where is the rest? Draw it. Each rank computes in full height and sends in the thin bar below.

# %% tags=["nbval-ignore-output"]
for name, way in (("Bucketed", bucketed), ("Overlapped", overlapped)):
    timeline = ranks(lambda way=way: worker(way, 4, 1), 4, hardware=HALL, timeline=True).timeline
    working, waiting = timeline.seconds("compute", 0), timeline.seconds("wait", 0)
    timeline.draw(f"{name}: rank 0 computes {1000 * working:.0f} ms and waits {1000 * waiting:.0f} ms")

# %% tags=["nbval-ignore-output"]
from labkit.home import home

path = timeline.save(home() / "overlapped.json")
print(f"{path.name} lies in your folder (`labkit doctor` names it): open it at https://ui.perfetto.dev")

# %%
explain("what overlap cannot hide", ...)

# %% [markdown]
# A bucket leaves with the *last* of its gradients, here after half of the backward pass: the first one
# has all of block 3, and room for one small bias of block 2 (look it up above), for which it waits. Nothing else can
# leave sooner than that, and everything has to travel after it. That gives a formula too, for a writer of four blocks
# and four buckets:


# %%
def overlap_model(n, wire):  # milliseconds: forward, half of backward, then all buckets; or all of backward
    talks = 2 * (n - 1) * (4 * wire.latency + gradients / n / wire.bandwidth)
    return 1000 * max(WORK / n * 2 / 3 + talks, WORK / n)


print(*(f"{n} machines: {overlap_model(n, HALL):.0f} ms" for n in (2, 3, 4, 8)), sep=", ")

# %% [markdown]
# ## 6. Four times the same
#
# Hugo looks at the memory of four machines and sees the same thing four times: parameters, gradients, AdamW's two
# moments. Does every rank need all of it? **ZeRO** (Rajbhandari et al. 2020) lets each rank keep a shard: of the
# moments (stage 1), of the gradients too (stage 2), of the parameters too (stage 3), and sends what is needed when it
# is needed. Plain data parallelism is stage 0.
#
# With stage 0 the writer's training state is 13.1 MB on each rank. With stage 1 and four ranks, how much?

# %%
predict("state of a rank, stage 1 of four ranks", "MB", low=..., best=..., high=...)

# %% [markdown]
# And the price: how many times the bytes of stage 0 does stage 3 send, in one step?

# %%
predict("bytes sent, stage 3 over stage 0", "times", low=..., best=..., high=...)

# %%
from labkit.parallel.zero import Stage1, Stage2, Stage3, formula
from labkit.parallel.zero.stage import held


def plain(model):  # stage 0: the state by hand
    optimizer = torch.optim.AdamW(model.parameters())
    with bucketed(model):
        next_token_loss(model, x[:4, :16], y[:4, :16]).backward()
    optimizer.step()
    moments = [tensor for state in optimizer.state.values() for tensor in state.values()]
    return held([*model.parameters(), *(p.grad for p in model.parameters()), *moments])


# %%
def sharded(stage):  # stages 1 to 3 do the same step
    def step(model):
        optimizer = Stage3(model, model.blocks) if stage == 3 else (Stage1, Stage2)[stage - 1](model)
        begun = link.traffic().bytes_sent
        next_token_loss(model, x[:4, :16], y[:4, :16]).backward()
        optimizer.step()
        return optimizer.state_bytes().total, link.traffic().bytes_sent - begun

    return step


def all_stages():  # (bytes held, bytes sent) of each stage
    zero = plain(Gpt()), link.traffic().bytes_sent
    return [zero, *(sharded(stage)(Gpt()) for stage in (1, 2, 3))]


# %%
print("MB a rank     held  formula    sent")
for n in (1, 2, 4):
    for stage, (state, sent) in enumerate(of_rank := ranks(all_stages, n)[0]):
        print(f"n={n} stage {stage} {state / 1e6:7.2f}  {formula(parameters, n, stage) / 1e6:7.2f} {sent / 1e6:7.2f}")
measured("state of a rank, stage 1 of four ranks", of_rank[1][0] / 1e6)
measured("bytes sent, stage 3 over stage 0", of_rank[3][1] / of_rank[0][1])

# %% [markdown]
# Stages 1 and 2 cost no byte: an all-reduce *is* a reduce-scatter and an all-gather, and between the two
# each rank makes the step for its own shard. Stage 3 gathers the parameters twice, for the forward and for the backward
# pass, half as much again. A table like this counts what stays between two steps. Activations, and the block that is
# gathered just now, come on top: it is not the peak.
#
# The shop's writer fits anywhere, so ZeRO is no answer to Maren. It is the answer when the state of *one* rank does not
# fit, and lab 08 begins there.
#
# ## 7. Friday
#
# Everything is on the table: hours from the steps, euros from the hours. The hall has a faster switch too, 1 Gbit/s, at
# two euros an hour for each machine.

# %%
FAST = Device(bandwidth=125e6, latency=3e-3)
offers = {"1, Hugo's own": (1, step_model(1, HALL), 0), "2 over the line": (2, step_model(2, LINE), 0)}
offers |= {f"{n} in the hall": (n, step_model(n, HALL), 1) for n in (2, 3, 4, 8)}
offers |= {f"{n} in the hall, overlapped": (n, overlap_model(n, HALL), 1) for n in (2, 3, 4)}
offers |= {f"{n} on the fast switch": (n, step_model(n, FAST), 2) for n in (3, 4)}
for name, (n, ms, euros) in offers.items():
    hours = RUN * ms / 1000 / 3600
    cost = n * hours * euros
    said = "" if hours <= 64 and cost <= 250 else "too late" if hours > 64 else "more than it brings"
    print(f"{name:28} {hours:5.1f} h {cost:6.0f} EUR  {said}")

# %% tags=["nbval-ignore-output"]
finding(
    "{n} machines, overlapped, took {ms:.0f} ms (the formula says {told:.0f}): {hours:.1f} hours and {eur:.0f} EUR.",
    n=machines,
    ms=together_ms,
    told=overlap_model(machines, HALL),
    hours=RUN * together_ms / 3.6e6,
    eur=machines * RUN * together_ms / 3.6e6,
)

# %% [markdown]
# More machines are faster, up to a point, and *never* cheaper: while they talk, all of them are paid. Lab
# 00 said three. It was right about the number, and for a reason that it did not know: only if they talk while they
# work.
#
# In lab 05 you decided how far *one* machine goes. Read that record again before you write this one (`labkit portfolio`
# shows it): would you now spend the money on machines, or an afternoon on the one that is there?

# %%
from labkit.notebook import decision

decision(
    title="How the writer learns the new season by Friday",
    context="64 hours, 250 euros; the same writer as one machine would train; whoever is on call must follow it.",
    options={"three, overlapped": ..., "four, overlapped": ..., "eight, simple": ..., "Tuesday, for nothing": ...},
    decision=...,
    evidence=["a step of two machines over the line", "talk hidden by overlap", "difference left after 40 steps"],
    would_change_if=...,
    supersedes=None,  # "How the night gets shorter", if talking has changed your mind about more cores, too
)

# %% [markdown]
# ## Further
#
# If the link is all there is, send less. Three ways, each with a price:
#
# - **Accumulate.** Add up the gradients of k passes before the exchange: k times less talk a row. The batch is k times
#   as large, and so the steps are fewer: the same rows, but another training.
# - **Half precision.** Two bytes a number: half the bytes, a rounding in every gradient.
# - **PowerSGD** (Vogels et al. 2019). Send each matrix as a product of two thin ones, and remember what was left out
#   for the next step.


# %%
def exchange(way):  # over the line, with two ranks: bytes sent, seconds, and the summed gradient
    def once():
        torch.manual_seed(0)
        model, mine = Gpt(), slice(6 * link.rank(), 6 * link.rank() + 6)
        part = next_token_loss(model, x[mine], y[mine]) / 2
        began = perf_counter()
        with way(model):
            part.backward()
        summed = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
        return link.traffic().bytes_sent, perf_counter() - began, summed

    return ranks(once, 2, hardware=LINE)[0]


# %%
from functools import partial

from labkit.parallel.compression import PowerSGD, half

WAYS = {"float32": bucketed, "float16": partial(bucketed, all_reduce=half()), "PowerSGD, rank 2": PowerSGD(rank=2)}
exchanged = {name: exchange(way) for name, way in WAYS.items()}
exact = exchanged["float32"][2]
for name, (sent, _, summed) in exchanged.items():
    print(f"{name:16} {sent / 1e6:5.2f} MB, the gradient is {off(summed, exact):5.2f} % off")

# %% tags=["nbval-ignore-output"]
from labkit.notebook import bars

took = {name: 1000 * seconds for name, (_, seconds, _) in exchanged.items()}
title = f"Over the line PowerSGD talks for {took['float32'] / took['PowerSGD, rank 2']:.0f} times less than float32"
bars(took, title, "one exchange, two ranks [ms]", "throttled")

# %% [markdown]
# A single gradient of PowerSGD is far off, and yet it trains, since what it leaves out comes with the
# next ones. That is no longer "the same writer", and so a different promise to Maren. The same goes for **large
# batches**: with n times the rows a step, people raise the learning rate n times and warm it up (Goyal et al. 2017),
# and from some size on a larger batch teaches nothing more (McCandlish et al. 2018). Whoever doubles the workers *and*
# the batch has changed two things.
#
# ## What you can now do
#
# You wrote an all-reduce and know its bytes and its steps before it runs. You can say what n workers must do to be one,
# and how to notice that they are not. You predicted from which number on a worker is a loss, hid talk behind work, and
# counted what a rank must hold. **First the same, then fast; and count the talk before you rent.**
#
# In the problem set you write the time of an all-reduce as a function. It is the next one of your `my_planner.py`,
# where size, time and roofline are waiting for it. And what if the model does not fit into one machine at all? Lab 08.
