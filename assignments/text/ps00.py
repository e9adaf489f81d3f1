# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 00: Before anyone signs
#
# > *From: Ilse, who keeps the shop's books.* "On my desk lies an order for training machines. Hugo says one is
# > plenty, the model is only a small file. Maren says ten, the catalogue has to be learned overnight. **One machine
# > too few and the night is lost; one too many and I pay for it all year.** I do not need to understand the model. I
# > need a sum that I can check myself, and I need it before I sign."
#
# Lab 00 measured. This problem set calculates, so that next time you know the number *before* you run anything:
# whether a model fits, how much work it is, and how long that takes. The functions you write here are the first of
# your own planner; later labs add to them.
#
# | | | minutes | points |
# |---|---|---|---|
# | 0 | your name | 2 | 1 |
# | 1 | Does it fit? Parameters and bytes | 22 | 5 |
# | 2 | How much work is it? FLOPs | 20 | 4 |
# | 3 | How long, on how many machines? | 22 | 5 |
# | 4 | your own machine, measured and explained | 24 | 5 |
#
# It is also the shortest way down the whole road: fetch, solve, validate, submit.

# %% [markdown]
# **How it works.** Replace every line `raise NotImplementedError(...)` with your code. Under each exercise stand
# checks that you can run; read what they say, they are written to help. After you submit, further checks run that you
# do not see, on awkward sizes. They ask for nothing that the exercise does not state. Leave the cells where they are,
# add as many of your own as you like, and import what you need where you need it.

# %% locked="imports"
from math import ceil, floor

import torch

from labkit.bench.harness import interleaved
from labkit.grading.flops import torch_flops
from labkit.grading.orders import order_for
from labkit.grading.seeds import is_own
from labkit.models import SIZES, Cnn, Gpt, GptConfig, tag_loss

# %% [markdown]
# ## Your name
#
# Some numbers below are drawn from your name, so that yours are nobody else's. Replace the line `raise ...` with
# `NAME = "..."` and write your own name between the quotes, as your instructor knows it (a placeholder such as
# `student` is not a name). Capitals and extra spaces do not matter; a missing space, a hyphen or an accent does. Write
# it the same way in every problem set, and do not change it later.

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
# ## 1. Does it fit? *(22 minutes, 5 points)*
#
# A model can be written down as a list of layers. This is the classifier of lab 00. `height` and `width` are those of
# the image that *comes out* of a convolution:

# %% locked="cnn"
CNN = [
    {"kind": "conv", "inputs": 1, "outputs": 32, "kernel": 3, "height": 28, "width": 28},
    {"kind": "conv", "inputs": 32, "outputs": 64, "kernel": 3, "height": 14, "width": 14},
    {"kind": "linear", "inputs": 64 * 7 * 7, "outputs": 128},
    {"kind": "linear", "inputs": 128, "outputs": 10},
]

# %% [markdown]
# **1a. Count the parameters of such a list** *(2 points)*. A linear layer has one weight for each pair of an input
# and an output. A convolution has a square of `kernel` x `kernel` weights for each pair of an input channel and an
# output channel; the size of the image does not matter. Both have one **bias** for each output, unless the layer says
# `"bias": False`. An empty list has no parameters.


# %% solution="count_parameters"
def count_parameters(layers: list[dict]) -> int:
    """The number of parameters of a list of "conv" and "linear" layers."""
    ### BEGIN SOLUTION
    total = 0
    for layer in layers:
        window = layer["kernel"] ** 2 if layer["kind"] == "conv" else 1
        total += layer["inputs"] * layer["outputs"] * window
        total += layer["outputs"] if layer.get("bias", True) else 0
    return total
    ### END SOLUTION


# %% test="count_parameters-layers" points=1
linear = count_parameters([{"kind": "linear", "inputs": 5, "outputs": 3}])
assert linear != 5 * 3, "the bias was forgotten: each output has one"
assert linear == 5 * 3 + 3, f"a linear layer from 5 to 3 has 5 * 3 weights and 3 biases, not {linear} parameters"
conv = count_parameters([CNN[0]])
assert conv == 32 * 9 + 32, f"32 windows of 3 x 3 and 32 biases, for any size of image; you count {conv}"
by_torch = sum(parameter.numel() for parameter in Cnn().parameters())
assert count_parameters(CNN) == by_torch, f"torch finds {by_torch:,} parameters in the classifier"
### BEGIN HIDDEN TESTS
window = count_parameters([{"kind": "conv", "inputs": 3, "outputs": 7, "kernel": 5, "height": 2, "width": 9}])
assert window == 3 * 7 * 25 + 7, "a window has kernel * kernel weights, and a kernel is not always 3"
point = count_parameters([{"kind": "conv", "inputs": 6, "outputs": 1, "kernel": 1, "height": 1, "width": 1}])
assert point == 7, "a kernel of 1 x 1 is a window too: one weight for each pair of channels"
### END HIDDEN TESTS

# %% test="count_parameters-bias" points=1
assert count_parameters([]) == 0, "an empty list has no parameters"
twice = [{"kind": "linear", "inputs": 4, "outputs": 6}, {"kind": "linear", "inputs": 6, "outputs": 4}]
assert count_parameters(twice) == 58, "4 * 6 + 6 in the first layer and 6 * 4 + 4 in the second"
assert count_parameters([{**layer, "bias": True} for layer in twice]) == 58, '"bias": True is what a layer has anyway'
### BEGIN HIDDEN TESTS
bare = {"kind": "conv", "inputs": 2, "outputs": 8, "kernel": 3, "height": 5, "width": 5, "bias": False}
assert count_parameters([bare]) == 2 * 8 * 9, 'a layer that says "bias": False has none'
assert count_parameters([*twice, bare, twice[0]]) == 58 + 144 + 30, "each layer decides for itself about its bias"
### END HIDDEN TESTS

# %% [markdown]
# **1b. Count the parameters of the writer** *(1 point)*. `labkit.models.gpt.Gpt` has a formula. With $w$ for the
# width, $V$ for the vocabulary and $T$ for `time`, the longest passage:
#
# - two tables: a row of $w$ numbers for each character, and one for each place in the passage;
# - in each of its layers four matrices: `qkv` ($w \to 3w$), `out` ($w \to w$), `up` ($w \to 4w$), `down` ($4w \to w$),
#   each with a bias for each output, and two norms of $2w$ parameters each;
# - one more norm of $2w$ at the end. The output reuses the table of characters (it is *tied*): it is not counted again.


# %% solution="gpt_parameters"
def gpt_parameters(vocabulary: int, time: int, layers: int, width: int) -> int:
    """The number of parameters of labkit.models.Gpt with these sizes."""
    ### BEGIN SOLUTION
    tables = (vocabulary + time) * width
    matrices = (3 + 1 + 4 + 4) * width**2
    biases = (3 + 1 + 4 + 1) * width
    norms = 2 * 2 * width
    return tables + layers * (matrices + biases + norms) + 2 * width
    ### END SOLUTION


# %% test="gpt_parameters-torch" points=1
small = GptConfig()
by_torch = sum(parameter.numel() for parameter in Gpt(small).parameters())
yours = gpt_parameters(small.vocabulary, small.time, small.layers, small.width)
tied = yours == by_torch + small.vocabulary * small.width
assert not tied, "the table of characters was counted twice: the output reuses it"
assert yours == by_torch, f"torch finds {by_torch:,} parameters in the writer, you find {yours:,}"
### BEGIN HIDDEN TESTS
for vocabulary, time, layers, heads, width in [(11, 7, 1, 1, 4), (65, 50, 3, 3, 30), (90, 10, 2, 2, 24)]:
    model = Gpt(GptConfig(vocabulary, time, layers, heads, width))
    by_torch = sum(parameter.numel() for parameter in model.parameters())
    assert gpt_parameters(vocabulary, time, layers, width) == by_torch, "where time and width differ, your count is off"
### END HIDDEN TESTS

# %% [markdown]
# **1c. Count the bytes** *(2 points)*. Weights are 32-bit floats. Whoever *answers* with a model keeps its weights.
# Whoever *trains* it with AdamW keeps for each trained parameter also a gradient and two moments, 32 bits each. A
# parameter that is **frozen** is not trained: it has a weight and nothing else. (The activations come on top; they
# depend on the batch, and lab 00 measured them.)


# %% solution="memory_bytes"
def memory_bytes(parameters: int, frozen: int = 0) -> dict[str, int]:
    """Bytes: "weights", "gradients", "moments" and their "total", where `frozen` of the parameters are not trained."""
    ### BEGIN SOLUTION
    trained = parameters - frozen
    parts = {"weights": 4 * parameters, "gradients": 4 * trained, "moments": 8 * trained}
    return parts | {"total": sum(parts.values())}
    ### END SOLUTION


# %% test="memory_bytes-trained" points=1
memory = memory_bytes(1000)
assert set(memory) == {"weights", "gradients", "moments", "total"}, f"four entries are asked for, not {sorted(memory)}"
assert memory["weights"] == 4000, "a 32-bit float has 4 bytes"
assert memory["moments"] == 2 * 4000, "AdamW keeps two moments for each parameter"
assert memory["total"] == 16_000, "training takes 16 bytes a parameter, weights included"
### BEGIN HIDDEN TESTS
assert memory_bytes(0)["total"] == 0, "no parameters need no bytes"
assert memory_bytes(7_000_000_001)["total"] == 16 * 7_000_000_001, "bytes are counted, not rounded"
### END HIDDEN TESTS

# %% test="memory_bytes-frozen" points=1
still = memory_bytes(1000, frozen=1000)
assert still["weights"] == 4000, "a frozen parameter still has a weight: the model answers with it"
assert still["gradients"] == still["moments"] == 0, "what is not trained has neither a gradient nor moments"
assert still["total"] == 4000, "the total is the sum of the three parts"
### BEGIN HIDDEN TESTS
partly = memory_bytes(421_642, frozen=420_352)
assert partly["gradients"] == 4 * 1290, "every parameter that is not frozen has a gradient"
assert partly["moments"] == 8 * 1290, "every parameter that is not frozen has two moments"
assert partly["total"] == 4 * 421_642 + 12 * 1290, "4 bytes for each parameter, 12 more for each trained one"
### END HIDDEN TESTS

# %% [markdown]
# Hugo's "small file", with your functions: the writer, the largest one of this course, and GPT-2 XL. This cell is not
# graded.

# %%
for size in [GptConfig(), SIZES["10M"], GptConfig(vocabulary=50_257, time=1024, layers=48, heads=25, width=1600)]:
    count = gpt_parameters(size.vocabulary, size.time, size.layers, size.width)
    memory = memory_bytes(count)
    answer, learn = memory["weights"] / 1e9, memory["total"] / 1e9
    print(f"{count:>13,} parameters: {answer:7.3f} GB to answer, {learn:7.3f} GB to learn")

# %% [markdown]
# ## 2. How much work is it? *(20 minutes, 4 points)*
#
# Work is counted in **FLOPs**, floating-point operations. Nearly all of them are in matrix products and convolutions,
# and there each weight that is used is one multiplication and one addition: **two FLOPs**. We count these, and leave
# out biases, norms, pooling, ReLU, GELU and softmax, as `torch.utils.flop_counter` does.
#
# **2a. One forward pass of a list of layers** *(2 points)*. A linear layer uses each weight once for each image. A
# convolution uses each weight once for each pixel of the image that comes out, `height` x `width` of them.


# %% solution="forward_flops"
def forward_flops(layers: list[dict], batch: int = 1) -> int:
    """FLOPs of one forward pass of a list of "conv" and "linear" layers over `batch` images."""
    ### BEGIN SOLUTION
    total = 0
    for layer in layers:
        weights, uses = layer["inputs"] * layer["outputs"], 1
        if layer["kind"] == "conv":
            weights *= layer["kernel"] ** 2
            uses = layer["height"] * layer["width"]
        total += 2 * weights * uses
    return batch * total
    ### END SOLUTION


# %% test="forward_flops-classifier" points=1
linear = forward_flops([{"kind": "linear", "inputs": 50, "outputs": 3}])
assert linear != 50 * 3, "a multiplication and an addition are two operations"
assert linear != 2 * (50 * 3 + 3), "biases are left out of the count, as torch leaves them out"
assert linear == 2 * 50 * 3, f"50 * 3 weights, two operations each; you count {linear}"
by_torch = torch_flops(Cnn(), torch.zeros(1, 1, 28, 28))
yours = forward_flops(CNN)
assert yours == by_torch, f"torch counts {by_torch:,} and you {yours:,}: has each layer its own image size?"
### BEGIN HIDDEN TESTS
wide = torch.nn.Conv2d(3, 4, kernel_size=5, padding=2)
layer = {"kind": "conv", "inputs": 3, "outputs": 4, "kernel": 5, "height": 6, "width": 11}
assert forward_flops([layer]) == torch_flops(wide, torch.zeros(1, 3, 6, 11)), "an image may be wider than it is high"
### END HIDDEN TESTS

# %% test="forward_flops-batch" points=1
one, many = forward_flops(CNN), forward_flops(CNN, batch=64)
assert many == 64 * one, f"64 images are 64 times the work of one: {64 * one:,}, not {many:,}"
### BEGIN HIDDEN TESTS
bare = {"kind": "linear", "inputs": 9, "outputs": 5, "bias": False}
assert forward_flops([bare], batch=3) == 2 * 9 * 5 * 3, "biases are left out, whether a layer has them or not"
last = [{**CNN[1], "kernel": 1}, CNN[3]]
assert forward_flops(last, batch=7) == 7 * (2 * 14 * 14 * 64 * 32 + 2 * 1280), "each layer's work grows with the batch"
assert forward_flops([], batch=5) == 0, "no layers, no work"
### END HIDDEN TESTS

# %% [markdown]
# **2b. One training step of the writer** *(2 points)*. The formula follows Kaplan et al. 2020
# ([arXiv:2001.08361](https://arxiv.org/abs/2001.08361)), section 2.1 and table 1, in the exact form that torch counts.
# For **each character** the forward pass takes
#
# - two FLOPs for each weight of the matrices: $2 \cdot (12 \cdot \text{layers} \cdot w^2 + V w)$. Biases, norms and the
#   two tables that are only looked up do not multiply; the output does, with the tied table, hence $Vw$;
# - attention, where $T$ is `time`, now the length of the passages trained on: in each layer a character is compared
#   with each of the $T$ places of its passage ($2Tw$), and gathers
#   from each of them ($2Tw$). However many heads share the width, the sum is the same.
#
# The backward pass costs twice the forward pass, so a **step** is three times the forward pass, for
# `batch` passages of `time` characters each. (Kaplan leaves the output out and counts half of our attention.)


# %% solution="gpt_step_flops"
def gpt_step_flops(vocabulary: int, time: int, layers: int, width: int, batch: int = 1) -> int:
    """FLOPs of one training step, forward and backward, over `batch` passages of `time` characters."""
    ### BEGIN SOLUTION
    matrices = 2 * (12 * layers * width**2 + vocabulary * width)
    attention = layers * 4 * time * width
    return 3 * batch * time * (matrices + attention)
    ### END SOLUTION


# %% test="gpt_step_flops-step" points=1
small = GptConfig()
yours = gpt_step_flops(small.vocabulary, small.time, small.layers, small.width)
by_torch = torch_flops(Gpt(small), torch.zeros(1, small.time, dtype=torch.int64), training=True)
assert yours * 3 != by_torch, "that is the forward pass alone: a step goes backward too"
assert yours * small.time != by_torch, "that is one character: a passage has `time` of them"
assert yours == by_torch, f"torch counts {by_torch:,}, you {yours:,}: matrices, output, attention?"
### BEGIN HIDDEN TESTS
for vocabulary, time, layers, heads, width in [(13, 40, 1, 1, 8), (70, 9, 3, 2, 36)]:
    model = Gpt(GptConfig(vocabulary, time, layers, heads, width))
    by_torch = torch_flops(model, torch.zeros(1, time, dtype=torch.int64), training=True)
    yours = gpt_step_flops(vocabulary, time, layers, width)
    assert yours == by_torch, "where time and width differ: attention grows with both, matrices with the width alone"
### END HIDDEN TESTS

# %% test="gpt_step_flops-batch" points=1
step, batch = gpt_step_flops(80, 128, 4, 128), gpt_step_flops(80, 128, 4, 128, batch=16)
assert batch == 16 * step, "16 passages are 16 times the work of one: a character looks only at its own passage"
### BEGIN HIDDEN TESTS
model = Gpt(GptConfig(21, 12, 2, 2, 10))
by_torch = torch_flops(model, torch.zeros(5, 12, dtype=torch.int64), training=True)
assert gpt_step_flops(21, 12, 2, 10, batch=5) == by_torch, "with a batch of 5 short passages, torch counts otherwise"
longer = gpt_step_flops(80, 256, 4, 128) / step
assert 2 < longer < 4, "twice the time is twice the characters, and each of them has twice the places to look at"
### END HIDDEN TESTS

# %% [markdown]
# ## 3. How long, on how many machines? *(22 minutes, 5 points)*
#
# Lab 00 divided, and got fractions of a step. A machine does not do fractions of a step.
#
# **3a. The time of a training run** *(2 points)*. In every step each of `machines` machines takes `batch` samples,
# all at once. An **epoch** goes over all samples; where they do not divide, its last step is smaller and *counts as a
# whole one*, and the next epoch begins with a step of its own. A step takes `step_s` seconds on a machine that is
# undisturbed; of the ideal speed only the share `efficiency` arrives, so a real step takes longer, and the run
# `steps * step_s / efficiency`. There is at least one sample, one epoch and one machine.


# %% solution="training_time"
def training_time(
    samples: int, batch: int, epochs: int, step_s: float, machines: int = 1, efficiency: float = 1.0
) -> dict[str, float]:
    """{"steps": steps of the whole run (int), "seconds": how long they take}."""
    ### BEGIN SOLUTION
    steps = epochs * ceil(samples / (batch * machines))
    return {"steps": steps, "seconds": steps * step_s / efficiency}
    ### END SOLUTION


# %% test="training_time-steps" points=1
run = training_time(samples=6400, batch=64, epochs=3, step_s=0.5)
assert set(run) == {"steps", "seconds"}, f'the entries are "steps" and "seconds", not {sorted(run)}'
assert run["steps"] == 300, "100 batches make an epoch, and there are 3 epochs"
more = training_time(samples=6401, batch=64, epochs=1, step_s=0.5)["steps"]
assert more == 101, f"one garment is left over after 100 batches: it takes a step too, so 101 and not {more}"
assert training_time(6400, 64, 3, 0.5, machines=4)["steps"] == 75, "4 machines take 4 batches in every step"
### BEGIN HIDDEN TESTS
assert training_time(6401, 64, 3, 0.5)["steps"] == 303, "every epoch has its own smaller last step"
assert training_time(6401, 64, 3, 0.5, machines=4)["steps"] == 78, "the machines share the last step of an epoch"
assert training_time(5, 64, 7, 0.5, machines=9)["steps"] == 7, "with more machines than work, an epoch is still a step"
### END HIDDEN TESTS

# %% test="training_time-seconds" points=1
assert training_time(6400, 64, 3, 0.5)["seconds"] == 150, "300 steps of half a second"
slow = training_time(6400, 64, 3, 0.5, efficiency=0.5)["seconds"]
assert slow == 300, f"at half the speed the same steps take twice as long: 300 s, not {slow}"
### BEGIN HIDDEN TESTS
shared = training_time(6400, 64, 3, 0.5, machines=4, efficiency=0.8)
assert abs(shared["seconds"] - 75 * 0.5 / 0.8) < 1e-6, (
    "steps are whole, seconds are not: each step is step_s / efficiency"
)
assert shared["steps"] == 75, "efficiency changes how long a step takes, not how many there are"
### END HIDDEN TESTS

# %% [markdown]
# **3b. The machines that a deadline needs** *(2 points)*. The smallest number of machines with which the run of 3a
# is over **at or before** the deadline. The efficiency does not depend on their number (it will, in a later lab).
# However many there are, an epoch takes at least one step: where even that is too slow, no number is enough, and the
# answer is `None`. *(Either try 1, 2, 3, ... machines, and stop at one for each batch, for more do not help; or ask
# first how many steps an epoch may take, rounded down with* `floor`*. No check hangs on the last digit of a division.)*


# %% solution="machines_needed"
def machines_needed(
    samples: int, batch: int, epochs: int, step_s: float, deadline_s: float, efficiency: float = 1.0
) -> int | None:
    """The smallest number of machines that is in time, or None where no number is."""
    ### BEGIN SOLUTION
    steps_an_epoch = floor(deadline_s * efficiency / (step_s * epochs))
    if steps_an_epoch < 1:
        return None
    return ceil(samples / (batch * steps_an_epoch))
    ### END SOLUTION


# %% test="machines_needed-deadline" points=1
assert machines_needed(6400, 64, 3, 0.5, deadline_s=150) == 1, "one machine ends exactly at the deadline: in time"
assert machines_needed(6400, 64, 3, 0.5, deadline_s=149) == 2, "a second too late is too late"
assert machines_needed(6400, 64, 3, 0.5, deadline_s=150, efficiency=0.5) == 2, "at half the speed two are needed"
### BEGIN HIDDEN TESTS
assert machines_needed(6400, 64, 1, 1.0, deadline_s=34) == 3, "3 machines need 34 steps of an epoch's 100 batches"
assert machines_needed(6400, 64, 1, 1.0, deadline_s=30) == 4, "at 30 steps, 3 machines do 90 of 100 batches"
assert machines_needed(6464, 64, 2, 0.5, deadline_s=10.75) == 11, "10 steps an epoch fit, not 10.75: steps are whole"
assert machines_needed(10, 64, 2, 0.5, deadline_s=1000) == 1, "there is no run with less than one machine"
### END HIDDEN TESTS

# %% test="machines_needed-impossible" points=1
assert machines_needed(6400, 64, 3, 0.5, deadline_s=1.5) == 100, "with a machine for each batch, 3 epochs are 3 steps"
assert machines_needed(6400, 64, 3, 0.5, deadline_s=1) is None, "3 steps take 1.5 s, and no machine makes them fewer"
### BEGIN HIDDEN TESTS
assert machines_needed(6400, 64, 3, 0.5, deadline_s=1.25) is None, "3 steps take 1.5 s, on any number of machines"
assert machines_needed(6400, 64, 3, 0.5, deadline_s=2.0, efficiency=0.5) is None, "3 steps at half the speed take 3 s"
assert machines_needed(6400, 64, 4, 0.25, deadline_s=2.0, efficiency=0.5) == 100, "4 slow steps just fit into 2 s"
### END HIDDEN TESTS

# %% [markdown]
# **3c. Your own order** *(1 point)*. This is the run that Ilse asks *you* about. The keys are the arguments of your
# two functions, except that a run has no deadline.

# %%
order = order_for(NAME)
for entry, value in order.items():
    print(f"{entry:12} {value:>9,}")

# %% [markdown]
# What is the smallest order that is in time? `steps` and `hours` are those of the whole run **on that number of
# machines**; the hours go from its start to its end, by the clock, and are not added up over the machines. Give
# numbers, or expressions that compute them. Further checks look whether a smaller order would do.

# %% solution="my_plan"
MY_PLAN = {"machines": ..., "steps": ..., "hours": ...}
### BEGIN SOLUTION
machines = machines_needed(**order)
run = training_time(**{entry: order[entry] for entry in order if entry != "deadline_s"}, machines=machines)
MY_PLAN = {"machines": machines, "steps": run["steps"], "hours": run["seconds"] / 3600}
### END SOLUTION

# %% test="my_plan-numbers" points=1
mine = order_for(NAME)
assert set(MY_PLAN) == {"machines", "steps", "hours"}, "the plan has three entries: machines, steps and hours"
assert all(isinstance(number, int | float) for number in MY_PLAN.values()), "each entry is a number"
assert MY_PLAN["hours"] <= mine["deadline_s"] / 3600 + 1e-6, (
    "this plan misses its deadline: are these hours by the clock?"
)
### BEGIN HIDDEN TESTS
steps_an_epoch = floor(mine["deadline_s"] * mine["efficiency"] / (mine["step_s"] * mine["epochs"]) + 1e-9)
fewest = ceil(mine["samples"] / (mine["batch"] * steps_an_epoch))
steps = mine["epochs"] * ceil(mine["samples"] / (mine["batch"] * fewest))
hours = steps * mine["step_s"] / mine["efficiency"] / 3600
assert MY_PLAN["machines"] == fewest, "this is not the smallest number of machines that is in time"
assert MY_PLAN["steps"] == steps, "these are not the steps of the whole run on the smallest number of machines"
assert abs(MY_PLAN["hours"] - hours) < 0.001 * hours, "the hours are those of all steps, at your order's efficiency"
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Your own machine *(24 minutes, 5 points)*
#
# On paper a step is a number of FLOPs. How many of them does *your* machine do in a second? The classifier trains on
# batches of several sizes. Beside it runs one large matrix product, which is about the best that the processor can do.


# %% locked="training_step"
def training_step(batch: int):
    """A function that does one training step of the classifier on `batch` random images."""
    images, labels = torch.rand(batch, 1, 28, 28), torch.randint(10, (batch,))
    model = Cnn()
    optimizer = torch.optim.AdamW(model.parameters())

    def step():
        optimizer.zero_grad()
        tag_loss(model, images, labels).backward()
        optimizer.step()

    return step


# %% [markdown]
# Run it, then run it again while nothing else is running. Change the batches, the threads or the rounds as you like:
# this cell is yours.

# %%
torch.set_num_threads(1)  # then, on a machine that is yours alone, as many as it has cores
matrix = torch.rand(1024, 1024)
steps = {f"batch {batch}": training_step(batch) for batch in (1, 4, 16, 64)}
timed = interleaved({**steps, "matrix product": lambda: matrix @ matrix}, rounds=5)
for name, one in timed.items():
    flops = 2 * 1024**3 if name == "matrix product" else 3 * forward_flops(CNN, int(name.split()[1]))
    samples = len(one.seconds) * one.calls
    print(f"{name:15} {one.median_s * 1000:9.2f} ms {flops / one.median_s / 1e9:8.1f} GFLOP/s  ({samples} samples)")
print(f"{torch.get_num_threads()} threads")

# %% [markdown] task="my_machine" points=5
# **Answer in the cell below**, with the numbers of your own run:
#
# 1. *(1 point)* Your machine (processor, threads) and a table of at least four batch sizes: milliseconds a step,
#    GFLOP/s, and how many samples stand behind each.
# 2. *(1 point)* The smallest batch that reaches four fifths of the best GFLOP/s in your table, and what share of the
#    matrix product's rate that best one is. (One run is enough; say so if a second one gives another batch.)
# 3. *(2 points)* Why is the rate of a small batch lower, and why does even the best one stay below the matrix product?
#    Name a cause for each, and the number in your table (or a further measurement, for instance of `optimizer.step`
#    or of one layer alone) that speaks for it.
# 4. *(1 point)* Let your order of 3c be for the classifier, on one machine like yours, undisturbed: how long does it
#    take with *your* milliseconds a step (measure its batch, or scale another)? Name one thing that this estimate
#    leaves out, and say whether it makes the truth longer or shorter.
#
# ### BEGIN MARK SCHEME
# **1 (1 point).** Machine and threads named, four rows, samples stated. Half: samples or threads are missing.
#
# **2 (1 point).** Both numbers follow from the student's own table. Half: one of them, or a number without its table.
#
# **3 (2 points).** One point a cause, half of it without a number as evidence. Small batch: work that does not depend
# on the batch (Python, calls, and AdamW, which updates every parameter once a step) is shared by few images;
# small products do not fill the vector units or both cores. Below the matrix product: pooling, ReLU and the optimizer
# move memory, take time and count no FLOPs; the first convolution has a single input channel; small or oddly shaped
# products reuse less of what is in the cache.
#
# *Full:* "From batch 1 to 64 a step takes only 9 times as long for 64 times the work: 1.6 of its 2.1 ms are there at
# any size. I timed `optimizer.step()` alone: 1.1 ms. The best reaches 38 % of the matrix product: max-pooling and ReLU
# move memory and count nothing. Without the pooling the rate rose by a fifth."
#
# *Half:* "Small batches have overhead. Convolutions are slower than matrix products."
#
# **4 (1 point).** Steps of one machine times their own step (scaled to the order's batch), and one omission with
# its direction: preparing the photos, evaluation, checkpoints, other programs, a hot processor (longer); fused kernels
# or a larger batch (shorter). Half: an omission without a direction.
# ### END MARK SCHEME

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ## Submit
#
# In a terminal `labkit course validate ps00` runs your notebook from top to bottom and says in words what the visible
# checks found; then `labkit course submit ps00` hands it in. The **Assignments** tab in JupyterLab does the same. You
# may submit again until the deadline: nothing is overwritten, and the last one counts.
#
# **Keep what you built.** Copy your functions into a file `my_planner.py` in your own folder (`labkit doctor` names
# it). Later labs add a function each, and the last one lets your planner meet the course's.
#
# ## Extra, for no points
#
# Torch counts a little less than three forward passes for a training step of the classifier:
# `torch_flops(Cnn(), torch.zeros(1, 1, 28, 28), training=True)`. Which product is it that nobody needs? Write
# `training_flops(layers, batch)` that agrees with torch exactly.
