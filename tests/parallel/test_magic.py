"""`%%ranks n`: the cell runs in n fresh processes, with the same prefixes and the same errors as `ranks`."""

import psutil
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from labkit.errors import WrongUse
from labkit.parallel import Deadlock, Device, RankFailed
from labkit.parallel.processes.fresh import as_function


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "labkit.parallel")
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture(autouse=True)
def _nothing_is_left():
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


CELL = """
import os
import torch, torch.distributed as dist
x = torch.full((2,), dist.get_rank() + 1.0)
dist.all_reduce(x)
print("I am", dist.get_rank())
x.tolist(), os.getppid()
"""


def test_a_cell_runs_on_every_rank(shell, capsys):
    results = shell.run_cell_magic("ranks", "2 --timeout 60", CELL)
    assert [result for result, _ in results] == [[3.0, 3.0]] * 2
    assert {parent for _, parent in results} == {psutil.Process().pid}
    assert sorted(capsys.readouterr().out.splitlines()) == ["[rank 0] I am 0", "[rank 1] I am 1"]


def test_an_error_names_the_line_of_the_cell(shell):
    cell = "import torch.distributed as dist\ndef f():\n    return 1 / dist.get_rank()\nf()"
    with pytest.raises(RankFailed, match="rank 0 failed: ZeroDivisionError") as failure:
        shell.run_cell_magic("ranks", "2", cell)
    assert 'File "<cell>", line 3, in f' in failure.value.frames
    assert "fresh.py" not in failure.value.frames


def test_a_deadlock_is_named(shell):
    cell = "import torch, torch.distributed as dist\ndist.recv(torch.ones(1), 1 - dist.get_rank())"
    with pytest.raises(Deadlock) as found:
        shell.run_cell_magic("ranks", "2 --deadlock 0.6", cell)
    assert found.value.waits[1] == "waits in line 2 of <module>: dist.recv(torch.ones(1), 1 - dist.get_rank())"


def test_hardware_and_a_timeline(shell):
    shell.user_ns["slow"] = Device(latency=0.05)
    cell = "from labkit.parallel import link\nlink.barrier()"
    results = shell.run_cell_magic("ranks", "2 --hardware slow --timeline", cell)
    assert results.timeline.seconds("wait", 0) >= 0.04
    assert results == [None, None]


def test_wrong_use(shell):
    with pytest.raises(WrongUse, match="at least 1, not 0"):
        shell.run_cell_magic("ranks", "0", "1")
    with pytest.raises(UsageError, match="there is no such name"):
        shell.run_cell_magic("ranks", "2 --hardware nothing", "1")


@pytest.mark.parametrize(
    ("text", "value"), [("1 + 1", 2), ("x = 3\nx", 3), ("x = 3", None), ("", None), ("# nothing", None)]
)
def test_the_value_of_a_cell(text, value, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "__main__", None)  # put back afterwards
    assert as_function(text)() == value


def test_a_cell_that_does_not_compile(shell):
    with pytest.raises(RankFailed, match="SyntaxError") as failure:
        shell.run_cell_magic("ranks", "1", "x = 1\n1 +")
    assert "fresh.py" not in failure.value.frames
    assert 'File "<cell>", line 2' in failure.value.frames
