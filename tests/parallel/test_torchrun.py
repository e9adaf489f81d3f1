"""The same function under torchrun: on two hosts (two agents here), after a death, and on a virtual cluster."""

import os
import socket
import subprocess
import sys

import pytest

from labkit.errors import WrongUse
from labkit.parallel import Device, torchrun
from tests.needs import needs_own_network

WORK = """
import json, os, sys, time
import torch, torch.distributed as dist
from labkit.parallel import Device, link, ranks, step

def work():
    x = torch.full((3,), dist.get_rank() + 1.0)
    dist.all_reduce(x)
    link.barrier()
    return dist.get_rank(), x.tolist()

results = ranks(work)
if results[0][0] == 0:
    said = json.dumps([results, [moved.messages_sent for moved in results.traffic]])
    os.write(1, f"RESULT {said}\\n".encode())  # in one piece: the ranks share a pipe
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def start(path, *words: str, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "torch.distributed.run", *words, str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", **environment}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_two_hosts_with_two_ranks_each(tmp_path):
    path = tmp_path / "work.py"
    path.write_text(WORK)
    port = free_port()
    common = ("--nnodes", "2", "--nproc-per-node", "2", "--rdzv-backend", "c10d", "--rdzv-id", "test")
    agents = [start(path, *common, "--rdzv-endpoint", f"127.0.0.1:{port}") for _ in range(2)]
    said = [agent.communicate(timeout=60)[0] for agent in agents]
    assert [agent.returncode for agent in agents] == [0, 0], said
    lines = [line for text in said for line in text.splitlines() if line.startswith("RESULT")]
    assert lines == ["RESULT " + str([[[rank, [10.0] * 3] for rank in range(4)], [2] * 4])] * 4


def test_a_rank_that_dies_is_restarted_and_lives(tmp_path):
    path = tmp_path / "work.py"
    path.write_text(
        "from labkit.parallel import Device, ranks, step\n"
        "import os\n"
        "def work():\n    step(0)\n    return os.environ['TORCHELASTIC_RESTART_COUNT']\n"
        "results = ranks(work, hardware=[Device(), Device(dies_at=0)])\n"
        "os.write(1, f'RESULT {results}\\n'.encode())\n"
    )
    words = ("--standalone", "--nproc-per-node", "2", "--max-restarts", "1")
    agent = start(path, *words, TORCH_DISABLE_SHARE_RDZV_TCP_STORE="1")
    said = agent.communicate(timeout=60)[0]
    assert agent.returncode == 0, said
    assert said.count("RESULT ['1', '1']") == 2


def test_what_torchrun_cannot_give(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "RANK": "0", "WORLD_SIZE": "4", "MASTER_ADDR": "here"}.items():
        monkeypatch.setenv(name, value)
    assert torchrun.started_this()
    with pytest.raises(WrongUse, match=r"ranks\(fn, 2\) runs under torchrun with 4 ranks"):
        torchrun.run(None, 2, None, False, list, False)
    with pytest.raises(WrongUse, match="A virtual link needs one clock"):
        torchrun.run(None, None, Device(latency=1), False, list, False)


def test_a_cluster_of_two_hosts_with_a_slow_link(tmp_path):
    needs_own_network()
    path = tmp_path / "work.py"
    path.write_text(
        "import os, time, torch, torch.distributed as dist\nfrom labkit.parallel import ranks\n"
        "def work():\n"
        "    x = torch.ones(1_000_000)\n    dist.barrier()\n    began = time.monotonic()\n"
        "    dist.all_reduce(x)\n    return time.monotonic() - began\n"
        "os.write(1, f'SECONDS {max(ranks(work))}\\n'.encode())\n"
    )
    words = ["--hosts", "2", "--bandwidth", "10e6", "--", "--nproc-per-node", "1", str(path)]
    command = [sys.executable, "-m", "labkit.parallel.cluster", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    took = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("SECONDS")]
    assert len(took) == 2
    assert min(took) >= 0.4  # 2 (n - 1) / n times 4 MB over 10 MB/s


def test_a_cluster_whose_script_fails_says_so(tmp_path):
    needs_own_network()
    path = tmp_path / "work.py"
    path.write_text("raise SystemExit(3)\n")
    command = [sys.executable, "-m", "labkit.parallel.cluster", "--hosts", "1", "--", str(path)]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 1
