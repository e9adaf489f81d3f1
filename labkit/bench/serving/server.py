"""A server on a core of its own, ready to be asked, and the processor time that it has used."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from labkit.environment.machine import pin_to_core, usable_cores
from labkit.serving import process

OURS, PEERS = "ours", "peers"


@dataclass(frozen=True)
class Contestant:
    """Ours with an engine, or a program of `peers/`."""

    kind: str
    name: str

    def command(self, directory: Path, model: str) -> list[str]:
        if self.kind == OURS:
            return process.command_for(directory / model, self.name, os.getpid())
        return [sys.executable, "-m", f"labkit.bench.serving.peers.{self.name}", str(directory), model]


@dataclass(frozen=True)
class Running:
    url: str
    pid: int

    def cpu_seconds(self) -> float:
        """Of the process and all that it started."""
        root = psutil.Process(self.pid)
        times = [one.cpu_times() for one in (root, *root.children(recursive=True))]
        return sum(one.user + one.system for one in times)


@contextlib.contextmanager
def started(contestant: Contestant, directory: Path, model: str) -> Iterator[Running]:
    """Serve one model on the first core that we may use."""
    command = contestant.command(directory, model)  # outside: it may compile
    with tempfile.TemporaryFile() as log:
        with on_core(0):
            child = process.start(command, log)
        with process.ended(child):
            yield Running(process.wait_for_url(child, log, timeout=120), child.pid)


@contextlib.contextmanager
def on_core(index: int) -> Iterator[None]:
    """What is started in this block runs on this core alone, where the system can do that."""
    before = usable_cores().numbers
    pin_to_core(index)
    try:
        yield
    finally:
        if before:
            os.sched_setaffinity(0, before)
