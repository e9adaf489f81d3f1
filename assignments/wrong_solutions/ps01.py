# ruff: noqa: F811, F821 (each cell stands in the place of another, and uses the names of its notebook)

# %% wrong="leaves_the_dots" cell="name" loses=2 visible=false
# Forgot the name, which the trace comes from.
NAME = ...

# %% wrong="keeps_a_placeholder" cell="name" loses=1 visible=true
# Wrote what stands in every example, and shares the numbers with whoever did the same.
NAME = "Your Name"


# %% wrong="describes_the_array" cell="describe" loses=1 visible=false
# Takes length and hash of the array: a damaged header would never be noticed.
def describe(labels, files):
    entries = {}
    for name, content in files.items():
        array = np.load(io.BytesIO(content))
        digest = hashlib.sha256(array.tobytes()).hexdigest()
        entries[name] = {
            "bytes": array.nbytes,
            "sha256": digest,
            "dtype": str(array.dtype),
            "shape": list(array.shape),
        }
    return {"labels": list(labels), "files": entries}


# %% wrong="sorts_the_labels" cell="describe" loses=1 visible=true
# Tidies up, and gives every index another meaning.
def describe(labels, files):
    entries = {}
    for name, content in files.items():
        array = np.load(io.BytesIO(content))
        digest = hashlib.sha256(content).hexdigest()
        entries[name] = {
            "bytes": len(content),
            "sha256": digest,
            "dtype": str(array.dtype),
            "shape": list(array.shape),
        }
    return {"labels": sorted(labels), "files": entries}


# %% wrong="keeps_a_tuple_of_labels" cell="describe" loses=1 visible=true
# Passes the labels on as they came: as JSON, a tuple comes back as a list.
def describe(labels, files):
    entries = {}
    for name, content in files.items():
        array = np.load(io.BytesIO(content))
        digest = hashlib.sha256(content).hexdigest()
        entries[name] = {
            "bytes": len(content),
            "sha256": digest,
            "dtype": str(array.dtype),
            "shape": list(array.shape),
        }
    return {"labels": labels, "files": entries}


# %% wrong="takes_every_array_for_float32" cell="describe" loses=1 visible=true
# Writes down the datatype that it expects.
def describe(labels, files):
    entries = {}
    for name, content in files.items():
        shape = list(np.load(io.BytesIO(content)).shape)
        digest = hashlib.sha256(content).hexdigest()
        entries[name] = {"bytes": len(content), "sha256": digest, "dtype": "float32", "shape": shape}
    return {"labels": list(labels), "files": entries}


# %% wrong="stops_at_the_first" cell="verify" loses=3 visible=true
# Returns as soon as anything is wrong.
def verify(manifest, files):
    for name, promised in manifest["files"].items():
        content = files.get(name)
        if content is None:
            return [f"missing: {name}"]
        if len(content) < promised["bytes"]:
            return [f"truncated: {name}"]
        if hashlib.sha256(content).hexdigest() != promised["sha256"]:
            return [f"altered: {name}"]
        array = np.load(io.BytesIO(content))
        if str(array.dtype) != promised["dtype"]:
            return [f"dtype: {name}"]
        if list(array.shape) != promised["shape"]:
            return [f"shape: {name}"]
    labels, classes = manifest["labels"], manifest["files"]["bias.npy"]["shape"][0]
    return [] if len(labels) == len(set(labels)) == classes else ["labels"]


# %% wrong="trusts_the_length" cell="verify" loses=1 visible=false
# Compares lengths and never a hash.
def verify(manifest, files):
    problems = []
    for name, promised in manifest["files"].items():
        content = files.get(name)
        if content is None:
            problems.append(f"missing: {name}")
        elif len(content) < promised["bytes"]:
            problems.append(f"truncated: {name}")
        elif len(content) > promised["bytes"]:
            problems.append(f"altered: {name}")
        elif str(np.load(io.BytesIO(content)).dtype) != promised["dtype"]:
            problems.append(f"dtype: {name}")
        elif list(np.load(io.BytesIO(content)).shape) != promised["shape"]:
            problems.append(f"shape: {name}")
    labels, classes = manifest["labels"], manifest["files"]["bias.npy"]["shape"][0]
    return problems if len(labels) == len(set(labels)) == classes else [*problems, "labels"]


# %% wrong="hashes_what_it_expects" cell="verify" loses=1 visible=true
# Hashes only as many bytes as were promised: whatever follows them passes.
def verify(manifest, files):
    problems = []
    for name, promised in manifest["files"].items():
        content = files.get(name)
        if content is None:
            problems.append(f"missing: {name}")
        elif len(content) < promised["bytes"]:
            problems.append(f"truncated: {name}")
        elif hashlib.sha256(content[: promised["bytes"]]).hexdigest() != promised["sha256"]:
            problems.append(f"altered: {name}")
        elif str(np.load(io.BytesIO(content)).dtype) != promised["dtype"]:
            problems.append(f"dtype: {name}")
        elif list(np.load(io.BytesIO(content)).shape) != promised["shape"]:
            problems.append(f"shape: {name}")
    labels, classes = manifest["labels"], manifest["files"]["bias.npy"]["shape"][0]
    return problems if len(labels) == len(set(labels)) == classes else [*problems, "labels"]


# %% wrong="counts_bytes_of_a_number" cell="verify" loses=1 visible=true
# Takes a datatype for right if its numbers have the right size.
def verify(manifest, files):
    problems = []
    for name, promised in manifest["files"].items():
        content = files.get(name)
        if content is None:
            problems.append(f"missing: {name}")
        elif len(content) < promised["bytes"]:
            problems.append(f"truncated: {name}")
        elif hashlib.sha256(content).hexdigest() != promised["sha256"]:
            problems.append(f"altered: {name}")
        elif np.load(io.BytesIO(content)).dtype.itemsize != np.dtype(promised["dtype"]).itemsize:
            problems.append(f"dtype: {name}")
        elif list(np.load(io.BytesIO(content)).shape) != promised["shape"]:
            problems.append(f"shape: {name}")
    labels, classes = manifest["labels"], manifest["files"]["bias.npy"]["shape"][0]
    return problems if len(labels) == len(set(labels)) == classes else [*problems, "labels"]


# %% wrong="complains_of_strangers" cell="verify" loses=1 visible=true
# Reports files that the manifest does not name.
def verify(manifest, files):
    problems = []
    for name, promised in manifest["files"].items():
        content = files.get(name)
        if content is None:
            problems.append(f"missing: {name}")
        elif len(content) < promised["bytes"]:
            problems.append(f"truncated: {name}")
        elif hashlib.sha256(content).hexdigest() != promised["sha256"]:
            problems.append(f"altered: {name}")
        elif str(np.load(io.BytesIO(content)).dtype) != promised["dtype"]:
            problems.append(f"dtype: {name}")
        elif list(np.load(io.BytesIO(content)).shape) != promised["shape"]:
            problems.append(f"shape: {name}")
    labels, classes = manifest["labels"], manifest["files"]["bias.npy"]["shape"][0]
    problems += [] if len(labels) == len(set(labels)) == classes else ["labels"]
    return problems + [f"altered: {name}" for name in files if name not in manifest["files"]]


# %% wrong="takes_the_first" cell="choose_inputs" loses=2 visible=false
# Asks whatever comes first.
def choose_inputs(photos, labels, n):
    return list(range(n))


# %% wrong="forgets_the_labels" cell="choose_inputs" loses=1 visible=false
# Avoids blind photos, and never looks at a label.
def choose_inputs(photos, labels, n):
    seeing = [
        row
        for row, photo in enumerate(photos)
        if not np.array_equal(photo, photo[..., ::-1]) and not np.array_equal(photo, photo.transpose(1, 0, 2))
    ]
    return (seeing + [row for row in range(len(photos)) if row not in seeing])[:n]


# %% wrong="takes_purple_for_coloured" cell="choose_inputs" loses=2 visible=true
# Avoids grey photos: but where red equals blue, a photo is coloured and blind.
def choose_inputs(photos, labels, n):
    blind = [
        bool((photo == photo[..., :1]).all()) or np.array_equal(photo, photo.transpose(1, 0, 2)) for photo in photos
    ]
    best_first = sorted(range(len(photos)), key=lambda row: blind[row])
    chosen = {}
    for row in best_first:
        chosen.setdefault(labels[row], row)
    rows = list(chosen.values())
    return (rows + [row for row in best_first if row not in rows])[:n]


# %% wrong="first_of_each_label" cell="choose_inputs" loses=2 visible=false
# Covers the labels with whatever photo comes first, blind or not.
def choose_inputs(photos, labels, n):
    blind = [
        np.array_equal(photo, photo[..., ::-1]) or np.array_equal(photo, photo.transpose(1, 0, 2)) for photo in photos
    ]
    rows = [labels.index(label) for label in dict.fromkeys(labels)]
    return (rows + [row for row in range(len(photos)) if row not in rows and not blind[row]])[:n]


# %% wrong="drops_hopeless_labels" cell="choose_inputs" loses=1 visible=true
# Takes no blind photo ever, so that a label which has only a blind one is never asked for.
def choose_inputs(photos, labels, n):
    rows, met = [], set()
    seeing = [
        row
        for row, photo in enumerate(photos)
        if not np.array_equal(photo, photo[..., ::-1]) and not np.array_equal(photo, photo.transpose(1, 0, 2))
    ]
    for row in seeing:
        if labels[row] not in met:
            met.add(labels[row])
            rows.append(row)
    return (rows + [row for row in seeing if row not in rows])[:n]


# %% wrong="equal_to_the_bit" cell="same_answers" loses=3 visible=false
# Has no tolerance: the gate that kept Bo up until four. Refuses every artifact that rounds otherwise.
def same_answers(expected, answer, rtol=1e-3, atol=1e-5):
    return expected.keys() == answer.keys() and all(
        len(expected[name]) > 0 and np.array_equal(expected[name], answer[name]) for name in expected
    )


# %% wrong="judges_the_mean" cell="same_answers" loses=3 visible=true
# Compares the mean difference: one wrong number among many drowns.
def same_answers(expected, answer, rtol=1e-3, atol=1e-5):
    if expected.keys() != answer.keys():
        return False
    for name, right in expected.items():
        given = answer[name]
        if right.shape != given.shape or len(right) == 0:
            return False
        if right.dtype.kind != "f":
            if not np.array_equal(right, given):
                return False
        elif not np.abs(given - right).mean() <= atol + rtol * np.abs(right).mean():
            return False
    return True


# %% wrong="measures_by_the_answer" cell="same_answers" loses=1 visible=true
# Takes the border relative to the answer: the further off it is, the more it may be.
def same_answers(expected, answer, rtol=1e-3, atol=1e-5):
    if expected.keys() != answer.keys():
        return False
    for name, right in expected.items():
        given = answer[name]
        if right.shape != given.shape or len(right) == 0:
            return False
        if right.dtype.kind != "f":
            if not np.array_equal(right, given):
                return False
        elif not (np.isfinite(right) & np.isfinite(given) & np.isclose(right, given, rtol, atol)).all():
            return False
    return True


# %% wrong="nan_is_not_larger" cell="same_answers" loses=1 visible=false
# Asks whether any difference is too large; a NaN never is.
def same_answers(expected, answer, rtol=1e-3, atol=1e-5):
    if expected.keys() != answer.keys():
        return False
    for name, right in expected.items():
        given = answer[name]
        if right.shape != given.shape or len(right) == 0:
            return False
        if right.dtype.kind != "f":
            if not np.array_equal(right, given):
                return False
        elif (np.abs(given - right) > atol + rtol * np.abs(right)).any():
            return False
    return True


# %% wrong="forgets_infinity" cell="same_answers" loses=1 visible=true
# Stops NaN, and lets an infinite expectation widen the border without end.
def same_answers(expected, answer, rtol=1e-3, atol=1e-5):
    if expected.keys() != answer.keys():
        return False
    for name, right in expected.items():
        given = answer[name]
        if right.shape != given.shape or len(right) == 0:
            return False
        if right.dtype.kind != "f":
            if not np.array_equal(right, given):
                return False
        elif not (np.abs(given - right) <= atol + rtol * np.abs(right)).all():
            return False
    return True


# %% wrong="lets_numpy_stretch" cell="same_answers" loses=1 visible=true
# Compares without looking at shapes: one row answers for four, and on no rows everything agrees.
def same_answers(expected, answer, rtol=1e-3, atol=1e-5):
    if expected.keys() != answer.keys():
        return False
    for name, right in expected.items():
        given = answer[name]
        if right.dtype.kind != "f":
            if not np.array_equal(right, given):
                return False
        elif not np.isfinite([right.sum(), given.sum()]).all() or not np.allclose(given, right, rtol, atol):
            return False
    return True


# %% wrong="labels_mostly_right" cell="same_answers" loses=1 visible=true
# Takes 99 of 100 equal labels for equal.
def same_answers(expected, answer, rtol=1e-3, atol=1e-5):
    if expected.keys() != answer.keys():
        return False
    for name, right in expected.items():
        given = answer[name]
        if right.shape != given.shape or len(right) == 0:
            return False
        if right.dtype.kind != "f":
            if (right == given).mean() < 0.99:
                return False
        elif not (np.isfinite(right) & (np.abs(given - right) <= atol + rtol * np.abs(right))).all():
            return False
    return True


# %% wrong="interpolates" cell="percentile" loses=2 visible=true
# NumPy's default: a wait that nobody had.
def percentile(samples, q):
    if len(samples) - ceil(len(samples) * q / 100) < 10:
        return None
    return float(np.percentile(samples, q))


# %% wrong="counts_from_zero" cell="percentile" loses=2 visible=true
# Cuts n * q / 100 to an index: right where the product is no whole number.
def percentile(samples, q):
    index = int(len(samples) * q / 100)
    if len(samples) - ceil(len(samples) * q / 100) < 10:
        return None
    return sorted(samples)[index]


# %% wrong="divides_first" cell="percentile" loses=1 visible=true
# Multiplies with q / 100, which is a little too large for a q of 99.9.
def percentile(samples, q):
    rank = ceil(len(samples) * (q / 100))
    if len(samples) - rank < 10:
        return None
    return sorted(samples)[rank - 1]


# %% wrong="one_sample_is_enough" cell="percentile" loses=2 visible=false
# The rule of lab 01: a single sample in the tail will do.
def percentile(samples, q):
    rank = ceil(len(samples) * q / 100)
    return sorted(samples)[rank - 1] if len(samples) - rank >= 1 else None


# %% wrong="twenty_will_do" cell="percentile" loses=2 visible=true
# Takes twenty samples for enough, whatever the percentile.
def percentile(samples, q):
    rank = ceil(len(samples) * q / 100)
    return sorted(samples)[rank - 1] if len(samples) >= 20 else None


# %% wrong="omits_in_coordination" cell="waits" loses=2 visible=false
# Counts from when a request was sent: the stall is forgotten.
def waits(log, every_ms):
    rows = sorted(log, key=lambda row: row["request"])
    return [inf if row["answered"] is None else row["answered"] - row["sent"] for row in rows]


# %% wrong="believes_the_order" cell="waits" loses=1 visible=false
# Takes the place of a row in the log for the number of its request.
def waits(log, every_ms):
    start = log[0]["sent"]
    return [
        inf if row["answered"] is None else row["answered"] - (start + place * every_ms)
        for place, row in enumerate(log)
    ]


# %% wrong="never_before_it_was_sent" cell="waits" loses=1 visible=true
# Counts from the later of the two moments where a request was sent early.
def waits(log, every_ms):
    rows = sorted(log, key=lambda row: row["request"])
    start = rows[0]["sent"]
    return [
        inf if row["answered"] is None else row["answered"] - min(row["sent"], start + row["request"] * every_ms)
        for row in rows
    ]


# %% wrong="unanswered_is_no_wait" cell="waits" loses=2 visible=true
# Gives whoever got no answer a wait of nothing.
def waits(log, every_ms):
    rows = sorted(log, key=lambda row: row["request"])
    start = rows[0]["sent"]
    return [0.0 if row["answered"] is None else row["answered"] - (start + row["request"] * every_ms) for row in rows]


# %% wrong="reports_the_tool" cell="my_report" loses=1 visible=true
# Reports what the tool says for the customers as well.
quick = [row["answered"] - row["sent"] for row in log if row["answered"] is not None]
MY_REPORT = {
    "tool_p99": percentile(quick, 99),
    "customer_p50": percentile(quick, 50),
    "customer_p99": percentile(quick, 99),
    "customer_p999": None,
}

# %% wrong="has_a_number_for_everything" cell="my_report" loses=1 visible=true
# Reports the longest wait as a p99.9 that nobody can know.
waited = waits(log, every_ms)
MY_REPORT = {
    "tool_p99": percentile([row["answered"] - row["sent"] for row in log if row["answered"] is not None], 99),
    "customer_p50": percentile(waited, 50),
    "customer_p99": percentile(waited, 99),
    "customer_p999": max(waited),
}

# %% wrong="refuses_everything" cell="my_report" loses=1 visible=false
# Reports nothing, to be safe.
MY_REPORT = {"tool_p99": None, "customer_p50": None, "customer_p99": None, "customer_p999": None}
