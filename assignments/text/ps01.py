# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 01: The gate
#
# > *From: Bo, on call again.* "Three copies on the box, thank you, it holds. But last night I copied a new tagger
# > over by hand, the line dropped, I copied again, and everything said `200 OK`. This morning Maren found trousers
# > sold as bags. I want a gate in front of that box: **nothing wrong goes through. And nothing right is turned
# > away**: the last gate refused a good model over its seventh decimal, and I was up until four."
#
# Refusing everything is safe, and letting everything pass is convenient; the art is in between. You build the three
# bars of the gate (is it the file? is it the model? is it fast for those who wait?) and then hunt for the one mistake
# that no gate on the server can see.
#
# | | | minutes | points |
# |---|---|---|---|
# | 0 | your name | 1 | 1 |
# | 1 | Is it the file? A manifest and its verification | 35 | 5 |
# | 2 | Is it the model? Parity, and inputs that show it | 40 | 6 |
# | 3 | Is it fast for those who wait? Percentiles of a trace | 35 | 6 |
# | 4 | your client's skew, measured and explained | 35 | 6 |

# %% [markdown]
# **How it works.** Replace every line `raise NotImplementedError(...)` with your code, and run the checks under it.
# After you submit, further checks run on awkward cases. They ask for nothing that the exercise does not state. Leave
# the cells where they are, add your own, import what you need where you need it.

# %% locked="imports"
import hashlib
import io
import json
from math import ceil, inf, isclose

import numpy as np
import torch

from labkit.data import LABELS, photos, prepare
from labkit.grading.clients import client_for
from labkit.grading.seeds import dice, is_own
from labkit.grading.tiny_tagger import BIAS, MISTAKES, WEIGHT, as_file, pool, tag
from labkit.grading.traces import trace_for
from labkit.models import mine, probabilities
from labkit.notebook import pictures

# %% [markdown]
# ## Your name
#
# Replace the line `raise ...` with `NAME = "..."`, your own name between the quotes, as your instructor knows it (a
# placeholder such as `student` is not a name), spelled as in problem set 00. Your trace, your photos and your client
# are drawn from it.

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
# ## 1. Is it the file? *(35 minutes, 5 points)*
#
# Here a model is a folder of `.npy` files, one for each array. NumPy's format carries the datatype and the shape of
# its array, so `np.load(io.BytesIO(content))` turns the bytes back into the array. A folder is a `dict` from names to
# bytes:

# %%
folder = {"weight.npy": as_file(WEIGHT), "bias.npy": as_file(BIAS)}
for name, content in folder.items():
    array = np.load(io.BytesIO(content))
    print(f"{name:12} {len(content):>6} bytes hold {array.dtype} of shape {array.shape}")

# %% [markdown]
# **1a. Write the manifest** *(2 points)*. `describe` returns a dictionary that survives `json.dumps` and `json.loads`
# unchanged (so: lists and no tuples, `int` and `str` and nothing of NumPy's):
#
# - `"labels"`: the list of the names of the classes, in the order given (they may come as a list or a tuple); the order
#   *is* what an index means;
# - `"files"`: for each file, in the order given, `{"bytes": ..., "sha256": ..., "dtype": ..., "shape": ...}`: the
#   length of the file and the SHA-256 of the whole file (64 lower-case hexadecimal digits), then the datatype of its
#   array as text (`str(array.dtype)`, for instance `"float32"`) and its shape as a list.


# %% solution="describe"
def describe(labels: list[str] | tuple[str, ...], files: dict[str, bytes]) -> dict:
    """The manifest of a model: what its files promise, and what its indices mean."""
    ### BEGIN SOLUTION
    entries = {}
    for name, content in files.items():
        array = np.load(io.BytesIO(content))
        entries[name] = {
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "dtype": str(array.dtype),
            "shape": list(array.shape),
        }
    return {"labels": list(labels), "files": entries}
    ### END SOLUTION


# %% test="describe-files" points=1
content = as_file(np.zeros((3, 2), np.float32))
entry = describe(["bag", "coat"], {"weight.npy": content})["files"]["weight.npy"]
assert entry["bytes"] != 24, "that is the size of the array: the file has a header too, and a copy can lose any part"
assert entry["bytes"] == len(content), "the length of the file is asked for"
assert entry["sha256"] == hashlib.sha256(content).hexdigest(), "the SHA-256 of the whole file is asked for, in hex"
assert (entry["dtype"], entry["shape"]) == ("float32", [3, 2]), "the array is float32 of shape [3, 2]"
### BEGIN HIDDEN TESTS
arrays = {"z.npy": np.ones((1, 0, 4), np.int8), "a.npy": np.array(2.5), "b.npy": np.zeros(3, np.int64)}
found = describe(["bag"], {name: as_file(array) for name, array in arrays.items()})["files"]
assert list(found) == ["z.npy", "a.npy", "b.npy"], "the files stand in the order given"
assert [one["shape"] for one in found.values()] == [[1, 0, 4], [], [3]], "an array may be empty; a number has shape []"
assert [one["dtype"] for one in found.values()] == ["int8", "float64", "int64"], "each file has its own datatype"
other = describe(["bag"], {"b.npy": as_file(np.zeros(3))})["files"]
assert other["b.npy"]["sha256"] != found["b.npy"]["sha256"], "equal bytes behind unequal headers are unequal files"
### END HIDDEN TESTS

# %% test="describe-json" points=1
manifest = describe(["bag", "coat"], {"weight.npy": as_file(np.zeros((3, 2), np.float32))})
assert json.loads(json.dumps(manifest)) == manifest, "as JSON the manifest comes back changed: is a tuple left in it?"
assert manifest["labels"] == ["bag", "coat"], "the labels are those given"
### BEGIN HIDDEN TESTS
manifest = describe(("Trouser", "Bag", "Coat"), {"weight.npy": as_file(np.zeros((4, 3), np.float16))})
assert manifest["labels"] == ["Trouser", "Bag", "Coat"], "the labels keep their order, in a list"
assert json.loads(json.dumps(manifest)) == manifest, "as JSON the manifest comes back changed"
assert describe([], {}) == {"labels": [], "files": {}}, "a model without files has an empty manifest"
### END HIDDEN TESTS

# %% [markdown]
# **1b. Verify a folder against its manifest** *(3 points)*. `verify` returns the list of everything that is wrong, and
# an empty list for a folder that is right; it never stops at the first problem. For each file *of the manifest*, in
# its order, the first of these that holds, as exactly this text:
#
# | text | when |
# |---|---|
# | `missing: NAME` | the folder has no such file |
# | `truncated: NAME` | it has fewer bytes than promised |
# | `altered: NAME` | it has more bytes than promised, or another SHA-256 |
# | `dtype: NAME` | the file is the one described, but its array has another datatype than promised |
# | `shape: NAME` | the same, with another shape |
#
# and at the end, once, in addition to what the files have, `labels` if two labels are equal, or if there are not as
# many as the promised shape of `bias.npy` says (every manifest names this file, and its first size is the number of
# classes). Every described file is a `.npy`. A file that the manifest
# does not name is nobody's promise and no problem. And how can the file be the one described and have the wrong shape?
# When somebody has edited the promise.


# %% solution="verify"
def verify(manifest: dict, files: dict[str, bytes]) -> list[str]:
    """Everything about a folder that is not as its manifest says."""
    ### BEGIN SOLUTION
    problems = []
    for name, promised in manifest["files"].items():
        content = files.get(name)
        if content is None:
            problems.append(f"missing: {name}")
        elif len(content) < promised["bytes"]:
            problems.append(f"truncated: {name}")
        elif len(content) > promised["bytes"] or hashlib.sha256(content).hexdigest() != promised["sha256"]:
            problems.append(f"altered: {name}")
        elif str(np.load(io.BytesIO(content)).dtype) != promised["dtype"]:
            problems.append(f"dtype: {name}")
        elif list(np.load(io.BytesIO(content)).shape) != promised["shape"]:
            problems.append(f"shape: {name}")
    labels, classes = manifest["labels"], manifest["files"]["bias.npy"]["shape"][0]
    if len(set(labels)) != len(labels) or len(labels) != classes:
        problems.append("labels")
    return problems
    ### END SOLUTION


# %% [markdown]
# The checks have a folder and a manifest of their own, so that 1b does not depend on your 1a.

# %% locked="folder"
RIGHT = {"weight.npy": as_file(np.ones((5, 2), np.float32)), "bias.npy": as_file(np.ones(2, np.float32))}
DIGEST = {name: hashlib.sha256(content).hexdigest() for name, content in RIGHT.items()}
SAID = {
    "labels": ["bag", "coat"],
    "files": {
        "weight.npy": {"bytes": 168, "sha256": DIGEST["weight.npy"], "dtype": "float32", "shape": [5, 2]},
        "bias.npy": {"bytes": 136, "sha256": DIGEST["bias.npy"], "dtype": "float32", "shape": [2]},
    },
}

# %% test="verify-files" points=1
found = verify(SAID, RIGHT)
assert found == [], f"this folder is right, and you find {found}"
found = verify(SAID, {"bias.npy": RIGHT["bias.npy"]})
assert found == ["missing: weight.npy"], f"weight.npy is not in the folder; you find {found}"
found = verify(SAID, {**RIGHT, "bias.npy": RIGHT["bias.npy"][:-1]})
assert found == ["truncated: bias.npy"], f"bias.npy has lost its last byte; you find {found}"
### BEGIN HIDDEN TESTS
found = verify(SAID, {"weight.npy": b"", "read me.txt": b"hello"})
assert found == ["truncated: weight.npy", "missing: bias.npy"], "all problems are listed, and not the first alone"
assert verify(SAID, {**RIGHT, "old.npy": b"?"}) == [], "a file that the manifest does not name is no problem"
backwards = {"labels": SAID["labels"], "files": dict(reversed(SAID["files"].items()))}
assert verify(backwards, {}) == ["missing: bias.npy", "missing: weight.npy"], "the order is that of the manifest"
### END HIDDEN TESTS

# %% test="verify-altered" points=1
found = verify(SAID, {**RIGHT, "weight.npy": as_file(np.full((5, 2), 9, np.float32))})
assert found == ["altered: weight.npy"], f"other weights of the same length are not the model; you find {found}"
assert verify(SAID, RIGHT) == [], "and the right ones are"
### BEGIN HIDDEN TESTS
flipped = RIGHT["bias.npy"][:-1] + bytes([RIGHT["bias.npy"][-1] ^ 1])
assert verify(SAID, {**RIGHT, "bias.npy": flipped}) == ["altered: bias.npy"], "one bit is enough to be another file"
longer = RIGHT["weight.npy"] + b"\n"
found = verify(SAID, {**RIGHT, "weight.npy": longer})
assert found == ["altered: weight.npy"], "a file that goes on after its end is not the one described"
found = verify(SAID, {"weight.npy": RIGHT["bias.npy"], "bias.npy": RIGHT["weight.npy"]})
assert found == ["truncated: weight.npy", "altered: bias.npy"], "each name has its own promise"
### END HIDDEN TESTS

# %% test="verify-promise" points=1
edited = json.loads(json.dumps(SAID))  # a copy
edited["files"]["weight.npy"]["shape"] = [2, 5]
found = verify(edited, RIGHT)
assert found == ["shape: weight.npy"], f"the array has shape [5, 2], and [2, 5] is promised; you find {found}"
found = verify({**SAID, "labels": ["bag"]}, RIGHT)
assert found == ["labels"], f"two classes need two labels; you find {found}"
### BEGIN HIDDEN TESTS
edited["files"]["bias.npy"]["dtype"] = "int32"
found = verify(edited, RIGHT)
assert found == ["shape: weight.npy", "dtype: bias.npy"], "int32 takes as many bytes as float32, and is another type"
edited["files"]["bias.npy"] |= {"dtype": "float64", "shape": [3]}
found = verify(edited, RIGHT)
assert found == ["shape: weight.npy", "dtype: bias.npy", "labels"], (
    "a file has one problem, its first; labels come last"
)
found = verify({**SAID, "labels": ["bag", "bag"]}, RIGHT)
assert found == ["labels"], "two classes of one name cannot be told apart"
found = verify({**SAID, "labels": []}, {})
assert found == ["missing: weight.npy", "missing: bias.npy", "labels"], "labels can be wrong without any file"
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Is it the model? *(40 minutes, 6 points)*
#
# A whole file can still hold the wrong model: exported with another scale, another order of channels, another table of
# labels. Only its *answers* show that. This is `labkit.grading.tiny_tagger`, a tagger of one layer for photos of 8 x 8
# pixels, and the mistakes that somebody has planted into copies of it:

# %%
shots = pool(np.random.default_rng(0), ["coloured", "grey"])  # uint8 RGB (2, 8, 8, 3)
for mistake in ("", "other rounding", *MISTAKES):
    answer = tag(shots, mistake)
    gap = np.abs(answer["probabilities"] - tag(shots)["probabilities"]).max(1)
    print(f"{mistake or 'as signed off':18} {answer['label'][0]:12} differs by {gap[0]:.7f}, on grey {gap[1]:.7f}")

# %% [markdown]
# Look at the last column: on a grey photo, swapped channels change *nothing*. A gate that asks the wrong questions
# hears the right answers. (Swapped labels change no number anywhere, only the names that go with them.)
#
# **2a. Choose the questions** *(2 points)*. Given a pool of photos and the label that the signed-off model gives each,
# return `n` different row numbers, in any order, so that on these rows **every** mistake shows:
#
# - *wrong layout*: rows and columns of a photo exchanged. *Swapped channels*: red and blue exchanged. A photo that
#   equals itself after one of these exchanges is **blind**;
# - *swapped labels*: any two labels exchanged in the table. It shows only on rows that have one of the two labels;
# - *wrong scale* and *truncated weights* show on any photo.
#
# So: for each label of the pool choose a photo that is not blind; only where a label has none, a blind one, and just
# one such photo. Then fill up to `n` with photos that are not blind. `n` is at least the number of different labels,
# and there are enough photos that are not blind, at least one.


# %% solution="choose_inputs"
def choose_inputs(photos: np.ndarray, labels: list[str], n: int) -> list[int]:
    """n different rows of the pool. photos: uint8 RGB (rows, side, side, 3); labels: one for each row."""
    ### BEGIN SOLUTION
    blind = [
        np.array_equal(photo, photo[..., ::-1]) or np.array_equal(photo, photo.transpose(1, 0, 2)) for photo in photos
    ]
    best_first = sorted(range(len(photos)), key=lambda row: blind[row])
    chosen = {}
    for row in best_first:
        chosen.setdefault(labels[row], row)
    rows = list(chosen.values())
    rows += [row for row in best_first if row not in rows]
    return rows[:n]
    ### END SOLUTION


# %% test="choose_inputs-blind" points=1
kinds = ["grey", "plain", "black", "mirrored"] + ["coloured"] * 5
many = pool(dice("visible", "pool"), kinds)
rows = [int(row) for row in choose_inputs(many, ["Coat"] * 9, 4)]
assert len(rows) == len(set(rows)) == 4, f"4 different rows are asked for, not {rows}"
blind = [kinds[row] for row in rows if kinds[row] != "coloured"]
assert not blind, (
    f"among the rows are photos that are {' and '.join(blind)} (mirrored: at the diagonal); they are blind"
)
### BEGIN HIDDEN TESTS
for who in ("somebody", "somebody else"):
    kinds = ["purple", "coloured", "mirrored", "plain", "grey", "coloured", "purple", "black", "coloured"]
    many = pool(dice(who, "pool"), kinds)
    rows = [int(row) for row in choose_inputs(many, ["Coat"] * 9, 3)]
    assert sorted(rows) == [1, 5, 8], (
        "purple has red equal to blue, a mirrored photo has rows equal to columns: both blind"
    )
    several = [int(row) for row in choose_inputs(many, ["Coat"] + ["Bag"] * 7 + ["Coat"], 3)]
    assert sorted(several) == [1, 5, 8], "these three have all the labels, and none is blind"
### END HIDDEN TESTS

# %% test="choose_inputs-labels" points=1
many = pool(dice("visible", "labels"), ["coloured"] * 9)
labels = ["Bag"] * 4 + ["Coat"] * 4 + ["Dress"]
rows = [int(row) for row in choose_inputs(many, labels, 4)]
assert {labels[row] for row in rows} == {"Bag", "Coat", "Dress"}, (
    "a label without a row can be swapped and nobody sees it"
)
assert len(set(rows)) == 4, f"4 different rows are asked for, not {rows}"
### BEGIN HIDDEN TESTS
for who in ("somebody", "somebody else"):
    many = pool(dice(who, "labels"), ["grey", "coloured", "coloured", "black", "purple", "coloured", "coloured"])
    labels = ["Shirt", "Bag", "Bag", "Coat", "Bag", "Bag", "Shirt"]
    rows = [int(row) for row in choose_inputs(many, labels, 5)]
    assert len(set(rows)) == 5, "n different rows are asked for"
    assert sorted(rows) == [1, 2, 3, 5, 6], "Coat has only a blind photo and needs it; Shirt and Bag have better ones"
    fewest = [int(row) for row in choose_inputs(many, labels, 3)]
    assert len(fewest) == 3, "with n as small as the number of labels, there are n rows"
    assert {3, 6} < set(fewest) < {1, 2, 3, 5, 6}, "each label has a row, and only Coat has to take a blind one"
### END HIDDEN TESTS

# %% [markdown]
# **2b. Compare the answers** *(4 points)*. `expected` and `answer` are dictionaries of arrays, such as
# `{"probabilities": (n, 10) of float32, "label": (n,) of text}`, with at least one name and one axis each. They agree
# if **all** of this holds:
#
# - they have the same names, and under each name arrays of the same shape, with at least one row each (on no rows
#   everything agrees, so that counts as no);
# - where `expected` has floats (`dtype.kind == "f"`), each number of the answer lies within `atol + rtol * |expected|`
#   of its own expected number (exactly on the border is within), and neither side has a NaN or an infinity; the
#   precision of the floats may differ, so compute in float64;
# - all else (labels as text or as integers) is equal, on every row.


# %% solution="same_answers"
def same_answers(
    expected: dict[str, np.ndarray], answer: dict[str, np.ndarray], rtol: float = 1e-3, atol: float = 1e-5
) -> bool:
    """Whether an artifact's answers are those of the model, but for rounding."""
    ### BEGIN SOLUTION
    if expected.keys() != answer.keys():
        return False
    for name, right in expected.items():
        given = answer[name]
        if right.shape != given.shape or len(right) == 0:
            return False
        if right.dtype.kind != "f":
            if not np.array_equal(right, given):
                return False
            continue
        right, given = right.astype(np.float64), given.astype(np.float64)
        if not (np.isfinite(right).all() and np.isfinite(given).all()):
            return False
        if not (np.abs(given - right) <= atol + rtol * np.abs(right)).all():
            return False
    return True
    ### END SOLUTION


# %% test="same_answers-rounding" points=1
shots = pool(dice("visible", "parity"), ["coloured"] * 6)
assert same_answers(tag(shots), tag(shots)), "equal answers agree"
assert same_answers(tag(shots), tag(shots, "other rounding")), "the same sums in another order are the same model"
assert not same_answers(tag(shots), tag(shots, "wrong scale")), "this artifact divides twice, and you let it pass"
### BEGIN HIDDEN TESTS
one = {"p": np.array([[0.5, 0.25, 1e-6]], np.float32)}
assert same_answers(one, {"p": np.array([[0.5004, 0.2498, 9e-6]])}), (
    "within atol + rtol * |expected|, whatever the precision"
)
assert not same_answers(one, {"p": np.array([[0.5, 0.2504, 1e-6]])}), (
    "each number has its own border: 0.2504 is beyond it"
)
assert not same_answers(one, {"p": np.array([[0.5, 0.25, 1.5e-5]])}), (
    "near zero only atol is left, and this is beyond it"
)
zero = {"p": np.zeros((2, 2))}
assert same_answers(zero, {"p": np.full((2, 2), 0.25)}, rtol=0, atol=0.25), "exactly on the border is within"
assert not same_answers({"p": np.array([100.0])}, {"p": np.array([101.0])}, rtol=0.005, atol=0.25), "1 is beyond 0.75"
far = {"p": np.array([101.005])}
assert not same_answers({"p": np.array([100.0])}, far, rtol=0.01, atol=0), "the border is relative to what is expected"
assert same_answers({"p": np.array([-100.0])}, {"p": np.array([-100.5])}, rtol=0.005), (
    "the border has the size of |expected|"
)
### END HIDDEN TESTS

# %% test="same_answers-planted" points=1
shots = pool(dice("visible", "planted"), ["coloured"] * 6)
first = LABELS.index(tag(shots)["label"][0])
for mistake in MISTAKES:
    planted = tag(shots, mistake, swapped=(first, (first + 1) % 10))
    assert not same_answers(tag(shots), planted), f"an artifact with {mistake} passes your gate"
assert same_answers(tag(shots), tag(shots, "other rounding")), "and one that rounds otherwise must pass"
### BEGIN HIDDEN TESTS
lots = pool(dice("somebody", "parity"), ["coloured"] * 400)
expected = tag(lots)
common = int(np.bincount(expected["probabilities"].argmax(1)).argmax())
for mistake in MISTAKES:
    planted = tag(lots, mistake, swapped=(common, (common + 1) % 10))
    assert not same_answers(expected, planted), f"an artifact with {mistake} passes your gate"
assert same_answers(expected, tag(lots, "other rounding")), "an artifact that only rounds otherwise is refused"
late = {name: array.copy() for name, array in expected.items()}
late["probabilities"][399, 9] += np.float32(0.01)
assert not same_answers(expected, late), "one wrong number in the last of many rows is a wrong answer"
late = {name: array.copy() for name, array in expected.items()}
late["label"][17] = "Ball gown"
assert not same_answers(expected, late), "one wrong label among many is a wrong answer"
### END HIDDEN TESTS

# %% test="same_answers-nan" points=1
broken = {"p": np.array([[0.5, np.nan]])}
whole = {"p": np.array([[0.5, 0.5]])}
assert not same_answers(whole, broken), "NaN is no answer: which comparison with NaN is true?"
assert same_answers(whole, {"p": np.array([[0.5, 0.5]])}), "and without the NaN they agree"
### BEGIN HIDDEN TESTS
assert not same_answers(broken, broken), "a model that was signed off with NaN cannot be compared with"
endless = {"p": np.array([[0.5, np.inf]])}
assert not same_answers(endless, endless), "an infinity is no answer either"
assert not same_answers(endless, whole), "an infinite expectation makes an infinite border: everything would be within"
mixed = {"p": np.array([[0.5, 0.5], [0.5, np.nan]]), "label": np.array([1, 2])}
assert not same_answers({"p": np.full((2, 2), 0.5), "label": np.array([1, 2])}, mixed), (
    "a NaN in a later row counts too"
)
### END HIDDEN TESTS

# %% test="same_answers-shapes" points=1
row = {"p": np.full((1, 3), 0.5), "label": np.array(["bag"])}
rows = {"p": np.full((4, 3), 0.5), "label": np.array(["bag"] * 4)}
assert not same_answers(rows, {"p": rows["p"]}), "an output is missing, and you let it pass"
assert not same_answers(rows, {**rows, "label": rows["label"][:3]}), "four rows were asked, and three labels came"
assert same_answers(rows, dict(reversed(rows.items()))), "the order of the names does not matter"
### BEGIN HIDDEN TESTS
assert not same_answers(rows, {**rows, "p": row["p"]}), (
    "one row does not answer for four, though NumPy would stretch it"
)
assert not same_answers({"p": np.zeros(6)}, {"p": np.zeros((2, 3))}), "six numbers in another shape are another answer"
empty = {"p": np.zeros((0, 3))}
assert not same_answers(empty, empty), "on no rows everything agrees, so nothing was compared"
assert not same_answers(rows, {**rows, "scores": rows["p"]}), (
    "an output that nobody expects is not the signed-off model"
)
assert not same_answers({"label": np.array([3, 4])}, {"label": np.array([3, 5])}), (
    "integers are labels: equal, or wrong"
)
### END HIDDEN TESTS

# %% [markdown]
# Your gate at work, with your questions and your comparison. Not graded; which line would worry Bo?

# %%
kinds = ["grey"] * 20 + ["coloured"] * 60
many = pool(dice(NAME, "gate"), kinds)
signed_off = tag(many)
chosen = many[choose_inputs(many, signed_off["label"].tolist(), 24)]
for mistake in ("other rounding", *MISTAKES):
    passes = [same_answers(tag(asked), tag(asked, mistake)) for asked in (chosen, many[:20])]
    print(f"{mistake:18} passes: {passes[0]!s:5}   asked on grey photos only: {passes[1]}")

# %% [markdown]
# ## 3. Is it fast for those who wait? *(35 minutes, 6 points)*
#
# **3a. A percentile that refuses** *(2 points)*. The `q`-th percentile by **nearest rank**: sort the samples; the
# result is the one at rank $r = \lceil n q / 100 \rceil$, counted from 1. No interpolation: a percentile is something
# that somebody really waited. And a percentile that rests on a handful of samples is a rumour: unless **at least ten**
# samples lie beyond the rank ($n - r \ge 10$), return `None`. The samples come in any order; some may be infinite.
# This is stricter than what lab 01 used. (Compute `ceil(n * q / 100)` in just this order: `q / 100` is not exact for a
# `q` of 99.9, and $\lceil\;\rceil$ does not forgive.)


# %% solution="percentile"
def percentile(samples: list[float], q: float) -> float | None:
    """The sample at the nearest rank, or None with fewer than ten samples beyond it. 0 < q < 100."""
    ### BEGIN SOLUTION
    rank = ceil(len(samples) * q / 100)
    if len(samples) - rank < 10:
        return None
    return sorted(samples)[rank - 1]
    ### END SOLUTION


# %% test="percentile-rank" points=1
assert percentile(list(range(1, 42)), 50) == 21, "the middle one of 41 samples has rank 21"
assert percentile([7.0, 1.0] * 20, 70) == 7.0, "the samples come in any order: sort them first"
### BEGIN HIDDEN TESTS
shuffled = [float(one) for one in dice("somebody", "ranks").permutation(1000)]
assert percentile(shuffled, 99) == 989.0, "of the numbers from 0 to 999 the 990th is 989: ranks are counted from 1"
assert percentile(shuffled, 50) == 499.0, "of an even number of samples the median is one of them, not the mean of two"
assert percentile([float(one) for one in range(10_000)], 99.9) == 9989.0, (
    "rank 9990 of 10,000; q / 100 first gives 9991"
)
assert percentile([inf] * 30 + [2.0] * 75, 90) == inf, "a wait without an end is a sample too"
### END HIDDEN TESTS

# %% test="percentile-refuses" points=1
assert percentile([1.0] * 20, 50) == 1.0, "of 20 samples ten lie beyond rank 10: that is enough"
assert percentile([1.0] * 19, 50) is None, "of 19 samples nine lie beyond rank 10: that is too few"
### BEGIN HIDDEN TESTS
assert percentile([1.0] * 999, 99) is None, "a p99 needs 1000 samples, for ten of them to lie beyond it"
assert percentile([1.0] * 1000, 99) == 1.0, "1000 samples are enough for a p99"
assert percentile([1.0] * 109, 90) == 1.0, "of 109 samples, ten lie beyond rank 99"
assert percentile([1.0] * 5000, 99.9) is None, "a p99.9 of 5000 samples rests on five"
assert percentile([], 50) is None, "no samples, no percentile"
### END HIDDEN TESTS

# %% [markdown]
# **3b. How long did the customers wait?** *(3 points)*. A load test meant to send a request every `every_ms`
# milliseconds, as customers would. But its client waits for each answer before it asks again. When the server stalls,
# the client stalls with it: all the requests that customers would have sent into the stall are politely sent
# *afterwards*, and each of them is quick. Gil Tene named this **coordinated omission**. The cure is to count from when
# a request was *meant* to be sent.
#
# A log is a list of rows `{"request": number, "sent": ms, "answered": ms}`, one row for each of the requests
# 0, 1, 2, ... (at least request 0), in whatever order they were written. Request 0 was sent when it was meant to be, at
# its own `sent` (rarely 0); request $i$ was meant to be sent $i$ times `every_ms` later, whether it was then sent late
# or early. A request that was never answered has `"answered": None`: whoever sent it waits for ever, `inf`. Return one
# wait for each request, in the order of their
# numbers.


# %% solution="waits"
def waits(log: list[dict], every_ms: float) -> list[float]:
    """How long each request waited for its answer, from when it was meant to be sent [ms], by its number."""
    ### BEGIN SOLUTION
    rows = sorted(log, key=lambda row: row["request"])
    return [
        inf if row["answered"] is None else row["answered"] - (rows[0]["sent"] + row["request"] * every_ms)
        for row in rows
    ]
    ### END SOLUTION


# %% test="waits-meant" points=1
log = [
    {"request": 0, "sent": 500.0, "answered": 504.0},
    {"request": 1, "sent": 510.0, "answered": 540.0},  # the stall
    {"request": 2, "sent": 540.0, "answered": 543.0},  # was meant to be sent at 520
]
assert waits(log, 10.0)[2] != 3.0, "counted from `sent`, the stall is forgotten: request 2 was meant to be sent at 520"
assert waits(log, 10.0) == [4.0, 30.0, 23.0], f"the customers waited 4, 30 and 23 ms, not {waits(log, 10.0)}"
### BEGIN HIDDEN TESTS
late = [{"request": i, "sent": 64.0 + 100 * i, "answered": 164.0 + 100 * i} for i in range(5)]
assert waits(late, 25.0) == [100.0, 175.0, 250.0, 325.0, 400.0], "who is always late is later every time"
early = [{"request": 0, "sent": 8.0, "answered": 9.0}, {"request": 1, "sent": 8.5, "answered": 20.0}]
assert waits(early, 2.5) == [1.0, 9.5], "sent early or late: it counts when a request was meant to be sent"
### END HIDDEN TESTS

# %% test="waits-order" points=1
mixed = [{"request": 1, "sent": 20.0, "answered": 21.0}, {"request": 0, "sent": 0.0, "answered": 30.0}]
assert waits(mixed, 20.0) == [30.0, 1.0], "one wait for each request, request 0 first, however the rows are ordered"
### BEGIN HIDDEN TESTS
rows = [{"request": i, "sent": 7.0 + 10 * i, "answered": 8.0 + 11 * i} for i in range(6)]
for order in ([5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 4, 3]):
    found = waits([rows[i] for i in order], 10.0)
    assert found == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (
        "the clock starts with request 0, wherever in the log its row stands"
    )
### END HIDDEN TESTS

# %% test="waits-unanswered" points=1
lossy = [{"request": 0, "sent": 3.0, "answered": 5.0}, {"request": 1, "sent": 4.0, "answered": None}]
assert len(waits(lossy, 1.0)) == 2, "two requests, two waits: who got no answer waited too"
### BEGIN HIDDEN TESTS
assert waits(lossy, 1.0) == [2.0, inf], "without an answer the wait has no end"
assert waits([{"request": 0, "sent": 3.0, "answered": None}], 1.0) == [inf], (
    "request 0 can be lost too, and starts the clock"
)
assert waits([{"request": 0, "sent": 3.0, "answered": 3.0}], 1.0) == [0.0], "an answer at once is a wait of 0"
### END HIDDEN TESTS

# %% [markdown]
# **3c. Your own trace** *(1 point)*. This is the log of a load test on Bo's box; everybody has another one.

# %%
log, every_ms = trace_for(NAME)
lost = sum(row["answered"] is None for row in log)
print(f"{len(log)} requests, one meant to be sent every {every_ms:.0f} ms; {lost} were never answered")
for row in log[:3]:
    print(row)

# %% [markdown]
# Report, with the percentiles of 3a, in milliseconds, or `None` where there are too few samples:
#
# - `"tool_p99"`: what a tool says that omits: the p99 of `answered - sent`, over the answered requests;
# - `"customer_p50"`, `"customer_p99"`, `"customer_p999"`: the p50, p99 and p99.9 of the waits of 3b, over **all**
#   requests.
#
# The checks allow for rounding.

# %% solution="my_report"
MY_REPORT = {"tool_p99": ..., "customer_p50": ..., "customer_p99": ..., "customer_p999": ...}
### BEGIN SOLUTION
waited = waits(log, every_ms)
MY_REPORT = {
    "tool_p99": percentile([row["answered"] - row["sent"] for row in log if row["answered"] is not None], 99),
    "customer_p50": percentile(waited, 50),
    "customer_p99": percentile(waited, 99),
    "customer_p999": percentile(waited, 99.9),
}
### END SOLUTION

# %% test="my_report-numbers" points=1
asked = {"tool_p99", "customer_p50", "customer_p99", "customer_p999"}
assert set(MY_REPORT) == asked, f"the report has the entries {', '.join(sorted(asked))}"
assert all(one is None or isinstance(one, int | float) for one in MY_REPORT.values()), "each entry is a number or None"
assert MY_REPORT["customer_p50"] is not None, "for a median there are enough samples"
### BEGIN HIDDEN TESTS
trace, interval = trace_for(NAME)
meant = [trace[0]["sent"] + row["request"] * interval for row in trace]
real = sorted(inf if row["answered"] is None else row["answered"] - at for row, at in zip(trace, meant, strict=True))
quick = sorted(row["answered"] - row["sent"] for row in trace if row["answered"] is not None)
expected = {
    "customer_p50": real[ceil(len(real) * 50 / 100) - 1],
    "customer_p99": real[ceil(len(real) * 99 / 100) - 1],
    "tool_p99": quick[ceil(len(quick) * 99 / 100) - 1],
}
for entry, value in expected.items():
    assert isclose(MY_REPORT[entry] or 0, value, rel_tol=1e-3), f"{entry} is not that of your own trace"
assert MY_REPORT["customer_p999"] is None, "too few samples lie beyond a p99.9 of this trace"
### END HIDDEN TESTS

# %% [markdown]
# ## 4. The mistake behind the gate *(35 minutes, 6 points)*
#
# The files are right, the answers agree, the waits are short. And somewhere a client prepares its photos *almost* as
# in training, before they reach the gate. Lab 01 showed three such mistakes (red and blue swapped, the nearest pixel,
# scaled twice). **Yours is another one**, drawn from your name, as are the photos. You have the client as a function
# and nothing else; the points are for the evidence.

# %%
client = client_for(NAME)  # uint8 RGB (n, 112, 112, 3) -> float32 (n, 1, 28, 28), almost in [0, 1]
unseen = photos(112, "test")
rows = sorted(dice(NAME, "ps01 photos").choice(len(unseen), 400, replace=False).tolist())
shots, truth = np.stack([unseen[row] for row in rows]), unseen.labels[rows]
network = mine("cnn")  # yours from lab 00, or the course's


def tags_of(prepared: np.ndarray) -> np.ndarray:
    """The tags that your network gives prepared images (n, 1, 28, 28): indices into LABELS."""
    return probabilities(network, torch.from_numpy(np.ascontiguousarray(prepared))).argmax(-1).numpy()


# %%
pictures(
    [image[0] for image in prepare(shots[:6])], [LABELS[one] for one in tags_of(prepare(shots[:6]))], "As in training"
)
pictures(
    [image[0] for image in client(shots[:6])], [LABELS[one] for one in tags_of(client(shots[:6]))], "As the client does"
)

# %% [markdown]
# The pictures are drawn from black at 0 to white at 1; eyes are easily satisfied all the same. Measure as much as you
# need: here, and in cells that you add.

# %%
right = {"as in training": tags_of(prepare(shots)) == truth, "the client": tags_of(client(shots)) == truth}
for way, hits in right.items():
    print(f"{way:15} {100 * hits.mean():5.1f} % right of {len(hits)}")

# %% [markdown] task="skew_measured" points=3
# **Measure the skew.** Answer in the cell below, with numbers of your own:
#
# 1. *(1 point)* How many percentage points of right tags does the client cost, on how many photos? By how much could
#    chance have moved that number? (If $b$ of the same $n$ photos are lost and $c$ won, the standard error of the
#    difference is $\sqrt{b + c - (b - c)^2 / n} \; / \; n$.)
# 2. *(1 point)* Whom does it hit? Two labels that suffer most and one that hardly does, with their numbers before and
#    after. (A label may even gain.)
# 3. *(1 point)* **What does the client do wrong?** Name the step (decode, grey, shrink, scale, or where the photo is
#    cut) and two measurements of the prepared images that speak for it: for instance mean and deviation, a histogram,
#    single pixels of a photo that you made yourself.
#
# ### BEGIN MARK SCHEME
# The student's client: `labkit.grading.clients.client_for(NAME)` (darker, gamma, shifted, enlarged,
# exchanged_channels).
#
# **1 (1 point).** Both shares, n, the difference, and its standard error from the photos lost and won. Half: without
# the error, or with the error of a single share.
#
# **2 (1 point).** Three labels with counts or shares before and after. Half: labels without numbers.
#
# **3 (1 point).** The right step with two measurements. Half: the right step with one measurement or a picture alone,
# or a wrong step that two measurements honestly support.
#
# *Full:* "Mean and deviation are both 0.41 times those of training (0.120 and 0.292; 0.065 and 0.157), and a white
# photo that I made comes out as 0.41 at every pixel: it divides by about 620 and not by 255. The step is the scale."
#
# *Half:* "The pictures are darker, so the scale is wrong."
# ### END MARK SCHEME

# %% [markdown]
# *Your answer:*

# %% [markdown] task="skew_explained" points=3
# **Explain it to Bo**, who saw no alarm. Answer in the cell below:
#
# 1. *(1 point)* Why did none of the three bars of your gate stop this, and which error or latency would Bo have seen?
# 2. *(1 point)* One check that *would* have noticed, running in service, without labels: what it measures, where it
#    stands, its threshold, what it says for your client and for right photos, and on how many of them you tried it.
# 3. *(1 point)* What would you change so that this mistake cannot be made, what does the change cost, and which part of
#    the mistake (or which other one of lab 01's three) does it still let through?
#
# ### BEGIN MARK SCHEME
# **1 (1 point).** The gate looks at the artifact: the same file, the same answers to the same inputs, the same waits.
# The input is wrong before it arrives, with the right type and shape; Bo saw status 200 and usual latencies. Half:
# "the gate does not check inputs" without saying what it does check, or without what Bo saw.
#
# **2 (1 point).** A measured quantity of the inputs (mean brightness, share of dark pixels, where the mass of the
# image lies) or of the answers (how often each label goes out, mean of the largest probability), a place (server,
# before the model or after it), a threshold that lies between two measured values. Half: a quantity without measured
# values.
#
# **3 (1 point).** For instance: the artifact begins at the photo, so that scaling and cutting happen inside; it costs
# more bytes a request and a new export; swapped channels at decoding still pass. Half: a remedy without its cost or
# without its gap.
#
# *Full for 2:* "In the server, the mean of each image, averaged over 400 photos: 0.292 in training, 0.120 for this
# client, and between 0.27 and 0.31 in 20 samples of 400 right photos. Alarm outside 0.25 to 0.33."
#
# *Half for 2:* "Monitor the mean of the input and alarm when it drifts."
# ### END MARK SCHEME

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ## Submit
#
# In a terminal `labkit course validate ps01` runs your notebook from top to bottom and says in words what the visible
# checks found; then `labkit course submit ps01` hands it in. The **Assignments** tab in JupyterLab does the same. You
# may submit again until the deadline: nothing is overwritten, and the last one counts.
#
# ## Extra, for no points
#
# Bo asks for the smallest gate: which *single* photo of the pool, asked alone, refuses the most mistakes? Write
# `best_question(photos)`, and find out how small a difference it can still see.
