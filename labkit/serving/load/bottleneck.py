"""Was it the server that was slow, or the client that measured it? Where it was the client, its numbers say nothing.

Two signs, either of which is enough.

*Busy.* A client that runs for nine tenths of the time, or would if there were a core free for it, has no time left to
ask faster, and its answers queue before it reads them: the rate is the client's own. Time without a core counts because
a client that is kept from running is no better measure than one that runs out of time.

*Late.* The client's event loop does things at moments set beforehand, and knows how late each was: behind other
answers, behind another thread that held the interpreter's lock, or behind another program on the core. An answer that
comes in is found as late as that, and nothing in the measured wait tells one from the other. Where the late moments are
those of the slow answers, percentiles add up (those of comonotonic variables do): the client's part of a p99 wait is
its own p99 lateness. Where that is more than half, at the median or at p99, the number is the client's more than the
server's. Lateness below `WAKE_S` is not held against a client: to be woken up takes about that long, whoever waits.
"""

from dataclasses import dataclass

BUSY = 0.9  # of a core
SHARE = 0.5  # of a wait
WAKE_S = 100e-6
ADVICE = "Lower --rate or --connections, or find the client a quieter machine"


@dataclass(frozen=True)
class Client:
    """How the client itself fared. busy: share of a core that it used. starved: share of the time without one.

    late: seconds, at the median and at p99.
    """

    busy: float
    starved: float = 0.0
    late_p50: float = 0.0
    late_p99: float = 0.0


def why(client: Client, wait_p50: float | None, wait_p99: float | None) -> str:
    """Why the client was the bottleneck, as a sentence; empty where it was not. Waits in seconds, None if unknown."""
    if client.busy + client.starved >= BUSY:
        return (
            f"the client itself used {client.busy:.0%} of a core and waited for one for {client.starved:.0%} of the "
            f"time, so it could not have asked faster. {ADVICE}."
        )
    for name, late, wait in (("p99", client.late_p99, wait_p99), ("median", client.late_p50, wait_p50)):
        if wait is not None and late > WAKE_S and late > SHARE * wait:
            return (
                f"the client itself was {late * 1e3:.2f} ms late at the {name}, which is {late / wait:.0%} of the wait "
                f"that it measured there. {ADVICE}."
            )
    return ""
