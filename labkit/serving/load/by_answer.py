"""The closed loop: each connection asks again as soon as it is answered.

It finds how much a server can do, and hides how long it can take: while the server stalls, nobody asks.
"""

import itertools
import math

from labkit.serving.load.arrivals import poisson
from labkit.serving.load.bottleneck import Client
from labkit.serving.load.connection import Connection, clock
from labkit.serving.load.log import Log
from labkit.serving.load.pool import Pool
from labkit.serving.load.run import Plan, Run, drain, observe
from labkit.serving.load.schedule import Schedule

# A second, at random moments: they find the client as an answer would that came in then ("Poisson arrivals see time
# averages", Wolff 1982).
PROBES = 500


class ByAnswer:
    """A user of a pool of connections. Where one must be opened first, the opening is a part of the wait."""

    def __init__(self, plan: Plan):
        self.plan, self.log = plan, Log()
        self.requests = itertools.cycle(plan.requests)
        self.pool = Pool(plan.target, plan.connections, plan.timeout, self.log, self)
        self.end = math.inf

    def idle(self, connection: Connection) -> None:
        if connection.since < self.end:
            connection.ask(next(self.requests), connection.since)

    def refused(self, since: float, reason: str) -> None:
        self.log.failed(since, reason)

    async def run(self) -> Run:
        async with self.pool:
            start = clock()
            begin = start + self.plan.warmup
            self.end = begin + self.plan.seconds
            with Schedule(poisson(PROBES, self.plan.seed, start), self.end, lambda moment: None) as probe:
                shares = await observe(probe, begin, self.end)
                client = Client(*shares, *probe.lateness())
            await drain(self.pool, lambda: False, self.end + self.plan.timeout)
        return Run(self.plan, self.log, begin, self.end, client)
