"""The load generator: asks a server as fast as one Python process can, and says what the waits were.

Follow one run: `loops` checks what was wanted and finds the requests (`target`, `questions`); `thread` gives it an
event loop of its own; `by_answer` or `by_schedule` decides when to ask, over the connections of a `pool`; a `log` keeps
what happened. Afterwards `measured` counts: `waits` makes percentiles, `bottleneck` says whether they may be believed,
and `result` is what you get.

There are two loops because of what Gil Tene calls coordinated omission: a client that waits for a stalled server stops
asking, and so measures the stall once where its customers met it a thousand times ("How NOT to Measure Latency",
Strange Loop 2015; the READMEs of github.com/giltene/wrk2 and github.com/HdrHistogram/HdrHistogram). The open loop
counts from when a request was due; the closed loop is corrected.
"""

from labkit.serving.load.loops import closed_loop, open_loop
from labkit.serving.load.result import Result

__all__ = ["Result", "closed_loop", "open_loop"]
