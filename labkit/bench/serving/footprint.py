"""What one of our processes costs: memory after load, and the time until it is ready."""

import statistics
from pathlib import Path

from tqdm.auto import tqdm

from labkit.bench.serving.rounds import stretch
from labkit.bench.serving.server import OURS, Contestant, started
from labkit.environment.machine import private_memory_mb
from labkit.serving.process import running

LOAD_S = 10.0


def megabytes_after_load(directory: Path, engine: str, bar: tqdm) -> float:
    """PSS in MB (10**6 bytes) of one process with the classifier, right after the load."""
    with started(Contestant(OURS, engine), directory, "cnn") as server:
        stretch(server, "cnn", LOAD_S)
        bar.update()
        return private_memory_mb(server.pid).megabytes


def ready_seconds(directory: Path, times: int, bar: tqdm) -> float:
    """From the start of the process to its first line, with OpenVINO: the median of so many starts."""
    seconds = []
    for _ in range(times):
        with running(directory / "cnn", "openvino") as server:
            seconds.append(server.ready_seconds)
        bar.update()
    return statistics.median(seconds)
