"""`ranks` on a good day: results, output, what a rank finds, and what is refused before anything starts."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
import torch.distributed as dist

from labkit import kernels
from labkit.errors import WrongUse
from labkit.parallel import ranks


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_results_come_in_order_of_rank(n):
    def square():
        time.sleep(0.05 * (n - dist.get_rank()))  # the last rank is done first
        return dist.get_rank() ** 2, dist.get_world_size()

    assert ranks(square, n) == [(rank**2, n) for rank in range(n)]


def test_a_closure_reaches_every_rank_and_tensors_come_back():
    base = torch.arange(3.0)

    def total():
        mine = base * (dist.get_rank() + 1)
        dist.all_reduce(mine)
        return {"sum": mine, "array": np.full(2, dist.get_rank())}

    results = ranks(total, 3)
    for rank, result in enumerate(results):
        torch.testing.assert_close(result["sum"], base * 6)
        np.testing.assert_array_equal(result["array"], [rank, rank])
    torch.testing.assert_close(base, torch.arange(3.0))  # a rank's memory is its own


def test_a_large_result_comes_back_whole():
    results = ranks(lambda: torch.full((3_000_000,), float(dist.get_rank())), 2)
    assert [result.sum().item() for result in results] == [0.0, 3_000_000.0]


def test_each_line_has_its_rank_and_stays_whole(capsys):
    def talk():
        for number in range(200):
            print("line", number, "of", dist.get_rank())
        print("no end", end="")

    ranks(talk, 3)
    lines = capsys.readouterr().out.splitlines()
    for rank in range(3):
        mine = [line for line in lines if line.startswith(f"[rank {rank}] ")]
        whole = [f"[rank {rank}] line {number} of {rank}" for number in range(200)]
        assert mine == [*whole, f"[rank {rank}] no end"]
    assert len(lines) == 3 * 201


def test_standard_error_and_what_c_prints_have_their_rank_too(capsys):
    def talk():
        print("to stderr", file=sys.stderr)
        subprocess.run(["echo", "from another program"], check=True)
        print("eins\rzwei\rdrei")  # a progress bar

    ranks(talk, 1)
    out = capsys.readouterr().out.splitlines()
    assert sorted(out) == ["[rank 0] drei", "[rank 0] from another program", "[rank 0] to stderr"]


def test_output_is_live(script):
    program = script(
        "import time\nfrom labkit.parallel import ranks\n"
        "def talk():\n    print('now')\n    time.sleep(30)\n"
        "ranks(talk, 1)\n"
    )
    assert program.stdout.readline() == "[rank 0] now\n"
    assert program.poll() is None


def test_ranks_work_after_torch_numba_and_threads_were_used():
    a = torch.randn(400, 400, requires_grad=True)
    (a @ a).sum().backward()
    x = np.random.default_rng(0).standard_normal((64, 128), dtype=np.float32)
    kernels.set_threads(2)
    expected = kernels.softmax(x)
    stop = threading.Event()
    busy = threading.Thread(target=lambda: [torch.randn(50, 50) @ torch.randn(50, 50) for _ in iter(stop.is_set, True)])
    busy.start()

    def work():
        b = torch.randn(400, 400, requires_grad=True)
        (b @ b).sum().backward()
        return kernels.softmax(x), torch.get_num_threads()

    try:
        results = ranks(work, 4, timeout=60)
    finally:
        stop.set()
        busy.join()
        kernels.set_threads(1)
    for result, threads in results:
        np.testing.assert_array_equal(result, expected)
        assert threads == 1


def test_called_from_another_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(ranks(lambda: dist.get_rank(), 2)))
    thread.start()
    thread.join()
    assert found == [[0, 1]]


def test_random_numbers_differ_between_ranks_and_not_between_runs():
    first, again = (ranks(lambda: torch.rand(3), 2) for _ in range(2))
    assert not torch.equal(first[0], first[1])
    torch.testing.assert_close(first, again)


def test_four_ranks_start_quickly():
    """0.1 s on a quiet machine; the limit here is for a busy one."""
    took = []
    for _ in range(5):
        began = time.monotonic()
        ranks(lambda: None, 4)
        took.append(time.monotonic() - began)
    assert min(took) < 1.0


def test_what_the_first_optimizer_imports_is_there():
    script = "import sys; from labkit.parallel import ranks; print(ranks(lambda: 'torch._dynamo' in sys.modules, 2))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out == "[True, True]\n"


def test_importing_loads_no_torch():
    script = "import sys, labkit.parallel; print('torch' in sys.modules, 'numpy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out == "False False\n"


@pytest.mark.parametrize("n", [0, -1, 2.0, None, True, "2"])
def test_a_number_of_ranks_that_is_none(n):
    with pytest.raises(WrongUse, match="a whole number of at least 1"):
        ranks(lambda: None, n)


def test_what_is_no_function():
    with pytest.raises(WrongUse, match="a function without arguments, not 3"):
        ranks(3, 2)


def test_a_group_that_is_there_already_is_said(monkeypatch):
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    with pytest.raises(WrongUse, match="in a process group already"):
        ranks(lambda: None, 2)
