"""Which protection really works here: each way is tried with a whole admission, the strongest first."""

import os
import sys

from labkit.errors import WrongUse
from labkit.grading.sandbox import bubblewrap, cgroups, landlock, seccomp
from labkit.grading.sandbox.limits import Limits, Protection
from labkit.grading.sandbox.request import Refused
from labkit.grading.sandbox.room import room

SCRIPT = "labkit.grading.sandbox.script"
TRY = b"sock.send(b'here')\n"
MARK = b"here"
ADVICE = (
    "Install bubblewrap (sudo apt install bubblewrap, Linux only). If it is there and fails: in Docker allow "
    "namespaces (--security-opt seccomp=unconfined --cap-add SYS_ADMIN); on Ubuntu 24.04 or newer allow them in "
    "AppArmor (sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0). Or grade without protection: --unsafe."
)


def find(unsafe: bool = False) -> Protection:
    """The best protection that works on this machine; WrongUse where there is none, and `unsafe` is not asked for."""
    if unsafe:
        return unsafe_protection()
    failures = []
    for candidate in candidates():
        if not (why := trouble(candidate)):
            return candidate
        failures.append(why)
    said = f" ({'; '.join(dict.fromkeys(failures))})" if failures else ""
    raise WrongUse(f"There is no sandbox on this machine{said}: student code is not run. {ADVICE}")


def candidates() -> list[Protection]:
    """The ways that may work here, the strongest first."""
    found = []
    if path := bubblewrap.program() if sys.platform == "linux" else "":
        ways = ("root", "user") if os.geteuid() == 0 else ("user",)
        found += [Protection("sandboxed", walled_sentence(path, way), way, path) for way in ways]
    # Without its filter of system calls, Landlock leaves the network open.
    if landlock.version() and seccomp.is_known():
        found.append(Protection("partial", partial_sentence(), "landlock"))
    return found


def trouble(protection: Protection) -> str:
    """Why this way does not work here; "" where it does."""
    try:
        with room(protection, (), SCRIPT) as tried, tried.admit(Limits(wall_s=60), {"main.py": TRY}) as inmate:
            inmate.socket.settimeout(60)
            got = inmate.socket.recv(len(MARK))
            return "" if got == MARK else inmate.ending() or "an inmate ended without a word"
    except (Refused, OSError) as error:
        return str(error).rstrip(".")


def walled_sentence(path: str, way: str) -> str:
    """How inmates are held behind bubblewrap."""
    filtered = "a filter of system calls" if seccomp.is_known() else "no filter of system calls on this processor"
    groups = way == "root" and cgroups.wanted(Limits())
    counted = "memory and process cgroups" if groups else "memory and processes counted every tenth of a second"
    user = "a user of its own for each submission" if way == "root" else "unprivileged namespaces"
    return f"{bubblewrap.version(path)}, {user}, {filtered}, {counted}"


def partial_sentence() -> str:
    """How inmates are held by Landlock alone, and what that does not stop."""
    signals = "" if landlock.version() >= 6 else " can send signals to this user's other processes,"
    return (
        f"Landlock (version {landlock.version()}) and a filter of system calls: files and network are closed, but "
        f"student code{signals} sees which files exist, and its memory and processes are counted, not held"
    )


def unsafe_protection() -> Protection:
    """No wall at all, in so many words."""
    return Protection("unsafe", "no sandbox: student code can read, change and send whatever this user can", "plain")
