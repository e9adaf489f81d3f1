"""Run by root as `python as_user.py USER BWRAP ARGUMENT ...`: bubblewrap as an ordinary user, in the same process.

The Python may lie in a folder that others cannot enter: in a mount namespace of our own, they can.
"""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from labkit.grading.sandbox import bubblewrap, linux

ROOTS = [sys.prefix, *bubblewrap.bases(), str(bubblewrap.package())]


def closed(path: str) -> str:
    """The first folder on the way to this one that others may not enter, or ""."""
    above = reversed([Path(path), *Path(path).parents])
    return next((str(one) for one in above if not one.stat().st_mode & 1), "")


def open_the_way(path: str) -> None:
    """Put an open folder over the closed one, and the folder that is wanted into it."""
    while where := closed(path):
        stage = tempfile.mkdtemp(dir="/dev/shm")
        linux.mount(path, stage, flags=linux.BIND | linux.RECURSIVE)
        linux.mount("tmpfs", where, "tmpfs", options="mode=755")
        os.makedirs(path, exist_ok=True)
        linux.mount(stage, path, flags=linux.BIND | linux.RECURSIVE)
        linux.unmount(stage)
        os.rmdir(stage)


linux.unshare(linux.NEWNS)
linux.mount("", "/", flags=linux.RECURSIVE | linux.PRIVATE)
for root in ROOTS:
    open_the_way(root)
user = int(sys.argv[1])
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
os.execv(sys.argv[2], sys.argv[2:])
