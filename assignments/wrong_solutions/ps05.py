# ruff: noqa: F811, F821 (each cell stands in the place of another, and uses the names of its notebook)

# %% wrong="leaves_the_dots" cell="name" loses=3 visible=false
# Forgot the name, which the cache and the night come from.
NAME = ...

# %% wrong="keeps_a_placeholder" cell="name" loses=1 visible=true
# Wrote what stands in every example, and shares the numbers with whoever did the same.
NAME = "My Name"


# %% wrong="keeps_the_formula" cell="steps" loses=1 visible=false
# The order of the formula: the inner loop goes down a column of B.
def steps(m, k, n):
    for i in range(m):
        for j in range(n):
            for p in range(k):
                yield i, p, j


# %% wrong="goes_down_the_columns" cell="steps" loses=1 visible=false
# The best order for matrices that lie column by column: the inner loop goes down columns of A and of C.
def steps(m, k, n):
    for j in range(n):
        for p in range(k):
            for i in range(m):
                yield i, p, j


# %% wrong="columns_that_just_fit" cell="steps" loses=1 visible=true
# Goes down columns that are short enough for the cache here, and not with more rows.
def steps(m, k, n):
    for p in range(k):
        for j in range(n):
            for i in range(m):
                yield i, p, j


# %% wrong="fetches_c_anew_for_each_p" cell="steps" loses=1 visible=false
# Goes along the rows of B and C, but through all of C for each p.
def steps(m, k, n):
    for p in range(k):
        for i in range(m):
            for j in range(n):
                yield i, p, j


# %% wrong="stops_one_short" cell="steps" loses=2 visible=false
# Leaves out the last term of every sum.
def steps(m, k, n):
    for i in range(m):
        for p in range(k - 1):
            for j in range(n):
                yield i, p, j


# %% wrong="begins_with_a_product" cell="steps" loses=2 visible=false
# Sets C with the first term, and then adds all of them: the first one comes twice.
def steps(m, k, n):
    for i in range(m):
        for j in range(n):
            yield i, 0, j
        for p in range(k):
            for j in range(n):
                yield i, p, j


# %% wrong="takes_c_for_square" cell="steps" loses=2 visible=false
# Takes the number of rows of C for the number of its columns.
def steps(m, k, n):
    for i in range(m):
        for p in range(k):
            for j in range(m):
                yield i, p, j


# %% wrong="begins_before_it_looks" cell="steps" loses=1 visible=true
# Begins with the first step, whether there is one or not.
def steps(m, k, n):
    yield 0, 0, 0
    for i in range(m):
        for p in range(k):
            for j in range(n):
                if i or p or j:
                    yield i, p, j


# %% wrong="drops_the_edges" cell="blocked_steps" loses=2 visible=false
# Counts whole tiles, and forgets the pieces that are left over.
def blocked_steps(m, k, n, tile):
    for i0 in range(m // tile):
        for p0 in range(k // tile):
            for j0 in range(n // tile):
                for i in range(i0 * tile, (i0 + 1) * tile):
                    for p in range(p0 * tile, (p0 + 1) * tile):
                        for j in range(j0 * tile, (j0 + 1) * tile):
                            yield i, p, j


# %% wrong="drops_the_last_columns" cell="blocked_steps" loses=2 visible=true
# Remembers what is left over of i and p, and not of j.
def blocked_steps(m, k, n, tile):
    for i0 in range(0, m, tile):
        for p0 in range(0, k, tile):
            for j0 in range(0, n - tile + 1, tile):
                for i in range(i0, min(i0 + tile, m)):
                    for p in range(p0, min(p0 + tile, k)):
                        for j in range(j0, j0 + tile):
                            yield i, p, j


# %% wrong="wants_a_tile_that_fits" cell="blocked_steps" loses=1 visible=true
# Does nothing where the tile is larger than a matrix.
def blocked_steps(m, k, n, tile):
    if tile > min(m, k, n):
        return
    for i0 in range(0, m, tile):
        for p0 in range(0, k, tile):
            for j0 in range(0, n, tile):
                for i in range(i0, min(i0 + tile, m)):
                    for p in range(p0, min(p0 + tile, k)):
                        for j in range(j0, min(j0 + tile, n)):
                            yield i, p, j


# %% wrong="runs_over_the_edge" cell="blocked_steps" loses=2 visible=false
# Takes every tile for a whole one.
def blocked_steps(m, k, n, tile):
    for i0 in range(0, m, tile):
        for p0 in range(0, k, tile):
            for j0 in range(0, n, tile):
                for i in range(i0, i0 + tile):
                    for p in range(p0, p0 + tile):
                        for j in range(j0, j0 + tile):
                            yield i, p, j


# %% wrong="moves_the_last_tile_back" cell="blocked_steps" loses=2 visible=false
# Moves the last tile back until it is whole: it then overlaps the one before, and those steps come twice.
def blocked_steps(m, k, n, tile):
    def begins(size):
        return [max(0, min(begin, size - tile)) for begin in range(0, size, tile)]

    for i0 in begins(m):
        for p0 in begins(k):
            for j0 in begins(n):
                for i in range(i0, min(i0 + tile, m)):
                    for p in range(p0, min(p0 + tile, k)):
                        for j in range(j0, min(j0 + tile, n)):
                            yield i, p, j


# %% wrong="ignores_the_tile" cell="blocked_steps" loses=2 visible=false
# The three loops of 1a once more.
def blocked_steps(m, k, n, tile):
    for i in range(m):
        for p in range(k):
            for j in range(n):
                yield i, p, j


# %% wrong="tiles_that_change_nothing" cell="blocked_steps" loses=2 visible=false
# Six loops in the wrong nest: each piece is gone through at once, and the order is that of three loops.
def blocked_steps(m, k, n, tile):
    for i0 in range(0, m, tile):
        for i in range(i0, min(i0 + tile, m)):
            for p0 in range(0, k, tile):
                for p in range(p0, min(p0 + tile, k)):
                    for j0 in range(0, n, tile):
                        for j in range(j0, min(j0 + tile, n)):
                            yield i, p, j


# %% wrong="leaves_the_tile_for_each_row" cell="blocked_steps" loses=2 visible=false
# One row of A at a time: a tile of B is fetched anew for each of them.
def blocked_steps(m, k, n, tile):
    for i in range(m):
        for p0 in range(0, k, tile):
            for j0 in range(0, n, tile):
                for p in range(p0, min(p0 + tile, k)):
                    for j in range(j0, min(j0 + tile, n)):
                        yield i, p, j


# %% wrong="cuts_into_that_many_pieces" cell="blocked_steps" loses=1 visible=false
# Takes the tile for the number of pieces, and not for their length.
def blocked_steps(m, k, n, tile):
    def pieces(size):
        length = max(1, -(-size // tile))
        return [range(begin, min(begin + length, size)) for begin in range(0, size, length)]

    for rows in pieces(m):
        for terms in pieces(k):
            for columns in pieces(n):
                for i in rows:
                    for p in terms:
                        for j in columns:
                            yield i, p, j


# %% wrong="counts_numbers" cell="my_tile" loses=1 visible=true
# The largest tile of which three have as many numbers as the cache: but it holds lines.
mine = product_for(NAME)
sizes, lines = (mine["m"], mine["k"], mine["n"]), mine["lines"]
tile = max(tile for tile in TILES if 3 * tile**2 <= 8 * lines)
MY_TILE = {"tile": tile, "misses": misses(steps_of(blocked_steps, *sizes, tile), *sizes, lines)}

# %% wrong="measures_in_the_cache_above" cell="my_tile" loses=1 visible=true
# Counts in the 48 lines of the text, and not in the own cache.
mine = product_for(NAME)
sizes = mine["m"], mine["k"], mine["n"]
counts = {tile: misses(steps_of(blocked_steps, *sizes, tile), *sizes, 48) for tile in TILES}
MY_TILE = {"tile": min(counts, key=counts.get), "misses": min(counts.values())}

# %% wrong="a_line_has_eight" cell="my_tile" loses=1 visible=true
# Takes the tile whose rows are one line long, however many lines the cache has.
mine = product_for(NAME)
sizes, lines = (mine["m"], mine["k"], mine["n"]), mine["lines"]
MY_TILE = {"tile": 8, "misses": misses(steps_of(blocked_steps, *sizes, 8), *sizes, lines)}


# %% wrong="three_passes" cell="softmax_blocks" loses=1 visible=false
# The formula as it stands: maximum, sum, division.
def softmax_blocks(read, write, count):
    largest = max(read(b).max() for b in range(count))
    total = sum(np.exp(read(b) - largest).sum() for b in range(count))
    for b in range(count):
        write(b, np.exp(read(b) - largest) / total)


# %% wrong="keeps_the_row" cell="softmax_blocks" loses=1 visible=false
# Reads each block once, and keeps them all: where, if fast memory holds one?
def softmax_blocks(read, write, count):
    blocks = [read(b) for b in range(count)]
    row = np.concatenate(blocks)
    powers = np.exp(row - row.max())
    for b, part in enumerate(np.split(powers / powers.sum(), np.cumsum([len(block) for block in blocks])[:-1])):
        write(b, part)


# %% wrong="keeps_the_exponentials" cell="softmax_blocks" loses=1 visible=false
# Keeps no scores, but all their exponentials, which are as many.
def softmax_blocks(read, write, count):
    parts, tops = [], []
    for b in range(count):
        block = read(b)
        tops.append(block.max())
        parts.append(np.exp(block - max(block.max(), -1e300)))
    total = sum(part.sum() * np.exp(top - max(tops)) for part, top in zip(parts, tops, strict=True))
    for b in range(count):
        write(b, parts[b] * np.exp(tops[b] - max(tops)) / total)


# %% wrong="keeps_what_is_short" cell="softmax_blocks" loses=1 visible=true
# Keeps blocks of a single number, as if those took no room.
def softmax_blocks(read, write, count):
    largest, total, kept = -np.inf, 0.0, {}
    for b in range(count):
        block = read(b)
        if len(block) == 1:
            kept[b] = block
        top = max(largest, block.max())
        if top > -np.inf:
            total = total * np.exp(largest - top) + np.exp(block - top).sum()
            largest = top
    for b in range(count):
        block = kept[b] if b in kept else read(b)
        write(b, np.exp(block - largest) / total)


# %% wrong="writes_on_the_way" cell="softmax_blocks" loses=1 visible=false
# Writes the scores relative to the maximum so far, and then the weights: each block goes twice.
def softmax_blocks(read, write, count):
    largest, total = -np.inf, 0.0
    for b in range(count):
        block = read(b)
        top = max(largest, block.max())
        if top > -np.inf:
            total = total * np.exp(largest - top) + np.exp(block - top).sum()
            largest = top
        write(b, block)
    for b in range(count):
        write(b, np.exp(read(b) - largest) / total)


# %% wrong="subtracts_nothing" cell="softmax_blocks" loses=2 visible=false
# Needs no maximum, until an exponential overflows.
def softmax_blocks(read, write, count):
    total = sum(np.exp(read(b)).sum() for b in range(count))
    for b in range(count):
        write(b, np.exp(read(b)) / total)


# %% wrong="forgets_to_rescale" cell="softmax_blocks" loses=5 visible=false
# The sum stays relative to the maximum of its time.
def softmax_blocks(read, write, count):
    largest, total = -np.inf, 0.0
    for b in range(count):
        block = read(b)
        largest = max(largest, block.max())
        total += np.exp(block - max(largest, -1e300)).sum()
    for b in range(count):
        write(b, np.exp(read(b) - largest) / total)


# %% wrong="rescales_upside_down" cell="softmax_blocks" loses=5 visible=false
# Multiplies the old sum with exp(new - old).
def softmax_blocks(read, write, count):
    largest, total = -np.inf, 0.0
    for b in range(count):
        block = read(b)
        top = max(largest, block.max())
        if top > -np.inf:
            total = (total * np.exp(top - largest) if total else 0.0) + np.exp(block - top).sum()
            largest = top
    for b in range(count):
        write(b, np.exp(read(b) - largest) / total)


# %% wrong="maximum_of_the_last_block" cell="softmax_blocks" loses=1 visible=false
# Rescales to the maximum of each block, also to a smaller one: right until it overflows.
def softmax_blocks(read, write, count):
    largest, total = 0.0, 0.0
    for b in range(count):
        block = read(b)
        if block.max() > -np.inf:
            total = total * np.exp(largest - block.max()) + np.exp(block - block.max()).sum()
            largest = block.max()
    for b in range(count):
        write(b, np.exp(read(b) - largest) / total)


# %% wrong="softmax_of_each_block" cell="softmax_blocks" loses=5 visible=false
# Divides each block by its own sum.
def softmax_blocks(read, write, count):
    for b in range(count):
        powers = np.exp(read(b) - read(b).max())
        write(b, powers / powers.sum())


# %% wrong="begins_with_zero" cell="softmax_blocks" loses=1 visible=true
# Takes 0 for the first maximum: where all scores are far below it, everything is 0.
def softmax_blocks(read, write, count):
    largest, total = 0.0, 0.0
    for b in range(count):
        block = read(b)
        top = max(largest, block.max())
        total = total * np.exp(largest - top) + np.exp(block - top).sum()
        largest = top
    for b in range(count):
        write(b, np.exp(read(b) - largest) / total)


# %% wrong="nan_of_a_masked_block" cell="softmax_blocks" loses=1 visible=true
# Subtracts -inf from -inf where the first block is masked.
def softmax_blocks(read, write, count):
    largest, total = -np.inf, 0.0
    for b in range(count):
        block = read(b)
        top = max(largest, block.max())
        total = total * np.exp(largest - top) + np.exp(block - top).sum()
        largest = top
    for b in range(count):
        write(b, np.exp(read(b) - largest) / total)


# %% wrong="masks_with_a_large_number" cell="softmax_blocks" loses=1 visible=true
# Puts -1e9 in the place of -inf: a row of nothing else then has a softmax.
def softmax_blocks(read, write, count):
    largest, total = -np.inf, 0.0
    for b in range(count):
        block = np.maximum(read(b), -1e9)
        top = max(largest, block.max())
        total = total * np.exp(largest - top) + np.exp(block - top).sum()
        largest = top
    for b in range(count):
        write(b, np.exp(np.maximum(read(b), -1e9) - largest) / total)


# %% wrong="adds_the_times" cell="roofline" loses=2 visible=false
# First computes and then moves.
def roofline(machine, flops, moved):
    for field in ("gflops", "gb_per_s"):
        if not machine.get(field, 0) > 0:
            raise ValueError(f"{field} is missing")
    compute, memory = flops / (machine["gflops"] * 1e9), moved / (machine["gb_per_s"] * 1e9)
    return {"seconds": compute + memory, "bound": "compute" if compute >= memory else "memory"}


# %% wrong="takes_the_faster" cell="roofline" loses=3 visible=false
# A minimum, as in the picture of the roof: but that is one of rates.
def roofline(machine, flops, moved):
    for field in ("gflops", "gb_per_s"):
        if not machine.get(field, 0) > 0:
            raise ValueError(f"{field} is missing")
    compute, memory = flops / (machine["gflops"] * 1e9), moved / (machine["gb_per_s"] * 1e9)
    return {"seconds": min(compute, memory), "bound": "compute" if compute >= memory else "memory"}


# %% wrong="counts_gibibytes" cell="roofline" loses=3 visible=false
# Takes a gigabyte for 2**30 bytes.
def roofline(machine, flops, moved):
    for field in ("gflops", "gb_per_s"):
        if not machine.get(field, 0) > 0:
            raise ValueError(f"{field} is missing")
    compute, memory = flops / (machine["gflops"] * 1e9), moved / (machine["gb_per_s"] * 2**30)
    return {"seconds": max(compute, memory), "bound": "compute" if compute >= memory else "memory"}


# %% wrong="swaps_the_names" cell="roofline" loses=1 visible=false
# Names what is done first, and not what takes longer.
def roofline(machine, flops, moved):
    for field in ("gflops", "gb_per_s"):
        if not machine.get(field, 0) > 0:
            raise ValueError(f"{field} is missing")
    compute, memory = flops / (machine["gflops"] * 1e9), moved / (machine["gb_per_s"] * 1e9)
    return {"seconds": max(compute, memory), "bound": "memory" if compute >= memory else "compute"}


# %% wrong="memory_at_the_ridge" cell="roofline" loses=1 visible=true
# Says memory where both take equally long.
def roofline(machine, flops, moved):
    for field in ("gflops", "gb_per_s"):
        if not machine.get(field, 0) > 0:
            raise ValueError(f"{field} is missing")
    compute, memory = flops / (machine["gflops"] * 1e9), moved / (machine["gb_per_s"] * 1e9)
    return {"seconds": max(compute, memory), "bound": "compute" if compute > memory else "memory"}


# %% wrong="compares_what_cannot_be_compared" cell="roofline" loses=1 visible=true
# Compares operations with bytes, as if every machine had its ridge at 1.
def roofline(machine, flops, moved):
    for field in ("gflops", "gb_per_s"):
        if not machine.get(field, 0) > 0:
            raise ValueError(f"{field} is missing")
    compute, memory = flops / (machine["gflops"] * 1e9), moved / (machine["gb_per_s"] * 1e9)
    return {"seconds": max(compute, memory), "bound": "compute" if flops >= moved else "memory"}


# %% wrong="divides_by_no_bytes" cell="roofline" loses=3 visible=false
# Goes by the intensity, which a program that moves nothing does not have.
def roofline(machine, flops, moved):
    for field in ("gflops", "gb_per_s"):
        if not machine.get(field, 0) > 0:
            raise ValueError(f"{field} is missing")
    peak, bandwidth = machine["gflops"] * 1e9, machine["gb_per_s"] * 1e9
    if flops / moved >= peak / bandwidth:
        return {"seconds": flops / peak, "bound": "compute"}
    return {"seconds": moved / bandwidth, "bound": "memory"}


# %% wrong="divides_by_the_rate" cell="roofline" loses=4 visible=false
# Operations over the rate that the roof allows: where there are no operations, there is no rate.
def roofline(machine, flops, moved):
    for field in ("gflops", "gb_per_s"):
        if not machine.get(field, 0) > 0:
            raise ValueError(f"{field} is missing")
    peak, bandwidth = machine["gflops"] * 1e9, machine["gb_per_s"] * 1e9
    rate = min(peak, bandwidth * flops / moved) if moved else peak
    return {"seconds": flops / rate, "bound": "compute" if rate == peak else "memory"}


# %% wrong="refuses_nothing" cell="roofline" loses=1 visible=false
# A missing field is a KeyError, and a rate of 0 a ZeroDivisionError.
def roofline(machine, flops, moved):
    compute, memory = flops / (machine["gflops"] * 1e9), moved / (machine["gb_per_s"] * 1e9)
    return {"seconds": max(compute, memory), "bound": "compute" if compute >= memory else "memory"}


# %% wrong="refuses_what_is_missing_only" cell="roofline" loses=1 visible=true
# Never looks at the numbers.
def roofline(machine, flops, moved):
    for field in ("gflops", "gb_per_s"):
        if field not in machine:
            raise ValueError(f"{field} is missing")
    compute, memory = flops / (machine["gflops"] * 1e9), moved / (machine["gb_per_s"] * 1e9)
    return {"seconds": max(compute, memory), "bound": "compute" if compute >= memory else "memory"}


# %% wrong="refuses_what_it_does_not_know" cell="roofline" loses=3 visible=false
# Takes a further field for a mistake.
def roofline(machine, flops, moved):
    if set(machine) - {"name", "gflops", "gb_per_s"}:
        raise ValueError("gflops and gb_per_s are all that a machine has")
    for field in ("gflops", "gb_per_s"):
        if not machine.get(field, 0) > 0:
            raise ValueError(f"{field} is missing")
    compute, memory = flops / (machine["gflops"] * 1e9), moved / (machine["gb_per_s"] * 1e9)
    return {"seconds": max(compute, memory), "bound": "compute" if compute >= memory else "memory"}


# %% wrong="follows_hugo" cell="my_rent" loses=1 visible=true
# Rents the machine with the most GFLOP/s.
best = max(MACHINES, key=lambda machine: machine["gflops"])
hours = sum(roofline(best, job["flops"], job["moved"])["seconds"] / job["share"] for job in night["jobs"]) / 3600
MY_RENT = {"machine": best["name"], "hours": hours, "euros": hours * best["euros_per_hour"]}

# %% wrong="the_least_money_whenever" cell="my_rent" loses=1 visible=false
# Never asks when the work is done.
rents = []
for machine in MACHINES:
    hours = sum(roofline(machine, job["flops"], job["moved"])["seconds"] / job["share"] for job in night["jobs"]) / 3600
    rents.append({"machine": machine["name"], "hours": hours, "euros": hours * machine["euros_per_hour"]})
MY_RENT = min(rents, key=lambda rent: rent["euros"])

# %% wrong="believes_in_the_roof" cell="my_rent" loses=1 visible=true
# Forgets that no program reaches its roof.
rents = []
for machine in MACHINES:
    hours = sum(roofline(machine, job["flops"], job["moved"])["seconds"] for job in night["jobs"]) / 3600
    if hours <= night["hours"]:
        rents.append({"machine": machine["name"], "hours": hours, "euros": hours * machine["euros_per_hour"]})
MY_RENT = min(rents, key=lambda rent: rent["euros"])

# %% wrong="one_roofline_for_all" cell="my_rent" loses=1 visible=true
# Adds up the operations and the bytes first, as if one job could move while another one computes.
rents = []
for machine in MACHINES:
    flops = sum(job["flops"] / job["share"] for job in night["jobs"])
    moved = sum(job["moved"] / job["share"] for job in night["jobs"])
    hours = roofline(machine, flops, moved)["seconds"] / 3600
    if hours <= night["hours"]:
        rents.append({"machine": machine["name"], "hours": hours, "euros": hours * machine["euros_per_hour"]})
MY_RENT = min(rents, key=lambda rent: rent["euros"])

# %% wrong="pays_until_morning" cell="my_rent" loses=1 visible=true
# Pays for the whole night, and not for the work.
rents = []
for machine in MACHINES:
    hours = sum(roofline(machine, job["flops"], job["moved"])["seconds"] / job["share"] for job in night["jobs"]) / 3600
    if hours <= night["hours"]:
        rents.append({"machine": machine["name"], "hours": hours, "euros": night["hours"] * machine["euros_per_hour"]})
MY_RENT = min(rents, key=lambda rent: rent["euros"])
