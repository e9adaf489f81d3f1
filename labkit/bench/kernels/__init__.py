"""The kernels against torch, and against the machine: one process, one thread, warm, outputs that exist already.

A key of the summary is the geometric mean over its sizes of torch's time over ours. Each op is a file here with `BAR`,
the least ratio we want, `cases()`, which makes one size's arrays at a time, and `first_call()`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

import torch
from tqdm.auto import tqdm

from labkit import kernels
from labkit.bench.harness import geometric_mean
from labkit.bench.kernels.case import row
from labkit.bench.kernels.first_calls import first_calls
from labkit.bench.kernels.limits import Limits
from labkit.bench.kernels.memory import COLD, warm_memory
from labkit.errors import WrongUse

OPS = (
    "softmax",
    "layer_norm",
    "layer_norm_backward",
    "bias_gelu",
    "cross_entropy",
    "adamw",
    "prepare_images",
    "parse_csv",
    "matmul",
    "attention",
    "int8_matvec",
    "gpt_step",
)


def measure(op: str = "", threads: int = 1) -> dict:
    """Rows and summary for every op, or for one. Raises WrongUse for an op or a number of threads that there is not."""
    if op and op not in OPS:
        raise WrongUse(f"There is no op {op!r}; there is: {', '.join(OPS)}.")
    chosen = {name: import_module(f"labkit.bench.kernels.{name}") for name in ((op,) if op else OPS)}
    with _threads(threads), warm_memory() as warm:
        limits = Limits(threads)
        rows, summary = [*limits.rows(), *([] if warm else [{"memory": COLD}])], {}
        for name, module in tqdm(chosen.items(), desc="ops"):
            measured = _op(name, module, limits)
            summary[name] = measured[-1]["ratio"]
            rows += measured
    return {"rows": rows + first_calls(tuple(chosen)), "summary": summary}


def _op(name: str, module: ModuleType, limits: Limits) -> list[dict]:
    """A row a size, and the op's own row: its geometric mean beside the bar, and if it is below, what stands behind."""
    rows = [row(name, case, limits) for case in module.cases()]
    mean = geometric_mean([each["ratio"] for each in rows])
    missed = {} if mean >= module.BAR else {"why": f"{getattr(module, 'WHY_MISSED', '')} {_counted(rows)}".strip()}
    return [*rows, {"op": name, "size": "geometric mean", "ratio": mean, "bar": module.BAR, **missed}]


def _counted(rows: list[dict]) -> str:
    """The work that each size has to do, and how long that takes at the limits of this machine."""
    return " ".join(
        f"{row['size']}: {row['moved_mb']:.3g} MB and {row['mflop']:.3g} Mflop take {row['limit_ms']:.2g} ms at the "
        f"machine's limits, ours takes {row['ours_ms']:.2g} ms."
        for row in rows
    )


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        kernels.set_threads(count)
    except ValueError as error:
        raise WrongUse(f"--threads: {error}") from error
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        kernels.set_threads(1)
