"""How long the first call of an op takes: cold, when it is compiled, and warm, when a process finds it in the cache.

Each is measured in a process of its own with a cache folder of its own. Importing the package, which compiles nothing,
is a row as well, beside Numba's own share of it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module

MEASURED = "first calls: "


def first_calls(ops: tuple[str, ...]) -> list[dict]:
    """A row an op: seconds of its first call with an empty cache, and with a full one."""
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = (_in_a_process(ops, folder) for _ in range(2))
    return [_imports(), *({"first_call": op, "cold_s": cold[op], "warm_s": warm[op]} for op in cold)]


def _imports() -> dict:
    program = """
import time
start = time.perf_counter()
import numba
between = time.perf_counter()
import labkit.kernels
print(between - start, time.perf_counter() - between)
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    numba_s, rest_s = map(float, done.stdout.split())
    return {"first_call": "import labkit.kernels", "numba_s": numba_s, "rest_s": rest_s}


def _in_a_process(ops: tuple[str, ...], folder: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", "from labkit.bench.kernels.first_calls import measure; measure()", *ops],
        env=os.environ | {"NUMBA_CACHE_DIR": folder},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith(MEASURED))
    return json.loads(line.removeprefix(MEASURED))


def measure() -> None:
    """In the process: print the seconds of each named op's first call."""
    modules = {op: import_module(f"labkit.bench.kernels.{op}") for op in sys.argv[1:]}
    print(MEASURED + json.dumps({op: _seconds(module.first_call) for op, module in modules.items()}))


def _seconds(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
