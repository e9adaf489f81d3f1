import os
import subprocess
import sys
import time

import psutil
import pytest


def gone(pid: int, within: float = 8) -> bool:
    """Whether a process ends within so many seconds; a zombie has ended."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def ends():
    return gone


@pytest.fixture
def script(tmp_path):
    """Starts a text as a Python program of its own; what is left of it is killed at the end."""
    started = []

    def start(text: str) -> subprocess.Popen:
        path = tmp_path / "program.py"
        path.write_text(text)
        command = [sys.executable, "-u", str(path)]
        here = {**os.environ, "TMPDIR": str(tmp_path)}  # who is killed cannot remove its files
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(command, env=here, **streams))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
