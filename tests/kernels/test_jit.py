"""How kernels are compiled, kept and shared out: each in a process of its own, with a cache of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest
from llvmlite import binding

from labkit import kernels
from labkit.kernels import cache

USE = """
import numpy as np
from labkit import kernels
from labkit.kernels.softmax import quick
x = np.zeros((2, 4), np.float32)
assert (kernels.softmax(x, out=np.empty_like(x)) == 0.25).all()
print(sum(quick.run.stats.cache_hits.values()))
"""


def python(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_an_import_compiles_nothing():
    program = """
import gc
from numba.core.dispatcher import Dispatcher
import labkit.kernels
ours = [d for d in gc.get_objects() if isinstance(d, Dispatcher) and d.__module__.startswith("labkit.")]
print(len(ours) > 20, sum(len(d.signatures) for d in ours))
"""
    assert python("-c", program) == "True 0"


def test_the_second_process_finds_what_the_first_compiled(tmp_path):
    assert python("-c", USE, NUMBA_CACHE_DIR=str(tmp_path)) == "0"
    assert python("-c", USE, NUMBA_CACHE_DIR=str(tmp_path)) == "1"


def test_a_damaged_cache_is_compiled_again(tmp_path):
    python("-c", USE, NUMBA_CACHE_DIR=str(tmp_path))
    files = [path for path in tmp_path.rglob("*.nb?") if path.is_file()]
    for path in files:
        path.write_bytes(path.read_bytes()[:-20] if path.suffix == ".nbc" else b"no index")
    assert files
    assert python("-c", USE, NUMBA_CACHE_DIR=str(tmp_path)) == "0"


def test_nothing_has_to_be_writable():
    assert python("-c", USE, NUMBA_CACHE_DIR="/dev/null/nowhere") == "0"


def test_a_change_in_any_file_makes_what_was_compiled_old(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "PACKAGE", tmp_path)
    stamps = set()
    for text in ("a = 1", "a = 2"):
        (tmp_path / "simd.py").write_text(text)
        cache.package_stamp.cache_clear()
        stamps.add(cache.package_stamp())
    (tmp_path / "other.py").write_text("")
    cache.package_stamp.cache_clear()
    stamps.add(cache.package_stamp())
    cache.package_stamp.cache_clear()
    assert len(stamps) == 3


@pytest.mark.parametrize("count", [0, -1, numba.config.NUMBA_NUM_THREADS + 1])
def test_a_number_of_threads_that_there_is_not_is_refused(count):
    with pytest.raises(ValueError, match=f"count is {count}; this machine takes 1 to"):
        kernels.set_threads(count)
    assert kernels.threads() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_two_threads_give_the_same_results_and_a_forked_child_goes_alone():
    layer = python(str(Path(__file__).with_name("two_threads.py")), NUMBA_NUM_THREADS="2", NUMBA_THREADING_LAYER="tbb")
    assert layer in ("omp", "workqueue")


def test_the_ops_are_right_on_a_processor_with_narrower_vectors():
    flags = binding.get_host_cpu_features().flatten().split(",")
    without = ["-" + flag[1:] if flag[1:].startswith("avx512") else flag for flag in flags]
    environment = {"NUMBA_CPU_FEATURES": ",".join(without)}
    if "+avx2" in flags:  # another family of processors runs the same script as it is
        environment["NUMBA_CPU_NAME"] = "x86-64-v3"
    assert int(python(str(Path(__file__).with_name("any_processor_rows.py")), **environment)) <= 8
