"""Which rows of a batch belong to which rank, and how much they count."""

from labkit.errors import WrongUse
from labkit.parallel.collectives import shards


def rows_of(length: int, rank: int, n: int) -> slice:
    """The rows of one rank, of a batch of `length`. Sizes differ by at most one; with fewer rows than ranks some are 0.

    Raises WrongUse.
    """
    if not 0 <= rank < n:
        raise WrongUse(f"rows_of({length}, {rank}, {n}) needs a rank from 0 to {n - 1}.")
    return shards(length, n)[rank]


def share(rows: int, length: int) -> float:
    """How much a mean over `rows` of a batch's `length` rows counts in the mean over all of them.

    mean over the batch = sum over ranks r of (b_r / B) * mean over rank r's rows, with b_r rows in rank r and B in all.
    The plain mean of the ranks' means, with 1/n in place of b_r / B, is right for equal b_r only.
    """
    return rows / length
