"""The bench's bookkeeping. Nothing is timed here."""

from importlib import import_module

import numpy as np
import pytest

from labkit import bench
from labkit.bench import kernels as room
from labkit.bench.kernels import memory
from labkit.bench.kernels.case import Case, difference, row
from labkit.errors import WrongUse


class NoLimits:
    def copy_bytes_per_s(self, moved):
        raise AssertionError("a wrong answer was timed")


def test_a_wrong_answer_is_not_timed():
    case = Case("2x2", ours=lambda: None, torch=lambda: None, moved=1, flops=1, error=lambda: 0.1, tolerance=0.01)
    with pytest.raises(RuntimeError, match=r"softmax 2x2: .* differ by 0.1; nothing was timed"):
        row("softmax", case, NoLimits())
    unknown = Case("2x2", ours=lambda: None, torch=lambda: None, moved=1, flops=1, error=lambda: float("nan"))
    with pytest.raises(RuntimeError, match="differ by nan"):
        row("softmax", unknown, NoLimits())


def test_a_difference_is_relative_where_numbers_are_large():
    assert difference(np.array([0.5, 101.0]), np.array([0.25, 100.0])) == 0.25
    assert difference(np.array([]), np.array([])) == 0


def test_every_op_has_a_bar_and_a_first_call():
    for name in room.OPS:
        module = import_module(f"labkit.bench.kernels.{name}")
        assert module.BAR >= 1
        assert callable(module.cases)
        assert callable(module.first_call)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"op": "relu"}, "There is no op 'relu'"), ({"threads": 0}, "--threads"), ({"nonsense": 1}, "no --nonsense")],
)
def test_wrong_use_is_said_before_anything_is_measured(options, message):
    with pytest.raises(WrongUse, match=message):
        bench.run("kernels", **options)


def test_a_missed_bar_is_explained_with_counted_work():
    counted = room._counted([{"size": "8x9", "moved_mb": 1.5, "mflop": 2.0, "limit_ms": 0.25, "ours_ms": 0.5}])
    assert counted == "8x9: 1.5 MB and 2 Mflop take 0.25 ms at the machine's limits, ours takes 0.5 ms."


def test_memory_is_kept_and_then_given_back():
    with memory.warm_memory() as warm:
        assert warm in (True, False)
