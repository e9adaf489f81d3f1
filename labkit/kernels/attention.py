"""Scaled dot-product attention.

S[i, j] = q[i] . k[j] / sqrt(head_dim),  out[i] = sum_j softmax_j(S[i, :]) v[j];  causal: S[i, j] = -inf for j > i

The weights are time x time numbers, the result only time x head_dim. So the weights are made a block at a time and
never written to memory: each query keeps the largest score so far and its sum, and rescales what it has when a larger
one comes (Dao et al. 2022, "FlashAttention", algorithm 1). The ladder: `reference` -> `naive` -> `blocked`.
"""

import math

import numpy as np
from numba import prange

from labkit.kernels.arguments import check_array, check_shape, output
from labkit.kernels.jit import jit
from labkit.kernels.packing import transpose
from labkit.kernels.simd import ONE, ZERO, exp_normal, maximum
from labkit.kernels.tile import COLUMNS, SHORT, aligned, short, single

MASKED = np.float32(-np.inf)
KEYS = 256  # keys a block: 256 x 32 scores are 32 kB


def reference(q: np.ndarray, k: np.ndarray, v: np.ndarray, causal: bool = True) -> np.ndarray:
    """The oracle. q, k, v: (batch, heads, time, head_dim), any float. Returns float64 of the same shape."""
    q, k, v = (np.asarray(each, np.float64) for each in (q, k, v))
    with np.errstate(invalid="ignore"):  # a query whose scores are all -inf has no weights: NaN, as in torch
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
        if causal:
            scores = np.where(np.tri(q.shape[2], dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True, initial=-np.inf))
        return weights / weights.sum(axis=-1, keepdims=True) @ v


@jit
def naive(q, k, v, out, causal):
    """The formula as it stands, a query at a time: its scores, their softmax, the weighted sum of v."""
    batch, heads, time, head_dim = q.shape
    scores = np.empty(time, np.float32)
    scale = ONE / np.float32(math.sqrt(head_dim))
    for b in range(batch):
        for h in range(heads):
            for i in range(time):
                keys = i + 1 if causal else time
                largest = MASKED
                for j in range(keys):
                    score = ZERO
                    for d in range(head_dim):
                        score += q[b, h, i, d] * k[b, h, j, d]
                    scores[j] = score * scale
                    largest = maximum(largest, scores[j])
                total = ZERO
                for j in range(keys):
                    scores[j] = math.exp(scores[j] - largest)
                    total += scores[j]
                out[b, h, i] = ZERO
                for j in range(keys):
                    for d in range(head_dim):
                        out[b, h, i, d] += scores[j] / total * v[b, h, j, d]


@jit(parallel=True)
def blocked(q, k, v, out, log_sums, shape, strides, out_strides, causal):
    """COLUMNS queries against KEYS keys at a time, everything transposed: a query is a lane, a key is a row.

    So k and v are read where they lie, maxima and sums need no step across lanes, and S and its product with v are
    tiles. q, k, v, out: flat; shape: (batch, heads, time, head_dim); strides: of batch, head and time in q, k and v,
    and in out. log_sums: (batch * heads * time,), log sum_j exp S[i, j], which the backward pass needs.
    """
    batch, heads, time, head_dim = shape
    blocks = (time + COLUMNS - 1) // COLUMNS
    for item in prange(batch * heads * blocks):
        head, block = item // blocks, blocks - 1 - item % blocks  # the long rows first
        at = head // heads * strides[0] + head % heads * strides[1]
        out_at = head // heads * out_strides[0] + head % heads * out_strides[1]
        sums = log_sums[head * time : (head + 1) * time]
        place = (block * COLUMNS, time, head_dim, strides[2], out_strides[2])
        _queries(q[at:], k[at:], v[at:], out[out_at:], sums, place, causal)


@jit
def _queries(q, k, v, out, log_sums, place, causal):
    """The queries first ... first + COLUMNS - 1, as far as there are so many. All arrays start at their head."""
    first, time, head_dim, step, out_step = place
    count = min(COLUMNS, time - first)
    scores = aligned(KEYS * COLUMNS)  # (keys, queries)
    query = aligned(head_dim * COLUMNS)  # (head_dim, queries)
    mixed = aligned(head_dim * COLUMNS)  # (head_dim, queries): sum_j exp(S[i, j] - largest[i]) v[j]
    largest, total, factor = aligned(COLUMNS), aligned(COLUMNS), aligned(COLUMNS)
    load_queries(q, first * step, step, count, head_dim, query, ONE / np.float32(math.sqrt(head_dim)))
    largest[:] = MASKED
    total[:] = ZERO
    mixed[:] = ZERO
    end = first + count if causal else time
    for start in range(0, end, KEYS):
        keys = min(KEYS, end - start)
        products(k, start * step, step, 1, keys, query, head_dim, scores, True)
        if causal:
            mask(scores, start, keys, first)
        _largest(scores, keys, largest, factor)
        _weights(scores, keys, largest, total, factor)
        _rescale(mixed, head_dim, factor)
        products(v, start * step, 1, step, head_dim, scores, keys, mixed, False)
    for i in range(count):
        log_sums[first + i] = largest[i] + math.log(total[i])
    _store_result(mixed, total, count, head_dim, out, first * out_step, out_step)


@jit
def products(a, at, row, step, rows, b, depth, c, fresh):
    """c (rows, COLUMNS) = or += a (rows, depth) b (depth, COLUMNS): tiles, and single rows for what is left over."""
    whole = rows - rows % SHORT
    for i in range(0, whole, SHORT):
        short(a, b, c, at + i * row, row, step, 0, COLUMNS, i * COLUMNS, COLUMNS, depth, fresh)
    for i in range(whole, rows):
        single(a, b, c, at + i * row, row, step, 0, COLUMNS, i * COLUMNS, COLUMNS, depth, fresh)


@jit
def load_queries(q, at, step, count, head_dim, query, scale):
    """q, transposed and scaled; lanes without a query are zeros, whose results nobody reads."""
    if count < COLUMNS:
        query[:] = ZERO
    transpose(q, at, step, count, head_dim, query, 0, COLUMNS)
    for place in range(query.size):
        query[place] *= scale


@jit
def mask(scores, start, keys, first):
    """No query sees a later key."""
    for j in range(max(0, first + 1 - start), keys):
        for i in range(min(COLUMNS, start + j - first)):
            scores[j * COLUMNS + i] = MASKED


@jit
def _largest(scores, keys, largest, factor):
    """The largest score of each query so far, and the factor by which what it has must shrink."""
    for i in range(COLUMNS):
        factor[i] = largest[i]
    fours = keys - keys % 4
    for j in range(0, fours, 4):  # four keys at a time: `largest` is one long chain of waiting for the one before
        row = scores[j * COLUMNS : (j + 4) * COLUMNS]
        for i in range(COLUMNS):
            pair = maximum(row[i], row[COLUMNS + i])
            other = maximum(row[2 * COLUMNS + i], row[3 * COLUMNS + i])
            largest[i] = maximum(largest[i], maximum(pair, other))
    for j in range(fours, keys):
        for i in range(COLUMNS):
            largest[i] = maximum(largest[i], scores[j * COLUMNS + i])
    for i in range(COLUMNS):
        factor[i] = exp_normal(factor[i] - _finite(largest[i]))


@jit
def _finite(largest):
    """A query that has only seen -inf must get weights of exp(-inf) = 0, not of exp(-inf + inf) = NaN."""
    return ZERO if largest == MASKED else largest


@jit
def _weights(scores, keys, largest, total, factor):
    """Scores become weights, not yet divided by their sum; the sum grows."""
    for i in range(COLUMNS):
        total[i] *= factor[i]
    for j in range(keys):
        row = scores[j * COLUMNS : (j + 1) * COLUMNS]
        for i in range(COLUMNS):
            weight = exp_normal(row[i] - _finite(largest[i]))
            row[i] = weight
            total[i] += weight


@jit
def _rescale(mixed, head_dim, factor):
    for d in range(head_dim):
        row = mixed[d * COLUMNS : (d + 1) * COLUMNS]
        for i in range(COLUMNS):
            row[i] *= factor[i]


@jit
def _store_result(mixed, total, count, head_dim, out, at, step):
    """Divide by the sums and write the queries' rows."""
    for i in range(COLUMNS):
        total[i] = ONE / total[i]  # a sum of exp(-inf) alone is 0, and its query NaN
    _rescale(mixed, head_dim, total)
    transpose(mixed, 0, COLUMNS, head_dim, count, out, at, step)


def attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, causal: bool = True, out: np.ndarray | None = None
) -> np.ndarray:
    """Every query's mixture of the values. q, k, v, out: float32 (batch, heads, time, head_dim).

    Raises TypeError or ValueError for arrays that do not fit, and for an `out` that shares memory with an input.
    """
    check_array("q", q, 4)
    check_array("k", k, 4)
    check_array("v", v, 4)
    check_shape("k", k, q.shape, f"q of shape {q.shape}")
    check_shape("v", v, q.shape, f"q of shape {q.shape}")
    out = output(out, q.shape, q=q, k=k, v=v)
    batch, heads, time, head_dim = q.shape
    strides = (heads * time * head_dim, time * head_dim, head_dim)
    if out.size:
        flat = (array.reshape(-1) for array in (q, k, v, out))
        log_sums = np.empty(batch * heads * time, np.float32)
        blocked(*flat, log_sums, (batch, heads, time, head_dim), strides, strides, bool(causal))
    return out
