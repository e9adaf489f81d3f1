"""Data parallelism: every rank has the whole model and its own rows of the batch, and all see the batch's gradient.

    broadcast_parameters(model)
    for number, batch in enumerate(batches):
        training_step(model, loss, batch, optimizer, overlapped, number)

The ladder of `averaging`, all of them context managers around a backward pass:

    naive         after backward, an all-reduce a parameter: many small messages, latency counts
    bucketed      after backward, an all-reduce a bucket: few large messages
    overlapped    a bucket travels as soon as it is full, while backward goes on (Li et al. 2020, section 3.2)

`batch` says which rows are whose, `buckets` what travels together, `in_order` when. Its peer is torch's
DistributedDataParallel.
"""

from labkit.parallel.data_parallel.averaging import bucketed, naive, overlapped
from labkit.parallel.data_parallel.batch import rows_of, share
from labkit.parallel.data_parallel.buckets import buckets
from labkit.parallel.data_parallel.pace import Paced
from labkit.parallel.data_parallel.parameters import broadcast_parameters
from labkit.parallel.data_parallel.training import training_step

__all__ = [
    "Paced",
    "broadcast_parameters",
    "bucketed",
    "buckets",
    "naive",
    "overlapped",
    "rows_of",
    "share",
    "training_step",
]
