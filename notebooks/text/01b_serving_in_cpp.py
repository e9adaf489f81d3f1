# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 01, second half: What another language buys
#
# > *From: Ilse, who keeps the shop's books.* "On Friday the sale begins, and people will photograph what they want to
# > sell us: **two thousand photos a second**, for some hours. Our service answers in Python, as you decided; a core
# > costs us nine euros a month. An agency offers to write it again in C++, 'twenty times as fast', for 18,000 euros.
# > Is that so? And is it worth it? **Nobody here reads C++, and whoever is on call must find a fault in it at night.**"
#
# Fast on one side, readable by the people who answer for it on the other. In the first half you threw torch out of the
# serving process and kept Python. Look up the guess that you took along: which part of the wait was Python's?
#
# Three things can still be changed: the **engine** that multiplies, the **language** around it, and the **wire**, the
# form in which a photo travels. People who say "C++ is twenty times as fast" have usually changed all three at once.
# You will change one at a time.
#
# *About 60 minutes; two of them are your machine's. You need a C++ compiler (`labkit doctor` says whether you have
# one), and you will not write a line of C++.*

# %% [markdown]
# ## 1. One artifact, three processes
#
# ```mermaid
# flowchart LR
#   N[notebook: torch] -->|export| A[one model directory]
#   A -->|model.pt2| P1[Python, torch]
#   A -->|model.onnx| P2[Python, onnxruntime]
#   A -->|model.onnx| P3[C++, OpenVINO]
#   C[one client, one protocol] --> P1 & P2 & P3
# ```
#
# The same network goes out in three formats side by side: the operations as torch recorded them, ONNX, and one for
# devices with little memory, which we keep for later. The manifest has the fingerprint of each.

# %%
from pathlib import Path
from tempfile import mkdtemp

import torch

from labkit.data import LABELS, photos
from labkit.models import mine, run_of
from labkit.notebook import open_lab
from labkit.serving.export import export
from labkit.serving.preprocessing import PhotoTagger

# %%
open_lab("01b_serving_in_cpp")
shop, tagger = Path(mkdtemp()), PhotoTagger(mine("cnn"))
photo = torch.zeros(1, 112, 112, 3, dtype=torch.uint8)
artifact = export(tagger, photo, shop, "photo", LABELS, run_of("cnn"), formats=("onnx", "torch", "executorch"))
print(*sorted(path.name for path in artifact.iterdir()))

# %% [markdown]
# The C++ server is compiled on your machine, once; the first cell that starts it waits half a minute for that. Before
# anything is measured: do all three say the same? Five hundred photos, over the wire:

# %% tags=["nbval-ignore-output"]
from labkit.serving import build

program = build.program("openvino")  # compiled now, if it is not there yet

# %%
import numpy as np

from labkit.serving.client import Client
from labkit.serving.process import running

shots = photos(112, "test")[:500]  # uint8 (500, 112, 112, 3)
with torch.inference_mode():
    beliefs, tags = (part.numpy() for part in tagger(torch.from_numpy(shots)))
for engine in ("torch", "onnxruntime", "openvino"):
    with running(shop, engine) as server, Client(server.url, "photo") as client:
        said, believed = client.tag(shots)
    same, near = said == [LABELS[tag] for tag in tags], np.allclose(believed, beliefs, atol=1e-5)
    print(f"{engine:12} every tag the same: {same}, every belief within 1e-5: {near}")

# %% [markdown]
# That is the condition of everything that follows. A server that answers faster and otherwise is not faster.
#
# ## 2. Twenty times?
#
# On a machine that others use too, a clock on the wall measures the others as well. What an answer *costs* is the time
# that the server's process had the processor, and Ilse pays for processors. So: 32 customers ask without pause for two
# seconds, and the processor time is divided by the answers.


# %%
import psutil

from labkit.serving.load import closed_loop


def cost(engine, model="photo", binary=True, **options):  # milliseconds of processor time for one answer
    with running(shop / model, engine, **options) as server:
        closed_loop(server.url, model, seconds=0.5, warmup=0, binary=binary)  # not counted: everything warms up
        before = psutil.Process(server.pid).cpu_times()
        answered = closed_loop(server.url, model, seconds=2, warmup=0, binary=binary).ok
        after = psutil.Process(server.pid).cpu_times()
    return 1000 * (after.user - before.user + after.system - before.system) / answered


# %% [markdown]
# The agency compared with what it found: torch in Python, and the photo's pixels as JSON, for that is what everybody
# can read. How many times less does an answer cost in C++ with OpenVINO, **if nothing else changes**: the same photo as
# the same JSON, against onnxruntime in Python?

# %%
from labkit.notebook import predict

predict("C++ over Python, photos as JSON", "times", low=..., best=..., high=...)

# %% [markdown]
# And how many times, if the pixels travel as bytes, to both?

# %%
predict("C++ over Python, photos as bytes", "times", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
from labkit.notebook import bars, measured

steps = {
    "torch, Python, JSON": cost("torch", binary=False),
    "onnxruntime, Python, JSON": cost("onnxruntime", binary=False),
    "OpenVINO, C++, JSON": cost("openvino", binary=False),
    "onnxruntime, Python, bytes": cost("onnxruntime"),
    "OpenVINO, C++, bytes": cost("openvino"),
}
_, json_python, json_cpp, bytes_python, bytes_cpp = steps.values()
measured("C++ over Python, photos as JSON", json_python / json_cpp)
measured("C++ over Python, photos as bytes", bytes_python / bytes_cpp)
wire = f"bytes save a Python server {json_python / bytes_python:.0f} times"
bars(steps, f"{wire}; C++ then saves {bytes_python / bytes_cpp:.1f} times more", "processor [ms/answer]", "measured")

# %% tags=["nbval-ignore-output"]
from labkit.notebook import finding

finding(
    "From the first bar to the last it is {all:.0f} times. Of that the engine alone, in Python and JSON as before, was "
    "{engine:.1f} times, the wire, in Python still, {wire:.1f} times, and the language {language:.1f} times.",
    all=steps["torch, Python, JSON"] / bytes_cpp,
    engine=steps["torch, Python, JSON"] / json_python,
    wire=json_python / bytes_python,
    language=bytes_python / bytes_cpp,
)

# %%
from labkit.notebook import explain

explain("what the agency changed", ...)

# %% [markdown]
# ## 3. Where the rest goes
#
# Both servers now spend some time in their engine and the rest around it: reading, checking, packing, and the program's
# own bookkeeping. The C++ server says how much is which: it counts what it does, on a page for monitors.

# %% tags=["nbval-ignore-output"]
import re
from urllib.request import urlopen

with running(shop, "openvino") as server:
    closed_loop(server.url, "photo", seconds=2, binary=True)
    page = urlopen(f"{server.url}/metrics").read().decode()
total = {name: float(value) for name, value in re.findall(r'^labkit_(\w+){model="photo"} (\S+)$', page, re.M)}
inside = 1000 * total["compute_seconds_sum"] / total["batch_rows_sum"]
rows = total["batch_rows_sum"] / total["batch_rows_count"]
finding("A photo costs {ms:.2f} ms in the engine, {rows:.0f} photos at a time.", ms=inside, rows=rows)

# %% [markdown]
# (What the engine took is measured with a clock here: where others use your processor too, it looks larger than it is.)
#
# So many photos at a time? You did not ask for that. While the engine computes, other customers' photos arrive; the
# server lays all that wait one behind the other and computes them **together**. That is *dynamic batching*, and lab 02
# is about it. Is it the batching, then, and not the language, that saves? How many times dearer does an answer
# become in C++ when every photo is computed alone?

# %%
predict("one photo at a time", "times", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
max_batch = 1  # turn the knob: 1, 4, 32
alone = cost("openvino", max_batch=max_batch)
measured("one photo at a time", alone / bytes_cpp)
ways = {"Python, one at a time": bytes_python, f"C++, at most {max_batch}": alone, "C++, at most 32": bytes_cpp}
bars(ways, f"Without batches C++ saves {bytes_python / alone:.1f} times", "processor [ms/answer]", "measured")

# %% [markdown]
# ## 4. A bigger model
#
# The tagger computes for a fraction of a millisecond, so that everything around it counts. The **writer**, the small
# GPT that drafts texts, has only twice as many weights, but uses each of them for every one of 128 characters. The
# same two servers, one pass through the writer an answer: how many times less does C++ cost now?

# %%
predict("C++ over Python, the writer", "times", low=..., best=..., high=...)

# %%
from labkit.serving.writing import NextCharacter

writer = NextCharacter(mine("gpt"))
passage = torch.zeros(1, writer.writer.config.time, dtype=torch.int64)
print(*sorted(path.name for path in export(writer, passage, shop, "writer", ranges=writer.ranges).iterdir()))

# %% tags=["nbval-ignore-output"]
longer = {"Python": cost("onnxruntime", "writer", binary=False), "C++": cost("openvino", "writer", binary=False)}
gain = longer["Python"] / longer["C++"]
measured("C++ over Python, the writer", gain)
title = f"For the writer C++ saves {gain:.1f} times, for photos as JSON {json_python / json_cpp:.1f} times"
bars(longer, title, "processor [ms/answer]", "measured")

# %%
explain("what C++ cannot make faster", ...)

# %% [markdown]
# ## 5. Memory, and the first answer
#
# Bo's small box held three copies of the Python server. How much memory does one process in C++ take, after it has
# answered under load?

# %%
predict("one process in C++", "MB", low=..., best=..., high=...)

# %% tags=["nbval-ignore-output"]
from labkit.environment.machine import private_memory_mb

memory, ready = {}, {}
for engine in ("torch", "onnxruntime", "openvino", "executorch"):
    with running(shop / "photo", engine) as server:
        closed_loop(server.url, "photo", seconds=1, binary=True)
        memory[engine], ready[engine] = private_memory_mb(server.pid).megabytes, server.ready_seconds
measured("one process in C++", memory["openvino"])
lean = memory["onnxruntime"] / memory["executorch"]
bars(memory, f"The leanest takes {lean:.0f} times less memory than the Python server", "memory [MB]", "measured")
bars(ready, f"C++ is ready after {1000 * ready['openvino']:.0f} ms", "start to ready [s]", "measured")

# %% [markdown]
# The last bar is a third engine, **ExecuTorch**, made for phones and watches, behind the same C++. The language alone
# decides little here: OpenVINO's libraries are most of that process. Which of the two Bo takes depends on the box.
#
# ## 6. Friday
#
# Two thousand photos a second, and nobody waits longer than 50 ms. The customers of section 2 wait for each other: a
# server that is slow is asked less. On Friday nobody waits for anybody. Photos come when they come, at random moments,
# and this is an **open loop**. Up to which rate does each server keep the 50 ms at p99 on *this* machine, where server
# and customers share the cores?

# %%
from labkit.notebook import line
from labkit.serving.load import open_loop


def tails(engine, rates):  # the p99 at each rate: (rates, p99s), less those at which requests failed
    with running(shop, engine) as server:
        results = {rate: open_loop(server.url, rate, "photo", seconds=1.5, binary=True, timeout=2) for rate in rates}
    good = {rate: result.p99_ms for rate, result in results.items() if result.p99_ms is not None and not result.failed}
    return list(good), list(good.values())


# %% tags=["nbval-ignore-output"]
RATES = [200, 400, 800, 1600, 3200]  # photos a second
waits = {"Python, onnxruntime": tails("onnxruntime", RATES), "C++, OpenVINO": tails("openvino", RATES)}
kept = {name: max((r for r, p in zip(*run, strict=True) if p <= 50), default=0) for name, run in waits.items()}
title = ", ".join(f"{name}: 50 ms kept up to {rate:,} a second" for name, rate in kept.items())
line(waits, title, "photos [1/s]", "p99 [ms]", "measured", log="xy")

# %% [markdown]
# A line ends where requests failed, or where the client itself was the bottleneck and refused to give a number. Behind
# each p99 stand as many samples as photos came in a second and a half.
#
# ## 7. The stall that nobody measured
#
# Now break something. A server stops for four tenths of a second, as one does while its disk, its garbage collector
# or its neighbour has other plans. Stop it yourself, and let one customer measure it in the usual way: ask, wait, ask
# again, for three seconds. Then let the customers come as they come, five hundred a second.
#
# Four tenths of three seconds are 13 % of the time. What will the second measurement call its p99?

# %%
predict("p99 with a stall", "ms", low=..., best=..., high=...)

# %%
import os
import signal
from threading import Thread
from time import sleep


def stalled(pid, after=1.5, seconds=0.4):  # in the background: the measurement runs meanwhile
    def stop_and_go():
        sleep(after)
        os.kill(pid, signal.SIGSTOP)
        sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    Thread(target=stop_and_go).start()


# %% tags=["nbval-ignore-output"]
with running(shop, "openvino") as server:
    stalled(server.pid)
    asked = closed_loop(server.url, "photo", connections=1, seconds=3, binary=True)
    stalled(server.pid)
    came = open_loop(server.url, 500, "photo", seconds=3, binary=True)
naive = asked.uncorrected.get_value_at_percentile(99) / 1000
honest = came.histogram.get_value_at_percentile(99) / 1000
measured("p99 with a stall", honest)
title = f"One customer measured a p99 of {naive:.1f} ms, {came.samples:,} customers met one of {honest:.0f} ms"
bars({"ask, wait, ask again": naive, "as they come": honest}, title, "p99 [ms]", "measured", log=True)

# %%
explain("who measured the stall", ...)

# %% [markdown]
# This is **coordinated omission** (Gil Tene's name for it): the measuring client waits for the very thing that it
# should measure, and so leaves out everybody who would have come meanwhile. Most load tests that you will be shown do
# this. Ask for the arrival rate.
#
# ## 8. What it costs
#
# Back to Ilse's second sentence. This is one request on its way through the C++ server. You read Python: what does
# each line do, and where would you look if photos of the wrong size came through?

# %%
routes = (build.SOURCES / "routes.cpp").read_text()
start = routes.index("asio::awaitable<Response> infer(")
print(routes[start : routes.index("\n}\n", start) + 2])

# %% [markdown]
# `co_await` is Python's `await`, and `throw Refusal` is `raise`. The rest of the server has the same form: a file for
# each idea, its purpose in the first lines. Follow the request for ten minutes: `main.cpp` names the files in their
# order (`labkit/serving/cpp` in your clone).
#
# And in numbers:

# %% tags=["nbval-ignore-output"]
folder = build.SOURCES.parent
python = [folder / f"{name}.py" for name in ("server", "protocol", "tensors", "engines", "manifest")]
cpp = [*folder.glob("cpp/*.h"), *folder.glob("cpp/*.cpp"), folder / "cpp" / "engines" / "openvino.cpp"]
finding(
    "{cpp:,} lines of C++ stand for {python:,} of Python (it does more: batches, metrics, deadlines). Compiling took "
    "{seconds:.0f} s; Python needs none, and no compiler.",
    cpp=sum(len(path.read_text().splitlines()) for path in cpp),
    python=sum(len(path.read_text().splitlines()) for path in python),
    seconds=build.seconds(),
)

# %% [markdown]
# There is a cost that no table shows. A Python program that looks up row 80 of a table with 80 rows stops with an
# `IndexError`. In C++ many a library reads what happens to lie behind the table, and answers. The writer looks each
# character up in such a table, so the artifact's manifest says which numbers there are, and the server checks:

# %%
from json import loads
from urllib.error import HTTPError
from urllib.request import Request

question = b'{"inputs": [{"name": "tokens", "shape": [1, 128], "datatype": "INT64", "data": [%s]}]}'
with running(shop, "openvino") as server:
    url = f"{server.url}/v2/models/writer/infer"
    try:
        urlopen(Request(url, question % b", ".join([b"80"] * 128)))
    except HTTPError as refusal:
        print(refusal.code, loads(refusal.read())["error"])

# %% [markdown]
# What C++ does not check, you must; and you must *test* that you do. Our server's tests run it under two
# **sanitizers**, builds that stop at the first access to foreign memory and at the first race of two threads. An
# agency that does not say what its tests run under has told you something too.
#
# ## 9. Decide again
#
# In the first half you decided what serves the tags on Bo's box. Now Ilse wants to know about Friday: boxes, or 18,000
# euros, or something that costs an afternoon?

# %% tags=["nbval-ignore-output"]
for name, ms in (("Python, JSON", json_python), ("Python, bytes", bytes_python), ("C++, bytes", bytes_cpp)):
    cores = 2000 * ms / 1000 / 0.7  # 70 % busy: lab 02 shows what happens to queues beyond that
    finding("{name}: {cores:.1f} cores, {euros:.0f} euros a month.", name=name, cores=cores, euros=9 * cores)

# %%
from labkit.notebook import decision

decision(
    title="What serves the tags on Friday",
    context="Two thousand photos a second for some hours, each within 50 ms; people on call who read Python.",
    options={"more cores": ..., "bytes on the wire": ..., "the server in C++": ...},  # the cost of each, in your words
    decision=...,
    evidence=["C++ over Python, photos as JSON", "C++ over Python, photos as bytes", "one process in C++"],
    would_change_if=...,
    supersedes="What serves the tags on Bo's box",
)

# %% [markdown]
# ## What you can now do
#
# You took a claim of "twenty times" apart into its engine, its wire and its language, each measured alone. You know
# that the gain of a language shrinks as the model grows, that a C++ process can be small without its language being the
# reason, and that a load test which waits for its answers leaves out the worst of them. And you can read one request's
# way through a C++ server.
#
# **Change one thing at a time; the cheapest change first.** In lab 02 the server gets company: batches, queues and
# replicas.
