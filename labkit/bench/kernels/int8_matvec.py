"""Eight-bit weights times a float32 vector against `torch.mv` on the same weights in float32."""

from collections.abc import Iterator

import numpy as np
import torch

from labkit import kernels
from labkit.bench.kernels.case import Case, difference

BAR = 2.4
SIZES = ((768, 768), (4096, 4096), (16384, 8192))
WHY_MISSED = (
    "A weight is one byte instead of four, so 4 is what memory alone would give. But each weight is also converted, "
    "two instructions for 16 of them beside the multiply-add: from a cache they come faster than they are converted."
)


def cases() -> Iterator[Case]:
    return (_case(*size) for size in SIZES)


def first_call() -> None:
    kernels.int8_matvec(np.zeros((2, 3), np.int8), np.ones(2, np.float32), np.zeros(3, np.float32))


def _case(rows: int, cols: int) -> Case:
    draw = np.random.default_rng(0)
    q, scale = draw.integers(-127, 128, (rows, cols), np.int8), draw.random(rows, np.float32) / 127
    x = draw.standard_normal(cols, np.float32)
    weights, vector = torch.from_numpy(q * scale[:, None]), torch.from_numpy(x)
    out, theirs = np.empty(rows, np.float32), torch.empty(rows)
    half = vector[None].bfloat16(), torch.from_numpy(q), torch.from_numpy(scale).bfloat16()
    return Case(
        f"{rows}x{cols}",
        ours=lambda: kernels.int8_matvec(q, scale, x, out=out),
        torch=lambda: torch.mv(weights, vector, out=theirs),
        moved=q.nbytes + scale.nbytes + x.nbytes + out.nbytes,
        flops=2 * q.size,
        error=lambda: difference(out, theirs.numpy()),
        tolerance=1e-3,  # sums of up to 8192 terms
        # Torch's own kernel for such weights. It is made for bfloat16, and gives three digits.
        peers={"int8pack_bfloat16": lambda: torch._weight_int8pack_mm(*half)},
    )
