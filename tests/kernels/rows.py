"""What the tests of the row-by-row ops share: shapes around the edges of vectors, and numbers that are drawn."""

import numpy as np
from hypothesis import strategies as st

from labkit.kernels.simd import LANES

# Widths around one vector, and around the four that LLVM takes at a time.
EDGES = sorted({edge + by for edge in (0, LANES, 4 * LANES, 8 * LANES) for by in (-1, 0, 1) if edge + by >= 0})
SHAPES = st.tuples(st.integers(0, 5), st.sampled_from(EDGES) | st.integers(0, 200))
SEEDS = st.integers(0, 2**16)


def draw(seed: int, *shape: int, scale: float = 1.0) -> np.ndarray:
    """Normal float32 numbers of a shape."""
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def rung_name(rung) -> str:
    return getattr(rung, "__name__", repr(rung))
