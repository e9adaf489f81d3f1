# ruff: noqa: F811, F821 (each cell stands in the place of another, and uses the names of its notebook)

# %% wrong="leaves_the_dots" cell="name" loses=6 visible=false
# Forgot the name, which the cluster and the suspect come from.
NAME = ...

# %% wrong="keeps_a_placeholder" cell="name" loses=1 visible=true
# Wrote what stands in every example, and shares the numbers with whoever did the same.
NAME = "My Name"


# %% wrong="sends_before_it_receives" cell="all_reduce" loses=5 visible=false
# A deadlock: every rank sends first, and nobody receives.
def all_reduce(x, op):
    n, here = link.size(), link.rank()
    shards = list(x.tensor_split(n))
    for step in range(n - 1):
        into = torch.empty_like(shards[(here - step - 1) % n])
        link.send(shards[(here - step) % n], (here + 1) % n)
        link.recv(into, (here - 1) % n)
        shards[(here - step - 1) % n].copy_(OPS[op](shards[(here - step - 1) % n], into))
    for step in range(n - 1):
        link.send(shards[(here + 1 - step) % n], (here + 1) % n)
        link.recv(shards[(here - step) % n], (here - 1) % n)
    return x


# %% wrong="everything_through_rank_0" cell="all_reduce" loses=2 visible=false
# All vectors to rank 0, one after the other, and back: as many steps, and n times the bytes through one link.
def all_reduce(x, op):
    into = torch.empty_like(x)
    for other in range(1, link.size()):
        if link.rank() == 0:
            x = OPS[op](x, link.recv(into, other))
        elif link.rank() == other:
            link.send(x, 0)
    for other in range(1, link.size()):
        if link.rank() == 0:
            link.send(x, other)
        elif link.rank() == other:
            link.recv(x, 0)
    return x


# %% wrong="whole_vectors_go_around" cell="all_reduce" loses=5 visible=false
# Passes whole vectors around, n - 1 steps: too many bytes, and each rank adds in an order of its own.
def all_reduce(x, op):
    n, here = link.size(), link.rank()
    held, got = x.clone(), torch.empty_like(x)
    for _ in range(n - 1):
        link.sendrecv(held, (here + 1) % n, got, (here - 1) % n)
        x = OPS[op](x, got)
        held, got = got, held
    return x


# %% wrong="shards_that_divide" cell="all_reduce" loses=3 visible=false
# Cuts shards of a whole number each, and forgets what is left over.
def all_reduce(x, op):
    n, here = link.size(), link.rank()
    each = len(x) // n
    shards = [x[rank * each : (rank + 1) * each] for rank in range(n)]
    for step in range(n - 1):
        mine = shards[(here - step - 1) % n]
        into = torch.empty_like(mine)
        link.sendrecv(shards[(here - step) % n], (here + 1) % n, into, (here - 1) % n)
        mine.copy_(OPS[op](mine, into))
    for step in range(n - 1):
        link.sendrecv(shards[(here + 1 - step) % n], (here + 1) % n, shards[(here - step) % n], (here - 1) % n)
    return x


# %% wrong="sums_whatever_is_asked" cell="all_reduce" loses=4 visible=false
# Adds, whatever the operation is.
def all_reduce(x, op):
    n, here = link.size(), link.rank()
    shards = list(x.tensor_split(n))
    for step in range(n - 1):
        mine = shards[(here - step - 1) % n]
        into = torch.empty_like(mine)
        mine += link.sendrecv(shards[(here - step) % n], (here + 1) % n, into, (here - 1) % n)
    for step in range(n - 1):
        link.sendrecv(shards[(here + 1 - step) % n], (here + 1) % n, shards[(here - step) % n], (here - 1) % n)
    return x


# %% wrong="forgets_to_gather" cell="all_reduce" loses=5 visible=false
# Each rank finishes one shard, and nobody hears of it.
def all_reduce(x, op):
    n, here = link.size(), link.rank()
    shards = list(x.tensor_split(n))
    for step in range(n - 1):
        mine = shards[(here - step - 1) % n]
        into = torch.empty_like(mine)
        link.sendrecv(shards[(here - step) % n], (here + 1) % n, into, (here - 1) % n)
        mine.copy_(OPS[op](mine, into))
    return x


# %% wrong="one_rank_after_the_other" cell="all_reduce" loses=1 visible=false
# Avoids the deadlock by turns: the shards go around one after the other, and most ranks wait.
def all_reduce(x, op):
    n, here = link.size(), link.rank()
    shards = list(x.tensor_split(n))
    for shard, piece in enumerate(shards):
        into = torch.empty_like(piece)
        for hop in range(2 * (n - 1)):
            source, to = (shard + hop) % n, (shard + hop + 1) % n
            if here == source:
                link.send(piece, to)
            elif here == to:
                link.recv(into, source)
                piece.copy_(OPS[op](piece, into) if hop < n - 1 else into)
    return x


# %% wrong="rounds_for_two_and_three" cell="all_reduce" loses=5 visible=true
# Knows rings of up to three ranks: it takes the rank two steps away for the neighbour on the other side.
def all_reduce(x, op):
    n, here = link.size(), link.rank()
    right, left = (here + 1) % n, (here + (1 if n == 2 else 2)) % n
    shards = list(x.tensor_split(n))
    for step in range(n - 1):
        mine = shards[(here - step - 1) % n]
        into = torch.empty_like(mine)
        link.sendrecv(shards[(here - step) % n], right, into, left)
        mine.copy_(OPS[op](mine, into))
    for step in range(n - 1):
        link.sendrecv(shards[(here + 1 - step) % n], right, shards[(here - step) % n], left)
    return x


# %% wrong="sends_shards_of_the_right_size" cell="all_reduce" loses=1 visible=false
# Sends what looks like a ring, and passes the vectors on in files.
def all_reduce(x, op):
    from pathlib import Path

    n, here = link.size(), link.rank()
    pieces = [torch.zeros(len(piece)) for piece in x.tensor_split(n)]
    torch.save(x, f"vector{here}.new")
    Path(f"vector{here}.new").rename(f"vector{here}.pt")
    for step in range(2 * (n - 1)):
        link.sendrecv(pieces[(here - step) % n], (here + 1) % n, pieces[(here - step - 1) % n].clone(), (here - 1) % n)
    for rank in range(n):
        x = torch.load(f"vector{rank}.pt") if rank == 0 else OPS[op](x, torch.load(f"vector{rank}.pt"))
    return x


# %% wrong="does_not_begin_together" cell="same_start" loses=1 visible=false
# No broadcast: every rank begins where it likes.
def same_start(model):
    pass


# %% wrong="tells_rank_1_alone" cell="same_start" loses=1 visible=true
# Tells the neighbour of rank 0, and nobody else.
def same_start(model):
    for parameter in model.parameters():
        if link.size() > 1 and link.rank() == 0:
            link.send(parameter.data, 1)
        elif link.rank() == 1:
            link.recv(parameter.data, 0)


# %% wrong="begins_at_the_mean" cell="same_start" loses=1 visible=true
# All ranks begin with the same weights: with the mean of all, which is smaller than any.
def same_start(model):
    for parameter in model.parameters():
        ring_all_reduce(parameter.data)
        parameter.data /= link.size()


# %% wrong="sum_for_mean" cell="step" loses=5 visible=false
# Adds up the gradients of n means, and does not divide.
def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    told = ring_all_reduce(torch.tensor([len(x), loss.item() * len(x)], dtype=torch.float64))
    for parameter in model.parameters():
        if parameter.grad is not None:
            ring_all_reduce(parameter.grad)
    optimizer.step()
    return (told[1] / told[0]).item()


# %% wrong="mean_of_means" cell="step" loses=2 visible=false
# Divides by the number of ranks: right where all have as many rows.
def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    told = ring_all_reduce(torch.tensor([len(x), loss.item() * len(x)], dtype=torch.float64))
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad /= link.size()
            ring_all_reduce(parameter.grad)
    optimizer.step()
    return (told[1] / told[0]).item()


# %% wrong="averages_the_weights" cell="step" loses=1 visible=true
# Averages the weights after the step: the same for SGD, and not for Adam.
def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    told = ring_all_reduce(torch.tensor([len(x), loss.item() * len(x)], dtype=torch.float64))
    optimizer.step()
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data *= len(x) / told[0]
            ring_all_reduce(parameter.data)
    return (told[1] / told[0]).item()


# %% wrong="leaves_out_the_last_bucket" cell="step" loses=5 visible=false
# Sums buckets of a kilobyte, and what is in the last one stays where it is.
def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    told = ring_all_reduce(torch.tensor([len(x), loss.item() * len(x)], dtype=torch.float64))
    bucket = []
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad *= len(x) / told[0]
            bucket.append(parameter.grad)
        if sum(gradient.nbytes for gradient in bucket) > 1024:
            for gradient in bucket:
                ring_all_reduce(gradient)
            bucket = []
    optimizer.step()
    return (told[1] / told[0]).item()


# %% wrong="all_rows_to_all_ranks" cell="step" loses=1 visible=false
# Sends everybody all rows, and then computes the same thing n times.
def step(model, optimizer, x, y):
    n, here = link.size(), link.rank()
    counts = torch.zeros(n)
    counts[here] = len(x)
    counts = ring_all_reduce(counts).long().tolist()
    begin, width = sum(counts[:here]), x.shape[1]
    rows = torch.zeros(sum(counts), width + 1, dtype=torch.float64)
    rows[begin : begin + len(x), :width], rows[begin : begin + len(x), width:] = x, y
    ring_all_reduce(rows)
    optimizer.zero_grad()
    loss = F.mse_loss(model(rows[:, :width]), rows[:, width:])
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong="says_its_own_loss" cell="step" loses=1 visible=false
# Returns the mean over its own rows.
def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    rows = ring_all_reduce(torch.tensor([float(len(x))], dtype=torch.float64)).item()
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad *= len(x) / rows
            ring_all_reduce(parameter.grad)
    optimizer.step()
    return loss.item()


# %% wrong="says_the_mean_of_means" cell="step" loses=1 visible=true
# The gradients are weighed by rows, and the loss that is returned is not.
def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    told = ring_all_reduce(torch.tensor([len(x), loss.item()], dtype=torch.float64))
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad *= len(x) / told[0]
            ring_all_reduce(parameter.grad)
    optimizer.step()
    return (told[1] / link.size()).item()


# %% wrong="forgets_the_frozen" cell="step" loses=1 visible=false
# Takes it for granted that every parameter has a gradient.
def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    told = ring_all_reduce(torch.tensor([len(x), loss.item() * len(x)], dtype=torch.float64))
    for parameter in model.parameters():
        parameter.grad *= len(x) / told[0]
        ring_all_reduce(parameter.grad)
    optimizer.step()
    return (told[1] / told[0]).item()


# %% wrong="never_forgets_a_gradient" cell="step" loses=5 visible=false
# Leaves the gradients of the step before where they are.
def step(model, optimizer, x, y):
    loss = F.mse_loss(model(x), y)
    loss.backward()
    told = ring_all_reduce(torch.tensor([len(x), loss.item() * len(x)], dtype=torch.float64))
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad *= len(x) / told[0]
            ring_all_reduce(parameter.grad)
    optimizer.step()
    return (told[1] / told[0]).item()


# %% wrong="a_tree_of_whole_levels" cell="all_reduce_seconds" loses=1 visible=false
# Rounds the levels of the tree down.
def all_reduce_seconds(size, n, latency, bandwidth, how="ring"):
    if n < 1:
        raise ValueError(f"n is at least 1, and here it is {n}")
    if not bandwidth > 0:
        raise ValueError(f"a bandwidth is above 0, and this one is {bandwidth}")
    plans = {"naive": (2 * (n - 1), size), "tree": (2 * int(log2(n)), size), "ring": (2 * (n - 1), size / n)}
    if how not in plans:
        raise ValueError(f"how is one of {', '.join(plans)}, and not {how}")
    return plans[how][0] * (latency + plans[how][1] / bandwidth)


# %% wrong="pays_the_latency_once" cell="all_reduce_seconds" loses=3 visible=false
# Counts all bytes, and the latency of one message.
def all_reduce_seconds(size, n, latency, bandwidth, how="ring"):
    if n < 1:
        raise ValueError(f"n is at least 1, and here it is {n}")
    if not bandwidth > 0:
        raise ValueError(f"a bandwidth is above 0, and this one is {bandwidth}")
    plans = {"naive": (2 * (n - 1), size), "tree": (2 * ceil(log2(n)), size), "ring": (2 * (n - 1), size / n)}
    if how not in plans:
        raise ValueError(f"how is one of {', '.join(plans)}, and not {how}")
    return latency + plans[how][0] * plans[how][1] / bandwidth


# %% wrong="believes_any_link" cell="all_reduce_seconds" loses=1 visible=true
# Refuses no bandwidth, and takes what it does not know for a ring.
def all_reduce_seconds(size, n, latency, bandwidth, how="ring"):
    if n < 1:
        raise ValueError(f"n is at least 1, and here it is {n}")
    plans = {"naive": (2 * (n - 1), size), "tree": (2 * ceil(log2(n)), size)}
    steps, message = plans.get(how, (2 * (n - 1), size / n))
    return steps * (latency + message / bandwidth)


# %% wrong="naive_all_at_once" cell="all_reduce_seconds" loses=1 visible=true
# Lets rank 0 receive from all others at the same time.
def all_reduce_seconds(size, n, latency, bandwidth, how="ring"):
    if n < 1:
        raise ValueError(f"n is at least 1, and here it is {n}")
    if not bandwidth > 0:
        raise ValueError(f"a bandwidth is above 0, and this one is {bandwidth}")
    plans = {"naive": (min(2, 2 * (n - 1)), size), "tree": (2 * ceil(log2(n)), size), "ring": (2 * (n - 1), size / n)}
    if how not in plans:
        raise ValueError(f"how is one of {', '.join(plans)}, and not {how}")
    return plans[how][0] * (latency + plans[how][1] / bandwidth)


# %% wrong="rents_all" cell="my_workers" loses=2 visible=true
# Takes as many as can be had.
mine = cluster_for(NAME)
waits = all_reduce_seconds(mine["gradients"], 64, mine["latency"], mine["bandwidth"])
MY_WORKERS = {"fewest": 64, "fastest": 64, "hours": mine["steps"] * (mine["seconds"] / 64 + waits) / 3600}

# %% wrong="forgets_to_wait" cell="my_workers" loses=2 visible=true
# Divides the work, and forgets the all-reduce.
mine = cluster_for(NAME)
hours = {n: mine["steps"] * mine["seconds"] / n / 3600 for n in WORKERS}
MY_WORKERS = {"fewest": min(n for n in WORKERS if hours[n] <= mine["hours"]), "fastest": 64, "hours": hours[64]}

# %% wrong="hours_in_seconds" cell="my_workers" loses=1 visible=true
# Forgets that an hour has 3600 seconds, in the last line alone.
mine = cluster_for(NAME)
seconds = {
    n: mine["steps"]
    * (mine["seconds"] / n + all_reduce_seconds(mine["gradients"], n, mine["latency"], mine["bandwidth"]))
    for n in WORKERS
}
fastest = min(seconds, key=seconds.get)
MY_WORKERS = {
    "fewest": min(n for n in WORKERS if seconds[n] <= 3600 * mine["hours"]),
    "fastest": fastest,
    "hours": seconds[fastest],
}

# %% wrong="guesses_the_fault" cell="fault" loses=1 visible=true
# Takes another one of the list.
FAULT = next(fault for fault in FAULTS if fault != import_module("labkit.grading.alibis").fault_of(suspect_for(NAME)))

# %% wrong="makes_up_a_fault" cell="fault" loses=1 visible=false
# Names it in words of its own.
FAULT = "he forgot something"


# %% wrong="catches_everybody" cell="caught" loses=2 visible=false
# Everybody is guilty.
def caught(walk):
    return True


# %% wrong="catches_nobody" cell="caught" loses=2 visible=false
# Looks whether the loss goes down, as Bo did.
def caught(walk):
    losses = trained(walk, [8, 8])[0].results[0]["losses"]
    return losses[-1] > losses[0]


# %% wrong="takes_rounding_for_a_fault" cell="caught" loses=2 visible=false
# Wants the very same bits, which no other order of sums gives.
def caught(walk):
    return trained(walk, [9, 3])[2] > 0


# %% wrong="knows_the_suspect_by_name" cell="caught" loses=2 visible=true
# Catches a step by its name, and not by what it does.
def caught(walk):
    return walk is suspect_for(NAME)


# %% wrong="keeps_the_fault" cell="mended" loses=1 visible=false
# Bo's step as it was.
def mended(model, optimizer, x, y):
    return suspect_for(NAME)(model, optimizer, x, y)


# %% wrong="mends_sgd_alone" cell="mended" loses=1 visible=true
# Averages weights instead, which is right for SGD.
def mended(model, optimizer, x, y):
    from labkit.grading.suspects import suspect_e

    return suspect_e(model, optimizer, x, y)
