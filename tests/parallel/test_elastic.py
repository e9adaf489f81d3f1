"""A rank that dies: torchrun starts all anew, and they end where an undisturbed run does."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from labkit.errors import WrongUse
from labkit.parallel import ranks
from labkit.parallel.checkpoint import Piece, latest
from labkit.parallel.elastic import steps

SCRIPT = """
import json, os, sys
import torch
from torch import nn
from labkit.parallel import Device, link, ranks
from labkit.parallel.elastic import steps
from labkit.parallel.zero import Stage2

def batch(number):
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(10 * number + link.rank()))

def work():
    model = nn.Sequential(nn.Linear(3, 5), nn.Dropout(0.5), nn.Linear(5, 1))
    optimizer = Stage2(model, bucket=8, lr=0.1)
    made = {}
    for number in steps(sys.argv[1], optimizer.state(), until=6, every=2):
        x = batch(number)
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        loss.backward()
        optimizer.step()
        made[number] = loss.item()
    return made, torch.cat([parameter.flatten() for parameter in model.parameters()]).tolist()

torch.manual_seed(5)
results = ranks(work, 2, hardware=[Device(), Device(dies_at=int(sys.argv[2]))])
if os.environ.get("RANK", "0") == "0":
    print("RESULT", json.dumps([os.environ.get("TORCHELASTIC_RESTART_COUNT"), results]))
"""

NEVER = 99


def under_torchrun(path: Path, folder: Path, dies_at: int) -> list:
    words = ["--standalone", "--max-restarts", "2", "--nproc-per-node", "2", str(path), str(folder), str(dies_at)]
    environment = {**os.environ, "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(line.removeprefix("RESULT "))


def test_a_killed_rank_is_restarted_and_all_go_on_to_the_same_losses(tmp_path, monkeypatch):
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    restarts, disturbed = under_torchrun(path, tmp_path / "disturbed", dies_at=3)
    monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path / "undisturbed"), str(NEVER)])
    undisturbed = runpy.run_path(str(path))["results"]  # without torchrun `ranks` forks the two ranks itself
    assert restarts == "1"
    for (losses, parameters), (all_losses, same) in zip(disturbed, undisturbed, strict=True):
        assert list(all_losses) == [0, 1, 2, 3, 4, 5]
        # The last checkpoint before step 3 was that after two steps.
        assert losses == {str(number): all_losses[number] for number in (2, 3, 4, 5)}
        assert parameters == same
    assert latest(tmp_path / "disturbed").name == "step-00000006"


def test_it_goes_on_where_it_was_and_saves_at_the_end(tmp_path):
    made = torch.zeros(1)
    state = {"made": Piece.whole(made)}

    def run(until: int, every: int, stop: int = NEVER) -> list[int]:
        made.fill_(-1)
        numbers = []
        for number in steps(tmp_path, state, until, every):
            if number == stop:
                break
            numbers.append(number)
            made.fill_(number)
        return numbers

    assert run(until=7, every=2, stop=5) == [0, 1, 2, 3, 4]
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step-00000002", "step-00000004"]
    assert run(until=7, every=2) == [4, 5, 6]
    assert latest(tmp_path).name == "step-00000007"
    assert run(until=7, every=2) == []
    assert made.item() == 6
    with pytest.raises(WrongUse, match="at least 1"):
        next(steps(tmp_path, state, until=7, every=0))


def test_restarts_with_a_shared_store_are_refused(tmp_path, monkeypatch):
    state = {"x": Piece.whole(torch.zeros(1))}
    monkeypatch.delenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", raising=False)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "0")
    assert next(steps(tmp_path, state, until=1)) == 0
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "2")
    with pytest.raises(WrongUse, match="TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"):
        next(steps(tmp_path, state, until=1))
    monkeypatch.setenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    assert next(steps(tmp_path, state, until=1)) == 0


def test_ranks_in_a_notebook_go_on_too(tmp_path):
    def work() -> list[int]:
        state = {"x": Piece.whole(torch.zeros(1))}
        return list(steps(tmp_path, state, until=2))

    assert ranks(work, 2) == [[0, 1]] * 2
    assert ranks(work, 3) == [[]] * 3
