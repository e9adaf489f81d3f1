"""`labkit lab`: the student's own notebooks in JupyterLab, until Ctrl-C; then nothing is left running."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path

from labkit.editions.jupyter import log_path, runtime_folder, start
from labkit.editions.run import descendants, end
from labkit.editions.student import copy_notebooks
from labkit.errors import WrongUse

START_SECONDS = 90
STOP_SECONDS = 10
TRIES = 50  # ports to try from the wanted one on


def open_lab(browser: bool = True, port: int = 8888) -> int:
    """Open the notebooks and wait until stopped by a signal. Returns the exit status: 1 where the server died."""
    folder, remarks = copy_notebooks()
    if os.geteuid() == 0:
        remarks.append("You are root, so the notebooks run as root too; better use an account of your own.")
    for remark in remarks:
        print(remark, file=sys.stderr)
    token = secrets.token_urlsafe(24)
    with _ended_by_signals():
        server = start(folder, free_port(port), token)
        try:
            return _serve(server, first_page(folder), token, browser)
        except KeyboardInterrupt:
            print("Stopped. Your notebooks are kept in", folder, file=sys.stderr)
            return 0
        finally:
            _stop(server)


def first_page(folder: Path) -> str:
    """The path of the page to open: the first notebook of the course."""
    names = sorted(path.name for path in folder.glob("[0-9]*.ipynb") if "(new edition" not in path.name)
    return f"/lab/tree/{names[0]}" if names else "/lab"


def free_port(wanted: int) -> int:
    """The wanted port, the next free one after it, or any free one (also for 0). Raises WrongUse for no port."""
    if not 0 <= wanted < 65536:
        raise WrongUse(f"{wanted} is no port; take one from 1024 to 65535, or 0 for any free one.")
    for port in [*(range(wanted, min(wanted + TRIES, 65536)) if wanted else ()), 0]:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself does
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    raise WrongUse("This machine has no free port.")


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the block as Ctrl-C does."""

    def stop(number, frame):
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _serve(server: subprocess.Popen, page: str, token: str, browser: bool) -> int:
    if (base := _wait_until_ready(server, token)) is None:
        return _died(server)
    url = f"{base}{page}?token={token}"
    print(f"JupyterLab is open at {url}\nCtrl-C ends it.", flush=True)
    if browser:
        webbrowser.open(url)
    server.wait()
    return _died(server)


def _wait_until_ready(server: subprocess.Popen, token: str) -> str | None:
    """The server's address once it answers, or None where it died or took too long."""
    info = runtime_folder() / f"jpserver-{server.pid}.json"
    until = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError, ValueError, KeyError):
            base = f"http://127.0.0.1:{json.loads(info.read_text())['port']}"
            request = urllib.request.Request(f"{base}/api/status", headers={"Authorization": f"token {token}"})
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=5):
                return base
        time.sleep(0.1)
    return None


def _died(server: subprocess.Popen) -> int:
    """Say how the server ended by itself. Returns the exit status."""
    if server.poll() == 0:  # shut down from its own menu
        return 0
    lines = log_path().read_text(errors="replace").splitlines()[-10:]
    print(
        "JupyterLab does not run as it should. Its log ends so:",
        *lines,
        f"All of it: {log_path()}",
        sep="\n",
        file=sys.stderr,
    )
    return 1


def _stop(server: subprocess.Popen) -> None:
    """End the server and every kernel and terminal it started; first kindly, so that kernels can end themselves."""
    started = descendants(server.pid)
    if server.poll() is None:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
    end(started)
    server.poll()
