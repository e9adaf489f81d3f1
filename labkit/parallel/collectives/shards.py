"""How n ranks share a vector: one contiguous piece each."""

from itertools import pairwise

from labkit.errors import WrongUse


def shards(length: int, n: int) -> list[slice]:
    """n contiguous pieces of a vector, in order. Their sizes differ by at most one, the larger ones first.

    Where there are fewer elements than ranks, the last pieces are empty. Raises WrongUse.
    """
    if length < 0 or n < 1:
        raise WrongUse(f"shards({length}, {n}) needs a length of 0 or more, and at least one rank.")
    size, larger = divmod(length, n)
    starts = [piece * size + min(piece, larger) for piece in range(n + 1)]
    return [slice(start, end) for start, end in pairwise(starts)]
