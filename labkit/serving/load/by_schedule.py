"""The open loop: requests arrive when they arrive, whether or not the server keeps up.

One for which no connection is free waits in a queue on this side, and its wait has begun. So a server that stalls for a
second is seen to keep a second's worth of requests waiting.
"""

import itertools
from collections import deque

from labkit.serving.load.arrivals import poisson
from labkit.serving.load.bottleneck import Client
from labkit.serving.load.connection import Connection, clock
from labkit.serving.load.log import Log
from labkit.serving.load.pool import Pool
from labkit.serving.load.run import Plan, Run, drain, observe
from labkit.serving.load.schedule import Schedule


class BySchedule:
    """A user of a pool of connections: the oldest request on the connection that has been free for the longest."""

    def __init__(self, plan: Plan):
        self.plan, self.log = plan, Log()
        self.requests = itertools.cycle(plan.requests)
        self.pool = Pool(plan.target, plan.connections, plan.timeout, self.log, self)
        self.free: deque[Connection] = deque()
        self.queue: deque[float] = deque()  # of the moments at which they arrived

    def arrive(self, moment: float) -> None:
        """A request arrives, which was due at `moment`: all of its wait is counted from there."""
        while self.free:
            connection = self.free.popleft()
            if connection.usable:
                connection.ask(next(self.requests), moment)
                return
        self.queue.append(moment)

    def idle(self, connection: Connection) -> None:
        self.expire()
        if self.queue:
            connection.ask(next(self.requests), self.queue.popleft())
        else:
            self.free.append(connection)

    def refused(self, since: float, reason: str) -> None:
        if not self.pool.connections:  # else those that are left will come to them
            self.fail_all(reason)

    def expire(self) -> None:
        """What has waited here for too long is never sent."""
        if not self.queue:
            return
        due = clock() - self.plan.timeout
        while self.queue and self.queue[0] < due:
            self.log.failed(self.queue.popleft(), "timeout")

    def fail_all(self, reason: str) -> None:
        while self.queue:
            self.log.failed(self.queue.popleft(), reason)

    async def run(self) -> Run:
        async with self.pool:
            start = clock()
            begin = start + self.plan.warmup
            end = begin + self.plan.seconds
            with Schedule(poisson(self.plan.rate, self.plan.seed, start), end, self.arrive) as arrivals:
                shares = await observe(arrivals, begin, end)
                # A client that is behind has still to let the last of them arrive.
                await drain(self.pool, lambda: not arrivals.done or bool(self.queue), end + self.plan.timeout)
                client = Client(*shares, *arrivals.lateness())
            self.fail_all("timeout")
        return Run(self.plan, self.log, begin, end, client)
