"""Notebooks whose functions run on many ranks: right, wrong, and hostile."""

from tests.grading.judge.hearings import Tried

RANKS = """\
# %% locked="imports"
import torch
from labkit.grading.checks import within
from labkit.grading.ranked import on_ranks, travels
from labkit.parallel import link
# %% solution="everywhere"
### BEGIN SOLUTION
def everywhere(x):
    n, here = link.size(), link.rank()
    held, got = x.clone(), torch.empty_like(x)
    for _ in range(n - 1):
        link.sendrecv(held, (here + 1) % n, got, (here - 1) % n)
        held, got = got, held
        x += held
    return x
### END SOLUTION
# %% test="values" points=1
inputs = [(torch.arange(4.0) * (rank + 1),) for rank in range(3)]
ran = within(3, on_ranks, everywhere, inputs)
for result in ran.results:
    torch.testing.assert_close(result, torch.arange(4.0) * 6)
# %% test="counts" points=1
ran = within(3, on_ranks, everywhere, [(torch.arange(4.0) * (rank + 1),) for rank in range(3)])
assert (ran.steps, ran.bytes_sent, ran.messages_sent) == (2, [32, 32, 32], [2, 2, 2])
# %% test="travels" points=1
within(8, travels, everywhere, [(torch.arange(4.0) * (rank + 1),) for rank in range(3)], range(6))
# %% solution="double"
### BEGIN SOLUTION
def double(x):
    return 2 * x
### END SOLUTION
# %% test="after" points=1
assert double(4) == 8
"""
NOTHING = {"values": 0, "counts": 0, "travels": 0, "after": 1}
GONE_FOR_GOOD = NOTHING | {"after": 0}


def wrong(code: str, says: str = "", points: dict[str, float] = NOTHING, status: str = "graded") -> Tried:
    """With this code instead of the reference's."""
    return Tried(RANKS, points, {"everywhere": code}, says=says, status=status)


SENT_FIRST = """\
def everywhere(x):
    link.send(x, (link.rank() + 1) % link.size())
    return link.recv(x, (link.rank() - 1) % link.size())
"""
UNSUMMED = """\
def everywhere(x):
    n, here = link.size(), link.rank()
    for _ in range(n - 1):
        link.sendrecv(x, (here + 1) % n, torch.empty_like(x), (here - 1) % n)
    return x
"""
UNCOUNTED = """\
from labkit.parallel import me
def everywhere(x):
    n, here = link.size(), link.rank()
    held, got = x.clone(), torch.empty_like(x)
    for _ in range(n - 1):
        for _ in range(2):
            link.sendrecv(held, (here + 1) % n, got, (here - 1) % n)
        held, got = got, held
        x += held
    me.me().traffic.messages_sent = 2
    return x
"""
BY_A_FILE = """\
import pathlib, time
def everywhere(x):
    n, here = link.size(), link.rank()
    torch.save(x, f"rank{here}.part")
    pathlib.Path(f"rank{here}.part").rename(f"rank{here}.pt")
    for _ in range(n - 1):
        link.sendrecv(torch.zeros(4), (here + 1) % n, torch.zeros(4), (here - 1) % n)
    return sum(torch.load(f"rank{rank}.pt") for rank in range(n))
"""
BROKEN = """\
def everywhere(x):
    if link.rank() == 1:
        raise RuntimeError("no idea")
    return link.recv(x, 1)
"""
GONE = """\
import os
def everywhere(x):
    if link.rank() == 1:
        os._exit(0)
    return link.recv(x, 1)
"""
UNHEARD = """\
def everywhere(x):
    link.start_send(x, (link.rank() + 1) % link.size())
    return x
"""
ENDLESS = """\
import time
def everywhere(x):
    while link.rank() == 1:
        time.sleep(0.1)
    return link.recv(x, 1)
"""
KILLS_THE_FIRST = """\
import os, signal
def everywhere(x):
    if link.rank() == 1:
        os.kill(os.getppid(), signal.SIGKILL)
    return link.recv(x, 1)
"""
FORKS = """\
import os, time
def everywhere(x):
    while True:
        try:
            if os.fork() == 0:
                time.sleep(600)
        except OSError:
            time.sleep(0.01)
"""
FLOODS = """\
def everywhere(x):
    while True:
        link.start_send(torch.ones(1 << 20), (link.rank() + 1) % link.size())
"""
INSTEAD = """\
from labkit.parallel import posted
def everywhere(x):
    return x
def run(fn, n, ask):
{body}
posted.run = run
"""
ALONE = """\
    given = [ask([(rank, "arguments")])[0][1][0] for rank in range(n)]
    for _ in range(n - 1):
        for rank in range(n):
            ask([(rank, "start", (rank + 1) % n, torch.ones(4))])
        for rank in range(n):
            ask([(rank, "receive", (rank - 1) % n, 16)])
    for rank in range(n):
        ask([(rank, "done", sum(given))])"""
IDLE = "    return None"
DONE_AT_ONCE = "    ask([(rank, 'done', torch.arange(4.0) * 6) for rank in range(n)])"
SWALLOWS = """\
    for what in [(99, "done", 1), (0, "nonsense"), (0, "start"), (0, "wait", 10**9), (0, "receive", 0, 4)]:
        try:
            ask([what])
        except BaseException:
            pass
    ask([(rank, "done", torch.arange(4.0) * 6) for rank in range(n)])"""
JUNK = """\
    class Odd:
        def numel(self): return 4
        def element_size(self): return 4
        def __eq__(self, other): return True
        def __iter__(self): return iter([0, "done"])
        def __len__(self): return 2
    for junk in (Odd(), run, [1], "x", 1.5, {}):
        for what in [(junk, "done"), (0, junk), (0, "start", 1, junk), (0, "receive", junk, junk), (0, "wait", junk)]:
            for requests in ([what], what, junk, [junk]):
                try:
                    ask(requests)
                except BaseException:
                    pass
    ask([(0, "start", 1, Odd())])"""

RANKED = {
    "ranks run where the student's code is, and the court counts": Tried(
        RANKS, {"values": 1, "counts": 1, "travels": 1, "after": 1}
    ),
    "a deadlock is noticed at once, and the rest is graded": wrong(
        SENT_FIRST, "deadlock, every rank waits for another: rank 0 sends to rank 1; rank 1 sends to rank 2"
    ),
    "messages alone are worth what is asked of messages": wrong(
        UNSUMMED, "no rank's result is another", NOTHING | {"counts": 1}
    ),
    "what a rank says that it sent counts for nothing": wrong(UNCOUNTED, "", NOTHING | {"values": 1}),
    "ranks that talk by a file are found out by a message that changes": wrong(
        BY_A_FILE, "no rank's result is another", NOTHING | {"values": 1, "counts": 1}
    ),
    "an error in one rank names it": wrong(BROKEN, "rank 1 failed: RuntimeError: no idea"),
    "a rank that is gone is named": wrong(GONE, "rank 1's process ended before its function had returned"),
    "a message that nobody receives": wrong(UNHEARD, "a message that it never received"),
    "a rank that does not end": wrong(ENDLESS, "had not returned after 3 s"),
    "a rank that kills the process it was forked from": wrong(
        KILLS_THE_FIRST, "process", GONE_FOR_GOOD, status="partial"
    ),
    "ranks that fork for ever": wrong(FORKS, "it started more than 64 processes", GONE_FOR_GOOD, status="partial"),
    "ranks that send for ever": wrong(FLOODS, "", GONE_FOR_GOOD, status="partial"),
    "one process that plays all ranks must make the messages too": wrong(
        INSTEAD.format(body=ALONE), "no rank's result is another", NOTHING | {"values": 1, "counts": 1}
    ),
    "ranks that never start": wrong(INSTEAD.format(body=IDLE), "not every rank came to its end"),
    "ranks that are done at once": wrong(
        INSTEAD.format(body=DONE_AT_ONCE), "there is no message 0", NOTHING | {"values": 1}
    ),
    "an error of the court's that is swallowed is still an error": wrong(
        INSTEAD.format(body=SWALLOWS), "rank 99 asks for something, and cannot"
    ),
    "nonsense instead of messages": wrong(INSTEAD.format(body=JUNK), "rank 0 sends what is no tensor"),
}
