"""Ranks, their links, and the collectives on them: what was promised of them, measured.

ring_vs_gloo       gloo's all-reduce over our ring's, four ranks, 16 MiB, a network that is really limited; the median
                   of the rounds' ratios; null, and why in a row, where the ranks cannot have such a network
bytes_over_bound   bytes that a rank sends in a ring all-reduce, over 2(n - 1)/n S; the largest
zero_bytes_error   bytes that a rank holds at ZeRO's stages 1 to 3, against the paper's formula, relative, the largest
throttled_error    step time on virtual links against compute + 2(n - 1)(alpha + S/(n B)), relative, the largest
ranks_start_s      four ranks started, and their results back; the median
"""

from tqdm.auto import tqdm

from labkit.bench.parallel import ring, start, throttled, zero

PARTS = {
    "ring_vs_gloo": ring.against_gloo,
    "bytes_over_bound": ring.bytes_over_bound,
    "zero_bytes_error": zero.bytes_error,
    "throttled_error": throttled.error,
    "ranks_start_s": start.seconds,
}


def measure() -> dict:
    """The rows of every part, each with its part's name, and the summary: one figure a part."""
    rows, summary = [], {}
    for name, part in tqdm(PARTS.items(), desc="parallel"):
        summary[name], found = part()
        rows += [{"part": name, **row} for row in found]
    return {"rows": rows, "summary": summary}
