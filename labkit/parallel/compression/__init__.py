"""Fewer bytes for the same gradients, nearly: half precision, and low rank with error feedback.

    training_step(model, loss, batch, optimizer, partial(bucketed, all_reduce=half()), number)
    low_rank = PowerSGD(rank=2)  # it remembers what it left out, so one for the whole training
    training_step(model, loss, batch, optimizer, low_rank, number)

Half precision is another all-reduce, for any way to average. Low rank is a way of its own: it needs matrices.
"""

from labkit.parallel.compression.half import half
from labkit.parallel.compression.power_sgd import PowerSGD

__all__ = ["PowerSGD", "half"]
