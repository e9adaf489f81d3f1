# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 01: Training code is not serving code
#
# > *From: Bo, on call this week.* "The tagger's box was killed again last night: out of memory. The model is a file
# > of under two megabytes! I have one small box with 512 MB and no budget for another this month. It has to hold
# > **three copies** of the server, so that one can restart while two answer, each within 50 milliseconds. Make it
# > fit. **And it must give the same answers as the model that Maren signed off**, or she wants to know why not."
#
# Small and fast on one side, exactly the same on the other. In lab 00 you trained a classifier inside a notebook,
# where it had everything: a compiler, gradients, an optimizer, a progress bar. Now it has to answer strangers, day
# and night, on a box without room.
#
# You will weigh what a serving process carries, throw most of it overboard, prove that the answers are still the
# same, put the model behind a wire, and then break it in a way that no error message ever shows.
#
# *About 70 minutes; under two of them are your machine's.*

# %% [markdown]
# ```mermaid
# flowchart LR
#   subgraph notebook[training: this notebook]
#     T[torch] --> W[weights]
#   end
#   W -->|export| F[one file]
#   F --> S
#   subgraph box[serving: another process]
#     S[server]
#   end
#   C[client] -->|photo| S -->|tag| C
# ```
#
# ## 1. What a server must not carry
#
# The naive server is the notebook's code in a script: import torch, build the network, load the weights, answer.
# The weights are one 32-bit float a parameter:

# %%
import torch
import torch.nn.functional as F
from torch import nn

from labkit.models import mine, normalise
from labkit.notebook import finding, open_lab

open_lab("01_train_and_serve")
model = mine("cnn")  # the one you trained in lab 00, or the course's if you skipped it
megabytes = sum(parameter.nbytes for parameter in model.parameters()) / 1e6
finding("The weights of the classifier take {mb:.2f} MB.", mb=megabytes)

# %% [markdown]
# A process that answers with them holds more. How much, in all, when it has given its first answer?

# %%
from labkit.notebook import predict

predict("process that serves the model with torch", "MB", low=..., best=..., high=...)

# %% [markdown]
# We start a fresh process, let it take one step at a time, and read its memory after each.

# %% tags=["nbval-ignore-output"]
from labkit.notebook import bars, measured
from labkit.serving.footprint import memory_after_each

naive = memory_after_each(["python", "numpy", "torch", "model", "first answer"])
measured("process that serves the model with torch", naive.total)
bars(naive, f"The weights are {megabytes / naive.total:.1%} of what their server carries", "memory [MB]", "measured")

# %%
from labkit.notebook import explain

explain("who carries what", ...)

# %% [markdown]
# ## 2. Leave the training behind
#
# Answering is a fixed list of operations: multiply, add, take the larger. If we *record* that list once and write
# it to a file, together with the weights, then any program that can multiply and add can answer. The recording is
# called an **export**, and the file format that most engines read is ONNX.
#
# One decision comes first: **where does the artifact begin?** At the network's normalised 28x28 input, or at the
# photo? These lines choose the photo. Everything between photo and label becomes part of the file.


# %%
class PhotoTagger(nn.Module):
    outputs = ("probabilities", "label")

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.register_buffer("eye", torch.tensor([0.299, 0.587, 0.114]))

    def forward(self, photo):  # uint8 RGB (batch, 112, 112, 3)
        grey = (photo.float() * self.eye).sum(-1)  # (batch, 112, 112), 0 to 255
        small = F.avg_pool2d(grey.unsqueeze(1), 4)  # (batch, 1, 28, 28), the mean of each 4x4 block
        logits = self.network(normalise(small / 255))  # (batch, 10)
        return logits.softmax(-1), logits.argmax(-1)


# %%
tagger = PhotoTagger(model).eval()
probabilities, label = tagger(torch.zeros(2, 112, 112, 3, dtype=torch.uint8))
print(f"two black photos in: probabilities {tuple(probabilities.shape)}, labels {tuple(label.shape)} out")

# %% [markdown]
# Maren signed off the *network*. Which tag follows from its beliefs stays a line of the shop's code (lab 00,
# *asks*), so the file gives both, the likeliest label and the probabilities.

# %% [markdown]
# The weights, and the program that multiplies them, in one file:

# %%
from pathlib import Path
from tempfile import mkdtemp

from labkit.data import LABELS
from labkit.models import run_of
from labkit.serving.export import export

shop = Path(mkdtemp())  # a model directory: one folder a model
artifact = export(tagger, torch.zeros(1, 112, 112, 3, dtype=torch.uint8), shop, "photo", LABELS, run_of("cnn"))
size = (artifact / "model.onnx").stat().st_size
extra = size - sum(parameter.nbytes for parameter in model.parameters())
finding(
    "The file has {size:,} bytes, {extra:,} more than the weights: that is the whole program.", size=size, extra=extra
)

# %% [markdown]
# Beside the file lies its **manifest**: what goes in, what comes out, which index means which label, and a
# fingerprint. A file of weights without these four is a riddle.

# %%
from labkit.serving import manifest

promise = manifest.read(artifact)
for direction, tensors in (("in ", promise.inputs), ("out", promise.outputs)):
    for tensor in tensors:
        print(direction, tensor.name, tensor.datatype, list(tensor.shape))
print("labels", *promise.labels[:3], "...")
print("fingerprint of", len(promise.files["onnx"].sha256), "hexadecimal digits")

# %% [markdown]
# ## 3. Is it still the same model?
#
# Another program computes the answers now, with other kernels, in another order, and floating-point addition
# depends on order. Of 2,000 photos that training never saw: how many get a *different label* from the exported file
# than from torch?

# %%
predict("labels that differ", "photos", low=..., best=..., high=...)

# %%
from labkit.data import photos
from labkit.serving.parity import check_parity

unseen = photos(112, "test")
shots = unseen[:]  # uint8 (2000, 112, 112, 3)
parity = check_parity(tagger, artifact, shots)
measured("labels that differ", parity.rows - parity.labels_agree)
finding("Every probability is within {allowed:g} of torch's: {ok}.", allowed=1e-5, ok=parity.ok)

# %% [markdown]
# "The same" is a claim that needs a tolerance, real inputs and a machine that checks it. On black images no swapped
# colour shows, and a constant passes for an answer. Keep this check: whoever ships a model without it ships a hope.
#
# ## 4. What does it carry now?
#
# The same steps, with another engine in place of torch. How much memory does this process take at its first answer?

# %%
predict("lean process", "MB", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
engine = "onnxruntime"  # turn the knob: "torch" or "onnxruntime"
source = {"torch": None, "onnxruntime": artifact}[engine]
grown = memory_after_each(["python", "numpy", engine, "model", "first answer"], source)
measured("lean process", grown.total)
bars(grown, f"With {engine} the process takes {naive.total / grown.total:.1f} times less", "memory [MB]", "measured")

# %% [markdown]
# When a box restarts, or a second copy is started because the queue is long, customers wait for the start-up. How
# many times longer does the torch process take to its first answer than the other one?

# %%
predict("start-up, torch over onnxruntime", "times", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
from statistics import median

seconds = {"torch": [], "onnxruntime": []}
for _ in range(3):  # in turn, so that a busy moment troubles both
    for name, source in (("torch", None), ("onnxruntime", artifact)):
        once = memory_after_each(["python", "numpy", name, "model", "first answer"], source)
        seconds[name].append(sum(once.seconds.values()))
startup = {name: median(runs) for name, runs in seconds.items()}
ratio = startup["torch"] / startup["onnxruntime"]
measured("start-up, torch over onnxruntime", ratio)
bars(startup, f"Torch takes {ratio:.1f} times as long to its first answer", "median of 3 [s]", "measured")

# %% [markdown]
# ## 5. Behind a wire
#
# Strangers do not call Python functions. They send a request, and a server in a process of its own answers. Ours
# speaks the **Open Inference Protocol**, so that a client does not need to know who answers or in which language it
# is written:
#
# ```mermaid
# sequenceDiagram
#   client->>server: POST /v2/models/photo/infer (the pixels of one photo)
#   server->>engine: photo (1, 112, 112, 3)
#   engine->>server: probabilities (1, 10), label (1)
#   server->>client: 200 OK
# ```

# %%
from labkit.serving.client import Client
from labkit.serving.process import running

with running(shop, "onnxruntime") as server, Client(server.url, "photo") as client:
    tags, beliefs = client.tag(shots[:5])
    expected = [LABELS[index] for index in tagger(torch.from_numpy(shots[:5]))[1]]
    print("the server says what the notebook says:", tags == expected)

# %% [markdown]
# One photo, one answer, one client that waits. How long is the typical wait (the median, **p50**) over the wire on
# this machine?

# %%
predict("one answer over the wire", "ms", low=..., best=..., high=...)

# %% [markdown]
# The same photo, asked 500 times in four ways: two inside this process, two over the wire, once with the pixels as
# text (JSON) and once as bytes. The median says what is typical, the **p99** what one in a hundred has to endure; a
# p99 without the number of samples behind it is a rumour.

# %% tags=["nbval-ignore-output"]
from labkit.serving import engines
from labkit.serving.latency import latencies_ms, summary

torch.set_num_threads(1)  # one thread for each, so that the comparison is of programs and not of cores
one = shots[:1]
loaded = engines.load(artifact)
with torch.inference_mode(), running(shop, "onnxruntime") as server, Client(server.url, "photo") as client:
    waits = {
        "torch, in process": latencies_ms(lambda: tagger(torch.from_numpy(one)), 500),
        "onnxruntime, in process": latencies_ms(lambda: loaded.infer({"photo": one}), 500),
        "over the wire, as bytes": latencies_ms(lambda: client.tag(one), 500),
        "over the wire, as JSON": latencies_ms(lambda: client.tag(one, binary=False), 500),
    }

# %% tags=["nbval-ignore-output"]
for way, samples in waits.items():
    result = summary(samples)
    print(f"{way:26} p50 {result.p50_ms:7.2f} ms   p99 {result.p99_ms:7.2f} ms   ({result.samples} samples)")
typical = {way: summary(samples).p50_ms for way, samples in waits.items()}
measured("one answer over the wire", typical["over the wire, as bytes"])
tail = {way: summary(samples).p99_ms for way, samples in waits.items()}
dearest = typical["over the wire, as JSON"] / typical["onnxruntime, in process"]
bars(typical, f"As JSON an answer takes {dearest:.0f} times its computing", "p50 of 500 [ms]", "measured")

# %%
explain("where the wait comes from", ...)

# %% [markdown]
# Now Bo's requirements, all three of them. Three copies of the *server* (the engine, and what listens, checks and
# packs): how much memory do they take together?

# %%
predict("three servers", "MB", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
from labkit.environment.machine import private_memory_mb

engine = "onnxruntime"
with running(shop, engine) as first, running(shop, engine) as second, running(shop, engine) as third:
    for server in (first, second, third):
        with Client(server.url, "photo") as client:
            client.tag(shots[:64])
    costs = [private_memory_mb(server.pid) for server in (first, second, third)]
measured("three servers", sum(cost.megabytes for cost in costs))
verdict = {True: "kept", False: "missed"}
for way in ("over the wire, as bytes", "over the wire, as JSON"):
    finding(
        "Bo's 50 ms at p99, {way}: {verdict} ({ms:.1f} ms).", way=way, verdict=verdict[tail[way] <= 50], ms=tail[way]
    )

# %% [markdown]
# (Memory that the copies share, such as the libraries' code, is counted once, divided among them; the system itself
# needs its part of the box too. Same answers: section 3.)

# %% [markdown]
# ## 6. The failure that nobody reports
#
# Bo's colleague writes a client in an evening. The shop's old service takes a prepared 28x28 image, so the client
# prepares the photo itself. Four lines, you know them from lab 00. Three ways to get them *almost* right:

# %%
import numpy as np


def prepare(photo, order="RGB", full=255, shrink="mean"):  # uint8 (n, 112, 112, 3) -> (n, 1, 28, 28)
    eye = np.array([0.299, 0.587, 0.114], np.float32)
    grey = photo.astype(np.float32) @ (eye if order == "RGB" else eye[::-1])
    blocks = grey.reshape(-1, 1, 28, 4, 28, 4)
    small = blocks.mean((3, 5)) if shrink == "mean" else blocks[:, :, :, 2, :, 2]
    return np.ascontiguousarray(small / full, dtype=np.float32)


# %%
CLIENTS = {
    "as in training": {},
    "red and blue swapped": {"order": "BGR"},  # OpenCV's order of colours
    "nearest pixel": {"shrink": "nearest"},  # the default of torch's interpolate
    "scaled twice": {"full": 255 * 255},  # two people who both remembered to divide
}

# %% [markdown]
# OpenCV gives blue first, and nobody told the client. How many percentage points of right tags does that cost?

# %%
predict("points lost to swapped colours", "points", low=..., best=..., high=...)

# %%
from labkit.serving.preprocessing import ImageTagger

export(ImageTagger(model), torch.zeros(1, 1, 28, 28), shop, "cnn", LABELS)  # the old service: begins at 28x28
right, whole = {}, {}
with running(shop, "onnxruntime") as server, Client(server.url, "cnn") as client:
    for name, mistake in CLIENTS.items():
        tags, beliefs = client.tag(prepare(shots, **mistake))  # any status other than 200 would raise
        whole[name] = bool(np.allclose(beliefs.sum(1), 1, atol=1e-4))
        right[name] = 100 * np.mean([tag == LABELS[label] for tag, label in zip(tags, unseen.labels, strict=True)])
print("every probability sums to one:", whole)

# %% tags=["nbval-ignore-output"]
measured("points lost to swapped colours", right["as in training"] - right["red and blue swapped"])
worst = min(right, key=right.get)
bars(right, f"'{worst}' leaves {right[worst]:.0f} % right, and not one request failed", "right tags [%]", "measured")

# %% [markdown]
# Every request was answered with `200 OK`. Every answer had the right shape, the right type and probabilities that
# sum to one. No log, no alarm, no stack trace. This is **train/serve skew**, and it is why section 2 put the
# preparation *into* the file.
#
# Look at it with your own eyes. **Turn the knob**: one of the three is black, and a glance at a single picture
# would have found it. Which of the others can you tell from the first?

# %% tags=["nbval-ignore-output"]
from ipywidgets import Dropdown, interact

from labkit.notebook import pictures


def look(client="as in training", first=0):
    seen = prepare(shots[first : first + 6], **CLIENTS[client])
    answers = ImageTagger(model)(torch.from_numpy(seen))[1]
    truths = unseen.labels[first : first + 6]
    titles = [LABELS[tag] + ("" if tag == truth else " (wrong)") for tag, truth in zip(answers, truths, strict=True)]
    pictures([image[0] for image in seen], titles, title=f"What the network saw, {client}")


look()
_ = interact(look, client=Dropdown(options=list(CLIENTS)), first=(0, 1990, 6))

# %% [markdown]
# The artifact that begins at the photo cannot be scaled wrongly, and a photo of the wrong size is refused. Still,
# the client opens the JPEG (and shrinks what is larger). Swap the colours there and send them to `photo`:

# %% tags=["nbval-ignore-output"]
with running(shop, "onnxruntime") as server, Client(server.url, "photo") as client:
    for name, sent in (("as in training", shots), ("red and blue swapped", shots[..., ::-1].copy())):
        tags, _ = client.tag(sent)
        share = 100 * np.mean([tag == LABELS[label] for tag, label in zip(tags, unseen.labels, strict=True)])
        print(f"photo, {name:22} {share:.1f} % right")

# %%
explain("who could notice", ...)

# %% [markdown]
# **One more failure.** Somebody copies the model to the box, and one single bit of the file arrives wrong. Flip it
# yourself, in the weights. Does the engine notice?

# %% tags=["nbval-ignore-output"]
import onnxruntime

file = (artifact / "model.onnx").read_bytes()
weights = model.tag.weight.detach().numpy()
place = file.index(weights.tobytes()) + 4 * int(np.abs(weights).argmax()) + 3  # the exponent of the largest weight
broken = bytearray(file)
broken[place] ^= 0b0100_0000
session = onnxruntime.InferenceSession(bytes(broken))
differ = int((session.run(["label"], {"photo": shots})[0] != loaded.infer({"photo": shots})["label"]).sum())
finding("It loads without a word, and {n:,} of {all:,} photos get another tag.", n=differ, all=len(shots))

# %%
(artifact / "model.onnx").write_bytes(broken)
try:
    with running(shop, "onnxruntime") as server:
        print("the server runs, and answers wrongly")
except RuntimeError as refusal:
    print("the server refuses the file by its fingerprint:", "SHA-256" in str(refusal))
(artifact / "model.onnx").write_bytes(file)
print(manifest.read(artifact).name, "is whole again")

# %% [markdown]
# The fingerprint in the manifest turned a silent failure into a loud one. That is most of what an architect does
# about failures: not prevent them all, but decide *which of them make a noise*.
#
# ## 7. Decide
#
# Bo needs an answer today. What runs on the small box, where does the artifact begin, and what would make you
# choose again?

# %%
from labkit.notebook import decision

decision(
    title="What serves the tags on Bo's box",
    context="One box with 512 MB for three copies, answers within 50 ms, the tags that Maren signed off.",
    options={"torch in Python": ..., "onnxruntime in Python": ...},  # the cost of each, in your words
    decision=...,
    evidence=["process that serves the model with torch", "three servers", "labels that differ"],
    would_change_if=...,
)

# %% [markdown]
# ## What you can now do
#
# You weighed a process, exported a model with its preparation inside, proved that it still gives the same answers,
# served it over a standard protocol, and saw how a system that learns fails in silence. Training wants everything
# at hand; serving wants nothing that it does not use. **Two jobs, two programs, and a file with a manifest between
# them.**
#
# One thing was left standing: the server is still written in Python. Which part of the wait is Python's, and is it
# worth another language? Look at your bars from section 5 and take your guess along to the second half,
# `01b_serving_in_cpp`.
