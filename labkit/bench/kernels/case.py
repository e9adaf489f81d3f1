"""One comparison: an op at one size, our call and another on the same inputs, and the work that must be done."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from labkit.bench.harness import Call, ForeignLoad, interleaved, ratio
from labkit.bench.kernels.limits import Limits


@dataclass(frozen=True)
class Case:
    """ours and torch write into outputs that exist already, or into memory that is warm (see `warm_memory`).

    moved: bytes that must be read or written once; flops: operations on numbers. Both are counted by hand from the
    formula, not measured. error: the largest difference of the two answers once both have run, which must not exceed
    the tolerance. peers: other implementations of the same work, or a sentence why one is missing. against: whose call
    stands at `torch`, where it is not torch's.
    """

    size: str
    ours: Call
    torch: Call
    moved: int
    flops: int
    error: Callable[[], float]
    tolerance: float = 1e-5
    peers: dict[str, Call | str] = field(default_factory=dict)
    against: str = "torch"


def row(op: str, case: Case, limits: Limits) -> dict:
    """Check that both answers agree, then time all variants in turn. Raises RuntimeError where they do not."""
    error = _agreement(op, case)
    peers = {name: peer for name, peer in case.peers.items() if callable(peer)}
    with ForeignLoad() as load:
        timed = interleaved({"ours": case.ours, case.against: case.torch, **peers})
    ours_s = timed["ours"].median_s
    limit_s = max(case.moved / limits.copy_bytes_per_s(case.moved), case.flops / limits.flops_per_s)
    return {
        "op": op,
        "size": case.size,
        "ratio": ratio(timed[case.against], timed["ours"]),
        **{f"{name}_ms": 1000 * timing.median_s for name, timing in timed.items()},
        **{f"{name}_ratio": ratio(timed[name], timed["ours"]) for name in peers},
        **{name: peer for name, peer in case.peers.items() if isinstance(peer, str)},
        "error": error,
        "moved_mb": case.moved / 1e6,
        "mflop": case.flops / 1e6,
        "gb_per_s": case.moved / ours_s / 1e9,
        "gflop_per_s": case.flops / ours_s / 1e9,
        "limit_ms": 1000 * limit_s,
        "of_limit": limit_s / ours_s,
        "foreign_load": round(load.share, 3),
    }


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, relative where the numbers are above one."""
    return float(np.max(np.abs(ours - theirs) / np.maximum(1, np.abs(theirs)), initial=0))


def _agreement(op: str, case: Case) -> float:
    case.ours()
    case.torch()
    error = case.error()
    if not error <= case.tolerance:
        raise RuntimeError(f"{op} {case.size}: ours and torch's answers differ by {error:.2g}; nothing was timed.")
    return error
