"""Running a notebook: fresh folder, the example student, a limit on time, and nothing left running."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

CELL_SECONDS = 300
NOTEBOOK_SECONDS = 900


class TooSlow(Exception):
    """The whole run took longer than its limit."""


@contextlib.contextmanager
def fresh_environment(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a run: an empty LABKIT_HOME, the folder's example student, this Python's kernel."""
    with tempfile.TemporaryDirectory(prefix="labkit-", ignore_cleanup_errors=True) as home:
        yield {
            **os.environ,
            "LABKIT_HOME": home,
            "LABKIT_EXAMPLE_STUDENT": str(folder / "example_student.toml"),
            "JUPYTER_PREFER_ENV_PATH": "1",
            "IPYTHONDIR": str(Path(home) / "ipython"),
        }


def run(module: str, *arguments: str, env: dict[str, str], cwd: Path, seconds: float) -> tuple[int, str]:
    """Run `python -m module arguments...` for at most `seconds`. Returns its status and what it said.

    Raises TooSlow. What it says goes to a file, not a pipe: a process that it left behind would keep a pipe open.
    """
    command = [sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        process = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TooSlow(f"it ran longer than {seconds:.0f} s and was stopped") from None
        finally:
            if process.returncode is None:
                end(descendants(process.pid))
                process.wait()
        said.seek(0)
        return status, said.read()


def descendants(pid: int) -> list[psutil.Process]:
    """A process and all that descends from it: kernels have sessions of their own, out of a group signal's reach."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [*root.children(recursive=True), root]
    return []


def end(processes: list[psutil.Process]) -> None:
    """Kill processes that still run. psutil knows them by pid and start time, so that a reused pid is safe."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=3)
