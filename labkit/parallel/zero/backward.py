"""The end of a backward pass, as an event."""

from collections.abc import Callable

from torch.autograd import Variable


def at_its_end(do: Callable[[], None]) -> None:
    """Call do() when the backward pass that runs now has computed all gradients. Only from within one of its hooks."""
    Variable._execution_engine.queue_callback(do)  # not public, but what torch's own DDP and FSDP use
