"""The register tile against NumPy: any steps, any depth, nothing written beside it; and on narrower processors."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import binding

from labkit.kernels import packing, tile
from labkit.kernels.jit import jit

tall, short, single = tile.tall, tile.short, tile.single
HEIGHTS = {"tall": tile.TALL, "short": tile.SHORT, "single": 1}


@jit
def run_tall(a, b, c, places, fresh):
    tall(a, b, c, *places, fresh)


@jit
def run_short(a, b, c, places, fresh):
    short(a, b, c, *places, fresh)


@jit
def run_single(a, b, c, places, fresh):
    single(a, b, c, *places, fresh)


RUNS = {"tall": run_tall, "short": run_short, "single": run_single}


@pytest.mark.parametrize("name", RUNS)
@settings(max_examples=30, deadline=None)
@given(
    depth=st.integers(0, 40),
    turned=st.booleans(),
    gaps=st.tuples(*[st.integers(0, 5)] * 3),
    at=st.tuples(*[st.integers(0, 9)] * 3),
    fresh=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_tile_is_a_product_and_writes_nothing_beside_it(name, depth, turned, gaps, at, fresh, seed):
    rows, columns = HEIGHTS[name], tile.COLUMNS
    a_row, a_step = (1, rows + gaps[0]) if turned else (depth + gaps[0], 1)
    b_step, c_row = columns + gaps[1], columns + gaps[2]
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(at[0] + rows * a_row + (depth + 1) * a_step, np.float32)
    b = rng.standard_normal(at[1] + (depth + 1) * b_step, np.float32)
    c = rng.standard_normal(at[2] + rows * c_row + 20, np.float32)
    before = c.copy()
    RUNS[name](a, b, c, (at[0], a_row, a_step, at[1], b_step, at[2], c_row, depth), fresh)
    i, j, k = np.arange(rows)[:, None], np.arange(columns), np.arange(depth)
    exact = a[at[0] + i * a_row + k * a_step].astype(float) @ b[at[1] + k[:, None] * b_step + j].astype(float)
    written = at[2] + i * c_row + j  # (rows, columns)
    np.testing.assert_allclose(c[written], exact + (0 if fresh else before[written]), rtol=1e-4, atol=1e-4)
    beside = np.setdiff1d(np.arange(len(c)), written)
    np.testing.assert_array_equal(c[beside], before[beside])


def test_a_nan_stays_in_its_row():
    a = np.ones((tile.TALL, 3), np.float32)
    a[1, 2] = np.nan
    c = np.zeros((tile.TALL, tile.COLUMNS), np.float32)
    places = (0, 3, 1, 0, tile.COLUMNS, 0, tile.COLUMNS, 3)
    run_tall(a.ravel(), np.ones(3 * tile.COLUMNS, np.float32), c.ravel(), places, True)
    assert np.isnan(c[1]).all()
    assert (np.delete(c, 1, axis=0) == 3).all()


@pytest.mark.parametrize(("pack", "wide"), [(packing.pack_rows, tile.TALL), (packing.pack_columns, tile.COLUMNS)])
@pytest.mark.parametrize("dtype", [np.float32, np.int8])
@settings(max_examples=30, deadline=None)
@given(lines=st.integers(1, 70), depth=st.integers(1, 20), gap=st.integers(0, 3), order=st.sampled_from("lkg"))
def test_packing_gathers_panels_and_fills_them_up_with_zeros(pack, wide, dtype, lines, depth, gap, order):
    across, along = {"l": (depth + gap, 1), "k": (1, lines + gap), "g": (2, 2 * lines + gap)}[order]
    source = np.random.default_rng(0).integers(-127, 128, 5 + lines * across + depth * along).astype(dtype)
    count = -(-lines // wide)
    panels = np.full(count * (depth + 1) * wide, np.nan, np.float32)
    pack(source, 5, across, along, lines, depth, panels)
    packed = panels.reshape(count, depth + 1, wide)[:, :depth]  # (panels, depth, wide)
    line, k = np.arange(lines)[:, None], np.arange(depth)
    np.testing.assert_array_equal(
        packed.transpose(0, 2, 1).reshape(-1, depth)[:lines], source[5 + line * across + k * along]
    )
    assert (packed.transpose(0, 2, 1).reshape(-1, depth)[lines:] == 0).all()


def test_scratch_starts_at_a_cache_line():
    assert all(tile.aligned(count).ctypes.data % 64 == 0 for count in range(1, 200, 7))
    assert tile.aligned(13).shape == (13,)


@pytest.mark.parametrize(
    ("processor", "lacking", "lanes", "checks"),
    [
        ("x86-64-v3", ("avx512",), 8, ("matmul", "int8", "attention")),
        ("x86-64-v2", ("avx", "fma", "vaes", "vpclmul", "gfni"), 4, ("matmul",)),  # as many lanes as an ARM has
    ],
)
def test_the_kernels_are_right_on_a_processor_with_narrower_vectors(processor, lacking, lanes, checks):
    flags = binding.get_host_cpu_features().flatten().split(",")
    without = ["-" + flag[1:] if flag[1:].startswith(lacking) else flag for flag in flags]
    environment = {"NUMBA_CPU_FEATURES": ",".join(without)}
    if "+sse2" in flags:  # another family of processors runs the same test as it is
        environment["NUMBA_CPU_NAME"] = processor
    script = Path(__file__).with_name("any_processor.py")
    done = subprocess.run(
        [sys.executable, script, *checks], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) <= lanes, done.stdout
