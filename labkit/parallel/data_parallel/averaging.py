"""Three ways to give every rank the gradient of the whole batch. All are context managers around a backward pass:

    with overlapped(model):
        (loss(model(x), y) * share(len(x), length)).backward()
    optimizer.step()

The all-reduce sums, and the weights b_r / B are in the loss: a gradient is linear in its loss, so what the ranks sum is
the gradient of the mean over the batch, however unevenly its rows are shared out. (DistributedDataParallel divides by n
instead, which is right for equal shards only.)

Micro-batches before the last one stay outside of the context and only add up in `.grad`; torch's no_sync() is the same,
the other way round.

A parameter that no rank's rows used ends with a gradient of zeros, where one process alone would have None.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

from torch import nn

from labkit.parallel.collectives import ring_all_reduce
from labkit.parallel.data_parallel.buckets import BUCKET_BYTES, AllReduce, buckets, sum_bucket
from labkit.parallel.data_parallel.in_order import InOrder
from labkit.parallel.data_parallel.parameters import trainable
from labkit.parallel.me import me

Way = Callable[[nn.Module], AbstractContextManager]


@contextmanager
def naive(model: nn.Module, all_reduce: AllReduce = ring_all_reduce) -> Iterator[None]:
    """After backward, one all-reduce a parameter. all_reduce(x): sums a flat x over the ranks, in place."""
    yield
    for parameter in trainable(model):
        sum_bucket([parameter], all_reduce)


@contextmanager
def bucketed(
    model: nn.Module, all_reduce: AllReduce = ring_all_reduce, bucket_bytes: int = BUCKET_BYTES
) -> Iterator[None]:
    """After backward, one all-reduce for each bucket of about `bucket_bytes`."""
    yield
    for bucket in buckets(trainable(model), bucket_bytes):
        sum_bucket(bucket, all_reduce)


@contextmanager
def overlapped(
    model: nn.Module, all_reduce: AllReduce = ring_all_reduce, bucket_bytes: int = BUCKET_BYTES
) -> Iterator[None]:
    """While backward goes on, a thread all-reduces each bucket that is full. One backward pass inside; no other `link`.

    Raises WrongUse where a parameter gets a second gradient, from a second backward pass.
    """
    communication = ThreadPoolExecutor(1, "communication")  # a queue: what is handed over first travels first
    under_way: list[Future] = []
    plan = buckets(trainable(model), bucket_bytes)
    order = InOrder(plan, lambda bucket: under_way.append(communication.submit(sum_bucket, bucket, all_reduce)))
    hooks = [
        parameter.register_post_accumulate_grad_hook(order.arrived)  # of a tied one too it runs once: for the sum
        for bucket in plan
        for parameter in bucket
    ]
    try:
        yield
        order.finish()
        _wait(under_way)
    finally:
        for hook in hooks:
            hook.remove()
        # Without waiting: after an error the thread may wait for a message that never comes, and would hide the error.
        communication.shutdown(wait=False, cancel_futures=True)


def _wait(under_way: list[Future]) -> None:
    """Until all buckets are summed; raises what an all-reduce raised."""
    began = time.monotonic()
    for bucket in under_way:
        bucket.result()
    me().note("wait", "for the buckets", began, time.monotonic())
