"""Nothing outlives a run: after Ctrl-C, after the parent was killed, whatever the ranks are at.

(Ranks that sleep: `test_notebook`.)
"""

import signal

import pytest

PROGRAM = """
import os
import numba, torch, torch.distributed as dist
from labkit.parallel import ranks

@numba.njit
def for_ever(x):
    while x > 0:
        x += 1.0
    return x

for_ever(0.0)

def work():
    print(os.getpid(), os.getppid())
    {work}

try:
    ranks(work, 2{options})
except KeyboardInterrupt:
    print("interrupted")
"""
AT = {
    "waits": "dist.recv(torch.ones(1), 1 - dist.get_rank())",
    "holds Python's lock": "for_ever(1.0)",
}


def pids(program) -> list[int]:
    lines = [program.stdout.readline().split() for _ in range(2)]
    return [int(line[2]) for line in lines]


@pytest.mark.parametrize("work", AT.values(), ids=AT)
def test_ctrl_c_ends_all(script, ends, work):
    program = script(PROGRAM.format(work=work, options=", deadlock=100"))
    ranks = pids(program)
    program.send_signal(signal.SIGINT)
    assert program.stdout.readline() == "interrupted\n"
    assert program.wait(10) == 0
    assert all(ends(pid, 1) for pid in ranks)


@pytest.mark.parametrize("work", AT.values(), ids=AT)
def test_a_killed_parent_takes_its_ranks_along(script, ends, work):
    program = script(PROGRAM.format(work=work, options=", deadlock=100"))
    ranks = pids(program)
    program.kill()
    assert all(ends(pid) for pid in ranks)
