"""Runs pip inside `.venv`: its words go to a log, a clock to the terminal, and it dies with its parent."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
# Settings that would make pip install elsewhere than into .venv, or find packages that are not in it.
UNWANTED = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE")


@dataclass(frozen=True)
class Outcome:
    """How one run of pip ended, and what it printed."""

    status: int
    text: str


def die_with_parent() -> None:
    """In the child on Linux: be killed when the installer is, so that no orphan writes into `.venv`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def environment(temporary: Path) -> dict[str, str]:
    """The environment of pip: the person's configuration, without what would lead it out of `.venv`."""
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    return kept | {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_USER": "0",
        "PIP_PROGRESS_BAR": "off",
        "PIP_RETRIES": "3",  # with none, pip does not say that the network is at fault
        "TMPDIR": str(temporary),  # /tmp may be small, and one disk to check is enough
    }


class Pip:
    """`pip install` of one `.venv`."""

    def __init__(self, venv: Path, log: Path, keep_open: int) -> None:
        self.python, self.log, self.keep_open = venv / "bin" / "python", log, keep_open
        self.temporary = venv / "tmp"

    def install(self, *arguments: str, cwd: Path | None = None) -> Outcome:
        """Run `pip install`; returns its exit status and its words."""
        self.temporary.mkdir(exist_ok=True)
        command = [str(self.python), "-I", "-m", "pip", "install", *arguments]
        with open(self.log, "a+b") as log:
            log.write(("\n$ pip install " + " ".join(arguments) + "\n").encode())
            log.flush()
            start = log.tell()
            status = self.run(command, log, cwd)
            log.seek(start)
            return Outcome(status, log.read().decode("utf-8", "replace"))

    def run(self, command: list[str], log, cwd: Path | None) -> int:
        """Start, show a clock, wait; an interrupt is passed on before it is raised."""
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment(self.temporary),
            preexec_fn=die_with_parent,
            # Where a child cannot be made to die with us, it holds on to our lock until it is done.
            pass_fds=(self.keep_open,),
        )
        try:
            return wait(process)
        except BaseException:
            process.terminate()
            process.wait()
            raise


def wait(process: subprocess.Popen) -> int:
    """Wait for a process; on a terminal, show that time passes."""
    start, clock = time.monotonic(), sys.stderr.isatty()
    while True:
        try:
            status = process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            if clock:
                print(f"\r      {time.monotonic() - start:.0f} s ", end="", file=sys.stderr, flush=True)
            continue
        if clock:
            print("\r" + " " * 20 + "\r", end="", file=sys.stderr, flush=True)
        return status
