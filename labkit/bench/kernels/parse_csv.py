"""A CSV of numbers against `pandas.read_csv(engine="c")`, whose default reading of decimals may miss the last bit."""

import io
from collections.abc import Iterator

import numpy as np

from labkit import kernels
from labkit.bench.kernels.case import Case, difference
from labkit.errors import WrongUse

try:
    from pandas import read_csv
except ImportError as error:  # said before anything is measured
    raise WrongUse("parse_csv is compared with pandas, which is not installed: run `make env`.") from error

BAR = 2.2
COLUMNS = {"floats": 10, "integers": 784}


def cases() -> Iterator[Case]:
    draw = np.random.default_rng(0)
    floats = draw.standard_normal((79_000, COLUMNS["floats"]))
    yield _case("7.5 MB of floats", "%.6f", floats)
    dark = draw.random((8_000, COLUMNS["integers"])) < 0.8  # images are mostly background
    yield _case("14 MB of integers", "%d", np.where(dark, 0, draw.integers(0, 256, dark.shape)))


def first_call() -> None:
    kernels.parse_csv(b"1,2\n")


def _case(size: str, layout: str, table: np.ndarray) -> Case:
    line = ",".join([layout] * table.shape[1]) + "\n"
    data = "".join(line % tuple(row) for row in table.tolist()).encode()

    def pandas():
        return read_csv(io.BytesIO(data), engine="c", header=None)

    return Case(
        size,
        ours=lambda: kernels.parse_csv(data),
        torch=pandas,
        moved=len(data) + 8 * table.size,  # text read, float64 written
        flops=2 * len(data),  # ten times the number, plus a digit
        error=lambda: difference(kernels.parse_csv(data), pandas().to_numpy(np.float64)),
        against="pandas",
    )
