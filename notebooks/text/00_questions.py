# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 00: The architect's questions
#
# > *From: Maren, who owns the shop.* "Twelve thousand second-hand garments hang here, every one photographed and
# > tagged by hand, forty seconds each. On Monday the catalogue goes online, and from then on as many arrive every
# > month. Nobody has those hours again. Hugo says a model can do it 'in the cloud, with GPUs'. I have this laptop
# > and sixty euros a month. And please, no coats sold at the price of a pullover: **it has to be cheap, and it has
# > to be right.**"
#
# Cheap and right pull in different directions. Before anyone rents anything, an architect asks a handful of
# questions, the same ones for a laptop and for a hall full of machines:
#
# **Where is the data, and in which format? How is it prepared? Does the model fit? How long does it take? How many
# machines? Which metric decides?**
#
# In this lab you answer all six with numbers from your own machine. Each time you *first* commit to a prediction: a
# low number, a best guess and a high one, so that you believe the truth lies between low and high nine times out of
# ten. Nobody grades the guess. Nobody forgets it either: at the end of the course you see how often your intervals
# held.
#
# *About 60 minutes; two minutes of it are your machine's. Nothing here needs a GPU.*

# %% [markdown]
# ```mermaid
# flowchart LR
#   J[12,000 JPEG files] -->|decode| P[pixels] -->|prepare| G[28x28 grey] -->|train| M[model] -->|tag| A[answers]
# ```
#
# ## 1. Where is the data, and in which format?
#
# Here are the first garments of the catalogue with Maren's tags, as the shop's camera sees them. Fashion changes;
# these are real garments from Fashion-MNIST, dyed, lit and photographed on blue paper by a program, so that you
# have photos and not 28x28 grey thumbnails to work with.

# %%
from labkit.data import photos
from labkit.notebook import open_lab, pictures

open_lab("00_questions")
catalogue = photos(112)  # made when asked for; catalogue[i] is uint8 RGB (112, 112, 3)
names = [catalogue.names[label] for label in catalogue.labels[:12]]
pictures(catalogue[:12], names, title=f"The first twelve of {len(catalogue):,} garments")

# %% [markdown]
# A camera gives each photo as a JPEG file. A model cannot read a JPEG: it needs the pixels. How much memory do the
# pixels of **all** photos take, decoded, one byte for each colour of each pixel? Guess before you multiply.
#
# *Replace the three* `...` *and run the cell. Your first answer stands.*

# %%
from labkit.notebook import predict

predict("catalogue decoded", "MB", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
from labkit.notebook import finding, measured

sample = [len(catalogue.jpeg(i)) for i in range(200)]  # bytes of each file
on_disk = sum(sample) / len(sample) * len(catalogue) / 1e6  # MB, from 200 of the files
decoded = catalogue[0].nbytes * len(catalogue) / 1e6  # MB
bits = 8 * sum(sample) / (len(sample) * catalogue[0].size)  # of a file for each colour of each pixel
measured("catalogue decoded", decoded)
finding(
    "As JPEG files they take {disk:.0f} MB: decoding makes them {ratio:.1f} times larger.",
    disk=on_disk,
    ratio=decoded / on_disk,
)

# %% [markdown]
# And it does not stop there. Training does not work on bytes but on 32-bit floats. The same photos, four ways:


# %% tags=["nbval-ignore-output"]
def catalogue_sizes(side: int, count: int) -> dict[str, float]:
    """MB of `count` photos of `side` x `side` pixels in each format."""
    pixels = side * side * count
    return {
        "JPEG files": pixels * 3 * bits / 8 / 1e6,
        "pixels, uint8": pixels * 3 / 1e6,
        "pixels, float32": pixels * 3 * 4 / 1e6,
        "prepared: 28x28 grey, uint8": 28 * 28 * count / 1e6,
    }


for format, megabytes in catalogue_sizes(112, len(catalogue)).items():
    print(f"{format:30} {megabytes:8,.0f} MB")

# %% tags=["nbval-ignore-output"]
import psutil

from labkit.notebook import figure

memory = psutil.virtual_memory().total / 1e6  # MB


def draw(side=112, count=12_000):
    sizes = catalogue_sizes(side, count)
    fitting = sum(size <= memory for size in sizes.values())
    with figure(f"{fitting} of 4 formats fit into this machine's memory", "size [MB]", "", "simulated") as axes:
        axes.plot(list(sizes.values()), list(sizes), "o")
        axes.axvline(memory, color="black", linestyle="--")
        axes.set_xscale("log")


# %% tags=["nbval-ignore-output"]
draw()

# %% [markdown]
# The dashed line is this machine's memory. **Turn the knob.** Drag the side of a photo to what a phone takes today
# and the count to what a large shop sells. Which format crosses the line first, and which never does?

# %% tags=["nbval-ignore-output"]
from ipywidgets import IntSlider, interact

_ = interact(draw, side=IntSlider(112, 28, 4032, 28), count=IntSlider(12_000, 1_000, 1_000_000, 1_000))

# %% [markdown]
# *Where* is the data? On a disk, behind a decoder. *In which format?* In the one that is small, which is not the
# one you can compute with. Every system that learns pays for the way between the two. What does it cost?
#
# ## 2. How is it prepared?
#
# The classifier wants 28x28 grey images. Four steps lead there, and this cell is all of them. Read it well: in the
# next lab somebody will get one of these four lines subtly wrong, and no error message will tell.

# %%
import numpy as np

from labkit.data import open_jpeg

EYE = np.array([0.299, 0.587, 0.114], np.float32)  # how bright red, green and blue seem to an eye


def prepare_one(jpeg: bytes) -> np.ndarray:
    pixels = open_jpeg(jpeg)  # 1. decode: uint8 RGB (112, 112, 3)
    grey = pixels.astype(np.float32) @ EYE  # 2. grey: (112, 112), 0 to 255
    small = grey.reshape(28, 4, 28, 4).mean((1, 3))  # 3. shrink: the mean of each 4x4 block, (28, 28)
    return small / 255  # 4. scale: 0 to 1


# %%
steps_of_one = prepare_one(catalogue.jpeg(0))
print(f"{steps_of_one.shape}, darkest {steps_of_one.min():.1f}, brightest {steps_of_one.max():.1f}")

# %% [markdown]
# How many seconds do these four lines take for all twelve thousand files, one after the other?

# %%
predict("prepare the catalogue", "s", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
from time import perf_counter

files = [catalogue.jpeg(i) for i in range(500)]  # pretend these lie on the disk
start = perf_counter()
ready = [prepare_one(file) for file in files]
per_photo = (perf_counter() - start) / len(files)  # s
measured("prepare the catalogue", per_photo * len(catalogue))
finding("That is {each:.2f} ms a photo, one after the other on one core, scaled up from 500.", each=per_photo * 1000)

# %% [markdown]
# Preparing is paid again for *every* epoch, unless someone keeps the result. The result is small (the last line of
# the table above), so we keep it. This is the first trade of the course: **disk for time**.
#
# The shop also has the old supplier's grey scans of the same garments, already 28x28. We train on both.

# %%
from labkit.data import prepared

images, labels = prepared("train")  # prepared once, then read from your own folder
test_images, test_labels = prepared("test")
print(f"{images.shape} {images.dtype}: {images.nbytes / 1e6:.0f} MB. The first half are scans, the second half photos.")

# %% [markdown]
# ## 3. Does the model fit?
#
# A small convolutional network. Two layers look for edges and shapes, a third weighs what they found:

# %%
import torch

from labkit.models import Cnn

torch.manual_seed(0)
model = Cnn()
weights = {name: parameter.numel() for name, parameter in model.named_parameters() if name.endswith("weight")}
total = sum(parameter.numel() for parameter in model.parameters())
print(f"{total:,} parameters; the matrix of the hidden layer holds {weights['hidden.weight'] / total:.0%} of them")

# %% [markdown]
# Each parameter is a 32-bit float. *Answering* needs the parameters. *Training* on a batch of 64 images must keep
# more until the step is done. How many megabytes? Count only what the step has to **keep**: not Python, not torch,
# not what an operation uses while it runs.

# %%
predict("memory of a training step", "MB", low=..., best=..., high=...)

# %%
from labkit.data import Batches
from labkit.models import tag_loss
from labkit.notebook import bars

batches = Batches(images, labels, batch=64)
kept = {}  # what autograd keeps of the forward pass until the backward pass needs it


def remember(tensor):
    kept[tensor.data_ptr()] = tensor.nbytes
    return tensor


# %%
with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
    loss = tag_loss(model, *batches[0])
for parameter in model.parameters():
    kept.pop(parameter.data_ptr(), None)  # parameters are counted apart
optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)  # a step that changes nothing, to see what it keeps
loss.backward()
optimizer.step()
print(f"{len(kept)} tensors of the forward pass wait for the backward pass")

# %%
moments = [tensor for state in optimizer.state.values() for name, tensor in state.items() if name != "step"]
parts = {
    "parameters": sum(parameter.nbytes for parameter in model.parameters()) / 1e6,
    "gradients": sum(parameter.grad.nbytes for parameter in model.parameters()) / 1e6,
    "AdamW's two moments": sum(tensor.nbytes for tensor in moments) / 1e6,
    "activations of 64 images": sum(kept.values()) / 1e6,
}
measured("memory of a training step", round(sum(parts.values())))
for part, megabytes in parts.items():
    print(f"{part:26} {megabytes:6.1f} MB")

# %%
share = parts["activations of 64 images"] / sum(parts.values())
bars(parts, f"Activations are {share:.0%} of what training this model keeps", "memory [MB]", "measured")

# %% tags=["nbval-ignore-output"]
finding("It fits: this machine could hold {n:,.0f} such steps at once.", n=memory / sum(parts.values()))

# %% [markdown]
# In your own words: which of these bars would grow if the batch grew, and which if the *model* grew? *(One
# sentence. Ours opens when yours stands.)*

# %%
from labkit.notebook import explain

explain("what fills memory", ...)

# %% [markdown]
# ## 4. How long?
#
# 600 steps of 64 images. Before you look at the clock: how many seconds of this machine is that?

# %%
predict("training time", "s", low=..., best=..., high=...)

# %% [markdown]
# And how good will it be? A **judge** looks at 2,000 garments that training never saw, once as the supplier's scans
# and once as the shop's photos. What share of the *photos* gets the right tag?

# %%
predict("right tags on photos", "%", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
from labkit.home import home
from labkit.models import keep, probabilities
from labkit.training import train

pixels, truth = torch.from_numpy(test_images).float() / 255, torch.from_numpy(test_labels)


def judge(model):
    right = (probabilities(model, pixels).argmax(-1) == truth).float()
    return {"scans": 100 * right[:2000].mean().item(), "photos": 100 * right[2000:].mean().item()}


run = train(model, batches, tag_loss, steps=600, evaluate=judge, every=100, folder=home() / "runs" / "lab00")
keep("cnn", model, {"steps": run.step, "batch": 64, "metrics": run.metrics[-1]})  # the later labs use *your* model

# %% tags=["nbval-ignore-output"]
from labkit.notebook import line

measured("training time", run.seconds)
measured("right tags on photos", run.metrics[-1]["photos"])
step = [entry["step"] for entry in run.metrics]
curves = {kind: (step, [entry[kind] for entry in run.metrics]) for kind in ("scans", "photos")}
gap = run.metrics[-1]["scans"] - run.metrics[-1]["photos"]
line(
    curves,
    f"The same garments, photographed, cost {gap:.0f} points",
    "training step [count]",
    "right tags [%]",
    "measured",
)

# %% [markdown]
# **Now break it.** Training has one dial that everybody turns: the learning rate. Ours was 0.001. Somebody in a
# hurry sets it a thousand times higher. What do you expect to see: a crash, a warning, a bad model?

# %%
import warnings

torch.manual_seed(0)
hurried = Cnn()
with warnings.catch_warnings(record=True) as warned:
    hasty = train(hurried, batches, tag_loss, steps=60, lr=1.0, progress_bar=False)
finding("Steps done: {done} of 60. Errors: 0. Warnings: {count}.", done=hasty.step, count=len(warned))

# %% tags=["nbval-ignore-output"]
peak = max(hasty.losses)
series = {"loss": (range(1, 61), hasty.losses)}
line(series, f"The loss passed {peak:,.0f}, and the loop went on", "step [count]", "loss [nats]", "measured", log="y")
tags = probabilities(hurried, pixels).argmax(-1)
same, right = tags.bincount().max().item(), (tags == truth).float().mean().item()
finding("{same:,} of {n:,} images now get the same tag; {right:.0%} are right.", same=same, n=len(tags), right=right)

# %%
explain("why nothing complained", ...)

# %% [markdown]
# ## 5. How many machines?
#
# Suppose that training splits over machines without loss. Then hiring machines becomes arithmetic. How many million
# images could *this* machine learn in an 8-hour night, each of them ten times (ten **epochs**)?

# %%
predict("images learned in a night", "million", low=..., best=..., high=...)

# %%
from math import ceil


def machines_needed(images: int, epochs: int, hours: float, step_s: float, batch: int = 64) -> int:
    """How many machines finish in time, if `n` machines are n times as fast as one."""
    steps = images * epochs / batch
    return ceil(steps * step_s / (hours * 3600))


print("machines for 10 epochs in an 8-hour night, by images and by the seconds of a step")
for count in (1_000_000, 10_000_000, 100_000_000):
    row = [machines_needed(count, 10, 8, step_s) for step_s in (0.01, 0.03, 0.1)]
    print(f"{count:>11,} images: {row[0]:>5} at 0.01 s {row[1]:>6} at 0.03 s {row[2]:>6} at 0.1 s")

# %% tags=["nbval-ignore-output"]
step_s = run.seconds / run.step
limit = 8 * 3600 / step_s * 64 / 10  # images
measured("images learned in a night", limit / 1e6)
minutes = len(images) * 10 / 64 * step_s / 60
finding(
    "A step takes {ms:.0f} ms: Maren's whole catalogue is {m:.0f} minutes of the night.", ms=step_s * 1000, m=minutes
)


# %% tags=["nbval-ignore-output"]
def night(millions=1.0, hours=8):
    needed = machines_needed(int(millions * 1e6), 10, hours, step_s)
    finding("{m} million images, {h} h: {n} of machines like this one", m=millions, h=hours, n=needed)


_ = interact(night, millions=(0.5, 100.0, 0.5), hours=(1, 48))

# %% [markdown]
# Hugo's GPUs are not refuted: they are *not needed yet*, and you know the number of images at which they will be.
#
# ## 6. Which metric decides?
#
# One wrong tag is not like another. A coat sold at the price of a pullover loses the difference. A pullover offered
# as a coat hangs there for weeks and is retagged, which costs little. A tag by Maren's own hand is always right and
# costs forty seconds of her time. Her price list and her wage make that a table:

# %%
PRICE = np.array([10, 25, 20, 30, 60, 20, 18, 40, 35, 70])  # EUR, in the order of the tags
cheaper = PRICE[:, None] - PRICE[None, :]  # (true, tagged): what selling at the tag's price loses
cost = torch.from_numpy(np.where(cheaper > 0, cheaper, 2.0)).float().fill_diagonal_(0)
coat, pullover = catalogue.names.index("Coat"), catalogue.names.index("Pullover")
HAND = 40 / 3600 * 15  # EUR: forty seconds at 15 EUR an hour
finding(
    "A coat tagged as a pullover costs {loss:.0f} EUR, the reverse {fee:.0f}.",
    loss=cost[coat, pullover].item(),
    fee=cost[pullover, coat].item(),
)

# %% [markdown]
# Five candidates apply for the job:
#
# - **by hand**: Maren, as before;
# - **likeliest**: your network, and the tag it believes in most;
# - **cautious**: the *same* network, but it picks the tag whose *expected cost* is least;
# - **asks**: the same again, and where even that tag is expected to cost more than Maren's forty seconds, it asks
#   her;
# - **linear**: one matrix from pixels to tags, no convolution, trained in a few seconds.
#
# With *likeliest*, what will a thousand answers cost in mistakes? And with *asks*, mistakes and Maren's time
# together?

# %%
predict("mistakes of a thousand answers", "EUR", low=..., best=..., high=...)

# %%
predict("a thousand answers, asking Maren", "EUR", low=..., best=..., high=...)

# %%
from torch import nn

torch.manual_seed(0)
linear = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10))
train(linear, batches, tag_loss, steps=375, progress_bar=False)
shots, right_tags = pixels[2000:], truth[2000:]  # photos only: that is what the shop sends
print(f"{len(shots):,} photos to tag")

# %%
belief = probabilities(model, shots)  # (2000, 10)
expected = belief @ cost  # (2000, 10), of each tag: the sum over true tags of belief * cost
unsure = expected.min(-1).values > HAND  # (2000,)
tags = {
    "by hand": right_tags,
    "likeliest": belief.argmax(-1),
    "cautious": expected.argmin(-1),
    "asks": torch.where(unsure, right_tags, expected.argmin(-1)),
    "linear": probabilities(linear, shots).argmax(-1),
}

# %% [markdown]
# What a thousand answers cost: the mistakes, and the seconds of Maren's hands.

# %% tags=["nbval-ignore-output"]
from labkit.bench.harness import interleaved

one = shots[:1]
timed = interleaved({"network": lambda: probabilities(model, one), "linear": lambda: probabilities(linear, one)})
by_hand = {"by hand": 1.0, "asks": unsure.float().mean().item()}  # share of the garments


def judged_by(name: str) -> dict[str, float]:
    network = timed["linear" if name == "linear" else "network"].median_s * (name != "by hand")
    return {
        "right tags [%]": 100 * (tags[name] == right_tags).float().mean().item(),
        "cost [EUR/1000]": 1000 * (cost[right_tags, tags[name]].mean().item() + HAND * by_hand.get(name, 0)),
        "one answer [ms]": 1000 * (network + 40 * by_hand.get(name, 0)),
    }


# %% tags=["nbval-ignore-output"]
judged = {name: judged_by(name) for name in tags}
print(f"{'':12}", *(f"{metric:>18}" for metric in judged["linear"]))
for name, row in judged.items():
    print(f"{name:12}", *(f"{value:18,.4g}" for value in row.values()))
measured("mistakes of a thousand answers", judged["likeliest"]["cost [EUR/1000]"])
measured("a thousand answers, asking Maren", judged["asks"]["cost [EUR/1000]"])
finding("It asks Maren about {share:.0%} of the garments.", share=by_hand["asks"])

# %% [markdown]
# The network that is right most of the time costs far more than the hands it was to replace. And the machine? It
# costs sixty euros a month, whether it works or not, shared by twelve thousand answers:

# %% tags=["nbval-ignore-output"]
computing = 1000 * 60 / len(catalogue)  # EUR for a thousand answers
ratio = judged["likeliest"]["cost [EUR/1000]"] / computing
finding("Computing: {eur:.0f} EUR for a thousand answers. Mistakes cost {x:,.0f} times that.", eur=computing, x=ratio)

# %%
best = {
    "right tags": max(judged, key=lambda name: judged[name]["right tags [%]"]),
    "right tags, no hands": max(["likeliest", "cautious", "linear"], key=lambda name: judged[name]["right tags [%]"]),
    "cost": min(judged, key=lambda name: judged[name]["cost [EUR/1000]"]),
    "latency": min(judged, key=lambda name: judged[name]["one answer [ms]"]),
}
for metric, name in best.items():
    print(f"{metric:22} chooses {name}")

# %% [markdown]
# Four metrics, four winners. Nobody lied, nothing was mismeasured. **The metric is the decision.** Whoever chooses
# the metric has chosen the model, and an architect says so before the training starts, not after.

# %%
explain("the same network twice", ...)

# %% [markdown]
# ## 7. Decide
#
# Write it down so that someone can disagree with it in a year: the options with their costs, the choice, the
# measurements it rests on, and what would change your mind.

# %%
from labkit.notebook import decision

decision(
    title="Which tagger goes live on Monday",
    context="60 EUR a month, one laptop, 12,000 photos a month; no coat at the price of a pullover.",
    options={"by hand": ..., "likeliest": ..., "asks": ..., "linear": ...},  # the cost of each, in your words
    decision=...,
    evidence=["right tags on photos", "mistakes of a thousand answers", "a thousand answers, asking Maren"],
    would_change_if=...,
)

# %% [markdown]
# ## What you can now do
#
# You asked six questions of a system that learns and answered each with a measurement: what decoding does to
# memory, what preparing costs, what fills memory in training, how long a night is, and which metric chooses which
# model. `labkit portfolio` shows your predictions beside what you measured.
#
# Your model is kept. In the next lab it has to leave the notebook and answer strangers, and it turns out that
# almost nothing of what trained it should come along.
