"""A server process for a notebook: started, waited for, and certainly ended.

    with running("shop") as server:
        Client(server.url).tag(images)

Which program it is follows from the engine: the C++ server for those that `build` knows, a fresh Python for the others.
Never a fork of the kernel: what a server carries is then its own.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from labkit.errors import WrongUse
from labkit.serving import build

GRACE_SECONDS = 5  # from SIGTERM to SIGKILL
PARENT_SECONDS = 0.2  # how often the server looks whether its parent still lives


@dataclass(frozen=True)
class Server:
    """A server that is ready. ready_seconds: from the start of the process to its first line."""

    url: str
    pid: int
    ready_seconds: float


@contextlib.contextmanager
def running(directory: Path, engine: str = "openvino", timeout: float = 60, **options: object) -> Iterator[Server]:
    """Serve `directory` for the length of a `with` block.

    options: of the C++ server, as `max_batch=8` for `--max-batch 8`.
    Raises RuntimeError with what the server wrote on standard error where it does not come up.
    """
    command = command_for(directory, engine, os.getpid(), **options)
    began = time.monotonic()
    with tempfile.TemporaryFile() as log, ended(start(command, log)) as process:
        url = wait_for_url(process, log, timeout)
        yield Server(url, process.pid, time.monotonic() - began)


def command_for(directory: Path, engine: str, parent: int = 0, **options: object) -> list[str]:
    """The command that serves a directory. parent: the process to end with, if any.

    options: of the C++ server, `sanitize` of its build among them. Raises WrongUse for an engine that there is not, or
    that has no such options.
    """
    if engine in build.ENGINES:
        program = build.program(engine, str(options.pop("sanitize", "")))
        words = [(f"--{name.replace('_', '-')}", str(value)) for name, value in options.items()]
        if parent:
            words.append(("--parent", str(parent)))
        return [str(program), str(directory), *(word for pair in words for word in pair)]
    port = str(python_port(engine, options))
    return [sys.executable, "-m", "labkit.serving.process", str(directory), engine, str(parent), port]


def python_port(engine: str, options: dict[str, object]) -> int:
    """The one option that the Python server has. Raises WrongUse for another, and for an engine that there is not."""
    from labkit.serving.engines import ENGINES  # not above: it imports numpy, which the C++ server has no use for

    if engine not in ENGINES:
        raise WrongUse(f"There is no engine '{engine}'. Choose one of: {', '.join((*build.ENGINES, *ENGINES))}.")
    if others := options.keys() - {"port"}:
        raise WrongUse(
            f"Only the C++ server's engines ({', '.join(build.ENGINES)}) have the option "
            f"--{min(others).replace('_', '-')}; {engine} is the Python server's."
        )
    return int(options.get("port", 0))


def serve_here(directory: Path, engine: str, options: dict[str, object]) -> None:
    """Serve in this process: it becomes the C++ program, or runs the Python server until that is stopped."""
    if engine in build.ENGINES:
        command = command_for(directory, engine, **options)
        os.execv(command[0], command)
    port = python_port(engine, options)
    from labkit.serving import server  # not above: a notebook that starts one has no use for a web framework

    server.run(directory, engine, port)


def start(command: list[str], log: IO[bytes]) -> subprocess.Popen:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,  # a file and not a pipe: nobody reads while the server runs, and a pipe would fill and block it
        start_new_session=True,  # interrupting a cell signals the kernel's whole group; the server stays out of that
        text=True,
    )


@contextlib.contextmanager
def ended(process: subprocess.Popen) -> Iterator[subprocess.Popen]:
    """Whatever happens in the block, the process and all that it started are gone after it."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"The server did not end within {GRACE_SECONDS} s of SIGTERM and was killed.", file=sys.stderr)
        finally:  # also where the wait itself was interrupted
            with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left of its group
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()


def wait_for_url(process: subprocess.Popen, log: IO[bytes], timeout: float) -> str:
    """Read the one line that the server prints when it is ready."""
    alarm = threading.Timer(timeout, process.kill)
    alarm.start()
    try:
        line = process.stdout.readline()
    finally:
        alarm.cancel()
    if line.startswith("listening on "):
        return line.split()[-1]
    status = process.wait()
    log.seek(0)
    said = log.read().decode(errors="replace").strip() or f"it said nothing within {timeout:g} seconds"
    raise RuntimeError(f"The server did not come up (status {status}): {said}")


def stop_with(parent: int) -> None:
    """End this process soon after its parent died, however that died.

    A process whose parent is gone gets another one, on every Unix. Linux alone could be asked for a signal
    (PR_SET_PDEATHSIG), but sends it when the *thread* ends that started the child. A pipe would be seen to close only
    when every fork of the parent has closed it too.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """The child: a server that does not outlive its parent."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("engine")
    parser.add_argument("parent", type=int)
    parser.add_argument("port", type=int)
    chosen = parser.parse_args()
    if chosen.parent:
        stop_with(chosen.parent)
    from labkit.serving import server  # not above: the parent, a notebook, has no use for a web framework

    try:
        server.run(chosen.directory, chosen.engine, chosen.port)
    except WrongUse as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
