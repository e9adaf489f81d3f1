"""Rounds: every server is started once, and asked in turn for a stretch, by the same client on the other core."""

import contextlib
import statistics
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from labkit.bench.serving import shop
from labkit.bench.serving.server import Contestant, Running, on_core, started
from labkit.serving.load import closed_loop

CONNECTIONS = 32
STRETCH_S = 2.0


@dataclass(frozen=True)
class Rounds:
    rows: list[dict]  # one for each stretch, in the order in which they were measured

    def per_cpu_second(self, server: str) -> list[float]:
        return [row["requests_per_cpu_s"] for row in self.rows if row["server"] == server]

    def ratio(self, ours: str, other: str) -> float:
        """How many times as many requests ours answers with the same processor time: the median over the rounds."""
        pairs = zip(self.per_cpu_second(ours), self.per_cpu_second(other), strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)


def measured(directory: Path, model: str, contestants: dict[str, Contestant], rounds: int, bar: tqdm) -> Rounds:
    rows = []
    with contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(started(contestant, directory, model)) for name, contestant in contestants.items()
        }
        for turn in range(rounds):
            for name in list(servers) if turn % 2 == 0 else list(reversed(servers)):  # nobody always goes first
                rows.append({"model": model, "server": name, "round": turn} | stretch(servers[name], model))
                bar.update()
    return Rounds(rows)


def stretch(server: Running, model: str, seconds: float = STRETCH_S) -> dict:
    """One stretch at one server. Raises RuntimeError where it did not answer: refusals are quick, and no use."""
    with on_core(1):
        options = {"body": shop.request(model), "path": f"/v2/models/{model}/infer", "connections": CONNECTIONS}
        closed_loop(server.url, seconds=0.3, warmup=0, **options)
        began = server.cpu_seconds()
        result = closed_loop(server.url, seconds=seconds, warmup=0, **options)
        used = server.cpu_seconds() - began
    if result.failed or not result.ok:
        raise RuntimeError(f"{server.url} failed {result.failed} of {result.sent} requests: {result.why}")
    return {"requests_per_cpu_s": result.ok / used, "requests_per_s": result.rate, "p50_ms": result.p50_ms,
            "p99_ms": result.p99_ms, "client_bound": result.client_bound}  # fmt: skip
