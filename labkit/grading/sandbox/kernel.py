"""The process that becomes a Jupyter kernel behind the wall: gives up its rights, then runs ipykernel.

`python -P -s -c "from labkit.grading.sandbox.kernel import main; main()" ORDERS -f FILE ...`, with ORDERS in JSON.
"""

import json
import os
import shutil
import signal
import sys

from labkit.grading.sandbox import confine, landlock, linux, seccomp
from labkit.grading.sandbox.limits import Limits
from labkit.grading.sandbox.plan import Plan

HANDED = "/labkit/handed"  # what was handed in, read-only; the kernel works on a copy
WORK, TEMPORARY = "/tmp/work", "/tmp"
WRITABLE = ("/tmp", "/dev/shm", "/dev/pts")
DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx"))


def confined(orders: dict) -> None:
    """Become the process that the student's code may have."""
    plan = Plan(orders["way"])
    confine.enter(orders["groups"])
    confine.prefer_as_victim()
    confine.limit(Limits(**orders["limits"]), plan)
    if linux.has_capabilities():
        linux.bound_capabilities()
    if plan.way == "root":
        confine.become(orders["user"])
    linux.prctl(linux.DUMPABLE, 1)
    shutil.copytree(HANDED, WORK, copy_function=shutil.copyfile)
    confine.settle({}, WORK, TEMPORARY)
    linux.keep_capabilities()
    if landlock.version():  # the folder of the sockets lies outside: nothing but sockets may fill it
        landlock.restrict(["/"], WRITABLE, [orders["sockets"]], DEVICES)
    linux.prctl(linux.NO_NEW_PRIVS, 1)
    seccomp.install(inet=True)


def main() -> None:
    """What the command line starts."""
    orders = json.loads(sys.argv.pop(1))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    confined(orders)
    sys.path.insert(0, os.getcwd())  # the files that were handed in beside the notebook
    from ipykernel import kernelapp

    kernelapp.launch_new_instance()
