"""The gradients of attention, with the weights made again a block at a time.

With P = softmax(S) made again from q, k and log sum exp S (Dao 2023, "FlashAttention-2", algorithm 2):

    dV = P^T dO,   dP = dO V^T,   dS = P * (dP - rowsum(dO * O)),   dQ = dS K / sqrt(d),   dK = dS^T Q / sqrt(d)

As in the forward pass everything is transposed, a query is a lane and a key is a row, and all five products are tiles.
"""

import math

import numpy as np
from numba import prange

from labkit.kernels.attention import KEYS, MASKED, load_queries, mask, products
from labkit.kernels.jit import jit
from labkit.kernels.packing import pack_columns, transpose
from labkit.kernels.simd import ONE, ZERO, exp_normal
from labkit.kernels.tile import COLUMNS, SHORT, aligned, short, single


def reference_backward(grad, q, k, v, causal: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The oracle. All: (batch, heads, time, head_dim), any float. Returns dq, dk and dv in float64."""
    grad, q, k, v = (np.asarray(each, np.float64) for each in (grad, q, k, v))
    scale = 1 / math.sqrt(q.shape[-1])
    scores = q @ k.swapaxes(-1, -2) * scale
    if causal:
        scores = np.where(np.tri(q.shape[2], dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)  # (batch, heads, queries, keys)
    slopes = grad @ v.swapaxes(-1, -2)
    slopes = weights * (slopes - (slopes * weights).sum(axis=-1, keepdims=True)) * scale
    return slopes @ k, slopes.swapaxes(-1, -2) @ q, weights.swapaxes(-1, -2) @ grad


@jit(parallel=True)
def blocked_backward(q, k, v, out, grad, log_sums, dq, dk, dv, shape, strides, out_strides, causal):
    """The gradients of `attention.blocked`. grad lies like out, and dq, dk and dv like q, k and v; all flat.

    A head is one thread's work: its dk and dv are sums over all its queries.
    """
    batch, heads, time, head_dim = shape
    for head in prange(batch * heads):
        at = head // heads * strides[0] + head % heads * strides[1]
        out_at = head // heads * out_strides[0] + head % heads * out_strides[1]
        sums = log_sums[head * time : (head + 1) * time]
        place = (time, head_dim, strides[2], out_strides[2])
        _head(q[at:], k[at:], v[at:], out[out_at:], grad[out_at:], sums, dq[at:], dk[at:], dv[at:], place, causal)


@jit
def _head(q, k, v, out, grad, log_sums, dq, dk, dv, place, causal):
    """One head; arrays start at it."""
    time, head_dim, step, out_step = place
    wide = (head_dim + COLUMNS - 1) // COLUMNS * COLUMNS  # head_dim in whole tiles
    keys_sum, values_sum = aligned(time * wide), aligned(time * wide)  # dk and dv, (time, wide)
    weights, slopes = aligned(KEYS * COLUMNS), aligned(KEYS * COLUMNS)  # P, and dP that becomes dS: (keys, queries)
    query, grad_query = aligned(head_dim * COLUMNS), aligned(head_dim * COLUMNS)  # (head_dim, queries)
    query_rows, grad_rows = aligned((COLUMNS + 1) * wide), aligned((COLUMNS + 1) * wide)  # (queries, wide), packed
    moved = aligned(head_dim * COLUMNS)  # dq, (head_dim, queries)
    log_sum, inner = aligned(COLUMNS), aligned(COLUMNS)
    scale = ONE / np.float32(math.sqrt(head_dim))
    keys_sum[:] = ZERO
    values_sum[:] = ZERO
    for first in range(0, time, COLUMNS):
        count = min(COLUMNS, time - first)
        load_queries(q, first * step, step, count, head_dim, query, scale)
        load_queries(grad, first * out_step, out_step, count, head_dim, grad_query, ONE)
        pack_columns(q, first * step, 1, step, head_dim, count, query_rows)
        pack_columns(grad, first * out_step, 1, out_step, head_dim, count, grad_rows)
        _inner_products(out, grad, first * out_step, out_step, count, head_dim, inner)
        for i in range(COLUMNS):
            log_sum[i] = log_sums[first + i] if i < count else -MASKED  # a lane without a query gets P = 0
        moved[:] = ZERO
        end = first + count if causal else time
        for start in range(0, end, KEYS):
            keys = min(KEYS, end - start)
            products(k, start * step, step, 1, keys, query, head_dim, weights, True)
            if causal:
                mask(weights, start, keys, first)
            products(v, start * step, step, 1, keys, grad_query, head_dim, slopes, True)
            _slopes(weights, slopes, keys, log_sum, inner, scale)
            products(k, start * step, 1, step, head_dim, slopes, keys, moved, False)
            _add_rows(weights, keys, grad_rows, count, wide, values_sum, start * wide)
            _add_rows(slopes, keys, query_rows, count, wide, keys_sum, start * wide)
        transpose(moved, 0, COLUMNS, head_dim, count, dq, first * step, step)
    _store_rows(keys_sum, time, wide, head_dim, dk, step)
    _store_rows(values_sum, time, wide, head_dim, dv, step)


@jit
def _store_rows(sums, time, wide, head_dim, target, step):
    for j in range(time):
        source, row = sums[j * wide : j * wide + head_dim], target[j * step : j * step + head_dim]
        for d in range(head_dim):
            row[d] = source[d]


@jit
def _inner_products(out, grad, at, step, count, head_dim, inner):
    """rowsum(dO * O) of each query."""
    inner[:] = ZERO
    for i in range(count):
        row, slope = out[at + i * step : at + i * step + head_dim], grad[at + i * step : at + i * step + head_dim]
        total = ZERO
        for d in range(head_dim):
            total += row[d] * slope[d]
        inner[i] = total


@jit
def _slopes(weights, slopes, keys, log_sum, inner, scale):
    """weights: S becomes P; slopes: dP becomes dS / sqrt(d)."""
    for j in range(keys):
        weight, slope = weights[j * COLUMNS : (j + 1) * COLUMNS], slopes[j * COLUMNS : (j + 1) * COLUMNS]
        for i in range(COLUMNS):
            p = exp_normal(weight[i] - log_sum[i])
            weight[i] = p
            slope[i] = p * (slope[i] - inner[i]) * scale


@jit
def _add_rows(a, keys, rows, count, wide, c, at):
    """c (keys, wide) += a (keys, count queries) times packed rows (count, wide)."""
    whole = keys - keys % SHORT
    for column in range(0, wide, COLUMNS):
        panel, to = column * (count + 1), at + column
        for j in range(0, whole, SHORT):
            short(a, rows, c, j * COLUMNS, COLUMNS, 1, panel, COLUMNS, to + j * wide, wide, count, False)
        for j in range(whole, keys):
            single(a, rows, c, j * COLUMNS, COLUMNS, 1, panel, COLUMNS, to + j * wide, wide, count, False)
