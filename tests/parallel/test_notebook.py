"""In a real notebook: cells' functions, live prefixes, errors without machinery, an interrupt that ends all."""

import os
import queue
import time

import psutil
import pytest
from jupyter_client.manager import start_new_kernel


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    here = {**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("kernel"))}  # who is killed cannot remove its files
    manager, client = start_new_kernel(kernel_name="python3", env=here)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def messages(client, until: str, within: float = 30):
    """What the kernel publishes, up to a message of that type."""
    found, end = [], time.monotonic() + within
    while time.monotonic() < end:
        try:
            message = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        found.append(message)
        content = message["content"]
        if message["msg_type"] == until or (until == "idle" and content.get("execution_state") == "idle"):
            return found
    raise AssertionError(f"no {until} within {within} s: {found}")


def run(client, cell: str) -> list:
    client.execute(cell)
    return messages(client, "idle")


def text(found: list) -> str:
    return "".join(message["content"]["text"] for message in found if message["msg_type"] == "stream")


SETUP = """
import time, torch, torch.distributed as dist
from labkit.parallel import ranks
a = torch.randn(500, 500, requires_grad=True); (a @ a).sum().backward()
scale = 2.0
def work():
    x = torch.ones(2) * dist.get_rank() * scale
    dist.all_reduce(x)
    print("rank", dist.get_rank())
    return x.tolist()
print("ready")
"""


def test_a_cells_function_runs_and_its_error_is_calm(kernel):
    _, client = kernel
    assert text(run(client, SETUP)) == "ready\n"
    out = text(run(client, "print(ranks(work, 4))"))
    assert out.splitlines()[-1] == str([[12.0, 12.0]] * 4)
    assert sorted(out.splitlines()[:-1]) == [f"[rank {rank}] rank {rank}" for rank in range(4)]
    found = run(client, "def wrong():\n    return [][dist.get_rank()]\nranks(wrong, 2)")
    error = next(message["content"] for message in found if message["msg_type"] == "error")
    assert error["ename"] == "RankFailed"
    shown = "\n".join(error["traceback"])
    assert "failed: IndexError: list index out of range" in shown
    assert "return [][dist.get_rank()]" in shown
    assert "launch.py" not in shown


def test_what_a_rank_displays_reaches_the_notebook(kernel):
    _, client = kernel
    out = text(run(client, "from tqdm import tqdm\nranks(lambda: [None for _ in tqdm(range(3))] and None, 1)"))
    assert "[rank 0] 100%" in out
    assert text(run(client, "ranks(lambda: display({'a': 1}), 1)")) == "[rank 0] {'a': 1}\n"
    out = text(run(client, "from tqdm.auto import tqdm\nprint(ranks(lambda: list(tqdm(range(3))), 1))"))
    assert out.splitlines()[-1] == "[[0, 1, 2]]"


def test_an_interrupt_ends_the_ranks_and_not_the_kernel(kernel):
    manager, client = kernel
    client.execute("def slow():\n    print('now')\n    time.sleep(100)\nranks(slow, 3)")
    messages(client, "stream")
    own = psutil.Process(manager.provisioner.process.pid)
    children = own.children()
    assert len(children) >= 3
    manager.interrupt_kernel()
    found = messages(client, "idle")
    assert [message["content"]["ename"] for message in found if message["msg_type"] == "error"] == ["KeyboardInterrupt"]
    assert not own.children()
    assert text(run(client, "print('still here')")) == "still here\n"


def test_a_killed_kernel_takes_its_ranks_along(kernel, ends):
    manager, client = kernel
    client.execute("ranks(slow, 3)")
    messages(client, "stream")
    ranks = [child.pid for child in psutil.Process(manager.provisioner.process.pid).children()]
    manager.shutdown_kernel(now=True)
    assert all(ends(pid) for pid in ranks)
