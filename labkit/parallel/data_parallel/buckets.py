"""Buckets: which gradients travel together, and how a list of tensors becomes one all-reduce."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from labkit.errors import WrongUse
from labkit.parallel.data_parallel.parameters import gradient

AllReduce = Callable[[Tensor], object]  # sums a flat tensor over the ranks, in place
Bucket = list[nn.Parameter]

BUCKET_BYTES = 1 << 20  # torch's 25 MiB would hold all of a small model, and leave nothing to overlap


def buckets(parameters: Iterable[nn.Parameter], bucket_bytes: int = BUCKET_BYTES) -> list[Bucket]:
    """Cut the parameters, last first, into buckets of at most `bucket_bytes`; a larger parameter has one of its own.

    Backward reaches the last layer first, so that a bucket's gradients are ready at about the same time (Li et al.
    2020, section 3.2.3). One bucket has one type of number. Raises WrongUse.
    """
    if bucket_bytes < 1:
        raise WrongUse(f"bucket_bytes={bucket_bytes} holds nothing: a bucket has at least 1 byte.")
    plan: list[Bucket] = []
    room = 0
    for parameter in reversed(list(parameters)):
        size = parameter.numel() * parameter.element_size()
        if not plan or size > room or parameter.dtype != plan[-1][-1].dtype:
            plan.append([])
            room = bucket_bytes
        plan[-1].append(parameter)
        room -= size
    return plan


def sum_bucket(bucket: Bucket, all_reduce: AllReduce) -> None:
    """Sum the gradients of a bucket over the ranks, in place, with one all-reduce."""
    sum_together([gradient(parameter) for parameter in bucket], all_reduce)


@torch.no_grad()
def sum_together(tensors: list[Tensor], all_reduce: AllReduce) -> None:
    """Sum tensors of any shapes over the ranks, in place: copied into one flat tensor, all-reduced, copied back."""
    if not tensors:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    all_reduce(flat)
    for tensor, summed in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(summed.view(tensor.shape))
