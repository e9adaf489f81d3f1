"""A run killed at any moment and resumed goes through the same losses as one that was not."""

import json
import signal
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from labkit.errors import WrongUse
from labkit.training import checkpoint, train

RUN = """
import sys, torch
from pathlib import Path
from labkit.models import Gpt, GptConfig, next_token_loss
from labkit.data import Passages, encode, plays
from labkit.training import train
torch.set_num_threads(1)
torch.manual_seed(0)
model = Gpt(GptConfig(layers=1, heads=2, width=16, time=16))
passages = Passages(encode(plays()[:5000]), batch=4, time=16)
print("ready", flush=True)
train(model, passages, next_token_loss, steps=600, every=7, folder=Path(sys.argv[1]), progress_bar=False)
"""


class Ramp:
    """Batches of a line to be learned."""

    batch, seed = 8, 0

    def __getitem__(self, step):
        x = torch.randn(8, 1, generator=torch.Generator().manual_seed(step))
        return x, 3 * x + 1


def squared(model, x, y):
    return (model(x) - y).square().mean()


def line():
    torch.manual_seed(0)
    return nn.Linear(1, 1)


def run(folder, kill_at=None):
    """Run to the end, or until a checkpoint of step `kill_at` or later is there, and a moment more."""
    process = subprocess.Popen([sys.executable, "-c", RUN, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    if kill_at is None:
        assert process.wait(60) == 0
        return
    while not any(int(path.name[5:]) >= kill_at for path in folder.glob("step-*")):
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()


def losses(folder):
    return json.loads((max(folder.glob("step-*")) / "checkpoint.json").read_text())["losses"]


def test_killed_three_times_it_goes_through_the_same_losses(tmp_path):
    run(tmp_path / "whole")
    for kill_at in (7, 70, 150):
        run(tmp_path / "killed", kill_at)
    interrupted_at = len(losses(tmp_path / "killed"))
    run(tmp_path / "killed")
    assert 150 <= interrupted_at < 600  # else nothing was resumed, and this test has shown nothing
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert len(losses(tmp_path / "killed")) == 600


def test_resuming_restores_the_optimizer_too(tmp_path):
    whole = train(line(), Ramp(), squared, 20, lr=0.1, progress_bar=False)
    train(line(), Ramp(), squared, 10, lr=0.1, every=5, folder=tmp_path, progress_bar=False)
    resumed = train(line(), Ramp(), squared, 20, lr=0.1, folder=tmp_path, progress_bar=False)
    assert resumed.losses == whole.losses


def test_metrics_are_kept_with_their_step():
    done = train(line(), Ramp(), squared, 25, every=10, evaluate=lambda model: {"bias": 1.0}, progress_bar=False)
    assert [entry["step"] for entry in done.metrics] == [10, 20, 25]


def test_a_folder_of_another_run_is_refused(tmp_path):
    train(line(), Ramp(), squared, 5, lr=0.1, folder=tmp_path, progress_bar=False)
    with pytest.raises(WrongUse, match=r"lr: 0.1 there, 0.2 here"):
        train(line(), Ramp(), squared, 10, lr=0.2, folder=tmp_path, progress_bar=False)


def test_fewer_steps_than_the_folder_holds_are_refused(tmp_path):
    train(line(), Ramp(), squared, 10, folder=tmp_path, progress_bar=False)
    with pytest.raises(WrongUse, match="holds 10 steps already, and 5 are asked for"):
        train(line(), Ramp(), squared, 5, folder=tmp_path, progress_bar=False)


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch):
    train(line(), Ramp(), squared, 5, folder=tmp_path, progress_bar=False)

    def full(tensors, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(WrongUse, match=r"disk .* is full"):
        train(line(), Ramp(), squared, 10, folder=tmp_path, progress_bar=False)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005"]
    assert len(train(line(), Ramp(), squared, 10, folder=tmp_path, progress_bar=False).losses) == 10


def test_a_loss_that_is_no_number_stops_with_advice():
    with pytest.raises(FloatingPointError, match="learning rate smaller than"):
        train(line(), Ramp(), lambda *_: torch.tensor(float("nan")), 5, progress_bar=False)


def test_only_the_last_two_checkpoints_are_kept(tmp_path):
    train(line(), Ramp(), squared, 50, every=10, folder=tmp_path, progress_bar=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000040", "step-00000050"]
