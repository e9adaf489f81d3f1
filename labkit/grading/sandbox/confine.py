"""The student's process: gives up what it does not need, for good, and then runs the judge's side of the student.

The order matters: limits and user first, then the files (written as that user), capabilities, Landlock, and the filter
of system calls last, as it forbids some of what comes before.
"""

import contextlib
import importlib
import os
import re
import resource
import signal
import socket
import sys
from pathlib import Path

from labkit.grading.sandbox import environment, landlock, linux, processes, seccomp
from labkit.grading.sandbox.limits import Limits
from labkit.grading.sandbox.plan import Plan
from labkit.grading.sandbox.request import Request

MB = 2**20
SPACE = 16 * 1024 * MB  # addresses that torch and numba may map without using them
FIRST_FREE = 3  # the data socket's number: 0, 1 and 2 lead nowhere


def folders(plan: Plan, own: str) -> tuple[str, str]:
    """Where the inmate's files and its temporary files lie."""
    return ("/work", "/tmp") if plan.walled else (f"{own}/work", f"{own}/tmp")


def limit(limits: Limits, plan: Plan) -> None:
    """Hold this process and its children to the limits that the kernel counts for each process."""
    wanted = {
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_CPU": (limits.cpu_s, limits.cpu_s + 1),
        "RLIMIT_FSIZE": (limits.file_mb * MB,) * 2,
        "RLIMIT_NOFILE": (limits.open_files,) * 2,
        "RLIMIT_AS": (SPACE + 4 * limits.memory_mb * MB,) * 2,
    }
    if data := processes.data_bytes():  # memory that comes faster than the watch looks
        wanted["RLIMIT_DATA"] = (data + 2 * limits.memory_mb * MB,) * 2
    if plan.way == "root" or (plan.way == "user" and counts_by_namespace()):
        wanted["RLIMIT_NPROC"] = (limits.threads,) * 2
    for name, values in wanted.items():
        lower(name, values)


def counts_by_namespace() -> bool:
    """Whether the kernel counts a user's processes in each user namespace; older ones would count all that we run."""
    return tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2]) >= (5, 14)


def lower(name: str, values: tuple[int, int]) -> None:
    """Set one limit where the system has it, never above what holds already."""
    number = getattr(resource, name, None)
    if number is None:
        return
    ceiling = resource.getrlimit(number)[1]
    if ceiling != resource.RLIM_INFINITY:
        values = tuple(min(one, ceiling) for one in values)
    try:
        resource.setrlimit(number, values)
    except (OSError, ValueError):
        if name != "RLIMIT_AS":  # macOS refuses this one
            raise


def become(user: int) -> None:
    """Be another user, in no group but its own."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def tidy_files(data: socket.socket) -> socket.socket:
    """Leave open nothing but the data socket, as number 3; 0, 1 and 2 lead nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(FIRST_FREE):
        os.dup2(null, number)
    kept = data.detach()
    if kept != FIRST_FREE:
        os.dup2(kept, FIRST_FREE, inheritable=False)
    os.closerange(FIRST_FREE + 1, os.sysconf("SC_OPEN_MAX"))  # the limit on open files is set: few
    return socket.socket(fileno=FIRST_FREE)


def write_files(files: dict[str, bytes], work: str) -> None:
    """Write what was handed in."""
    for name, content in files.items():
        path = Path(work) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def settle(files: dict[str, bytes], work: str, temporary: str) -> None:
    """Folders, variables, files, working directory."""
    os.umask(0o077)
    for name, folder in environment.places(f"{temporary}/home", temporary).items():
        os.makedirs(folder, exist_ok=True)
        os.environ[name] = folder
    os.chdir(work)
    if module := sys.modules.get("multiprocessing.process"):
        module.ORIGINAL_DIR = work  # where spawned processes begin; it was noted in the warm process
    write_files(files, work)


def restrict(plan: Plan, own: str) -> None:
    """Capabilities, Landlock, system calls: nothing of this can be undone."""
    if plan.way != "plain":
        linux.keep_capabilities()
    if plan.way == "landlock":
        landlock.restrict(landlock.readable(), [own])
    if plan.way != "plain":
        linux.prctl(linux.NO_NEW_PRIVS, 1)
        seccomp.install(inet=plan.walled)


def prefer_as_victim() -> None:
    """Where the whole machine runs out of memory, this process goes first."""
    with contextlib.suppress(OSError):  # only Linux has the file
        Path("/proc/self/oom_score_adj").write_text("1000")


def enter(groups: list[int]) -> None:
    """Move this process into the control groups whose `cgroup.procs` are open under these numbers."""
    for number in groups:
        os.write(number, b"0")
        os.close(number)


def prepare(request: Request, plan: Plan, own: str, user: int) -> None:
    """Everything that comes before the student's side begins."""
    prefer_as_victim()
    os.setsid()
    limit(request.limits, plan)
    if plan.way != "plain" and linux.has_capabilities():
        linux.bound_capabilities()
    if plan.way == "root":
        become(user)
    if plan.walled:
        linux.prctl(linux.DUMPABLE, 1)  # as the watch is not, nor who changed its user: /proc/self would be root's
    settle(request.files, *folders(plan, own))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    restrict(plan, own)


def serve(plan: Plan, data: socket.socket, seed: int) -> None:
    """Be the student's side."""
    importlib.import_module(plan.serve).serve(data, seed)
