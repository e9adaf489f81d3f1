"""Checkpoints: a run saved at four ranks goes on at any number of them, and half a checkpoint is none."""

import functools
import os
import signal
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor, nn

from labkit.errors import WrongUse
from labkit.parallel import ranks
from labkit.parallel.checkpoint import Piece, latest, load, replicated, resume, save
from labkit.parallel.processes.failures import RankFailed
from labkit.parallel.zero import Stage1, Stage2, Stage3

ADAMW = {"lr": 1e-2, "weight_decay": 0.1}
SAVED, STEPS = 2, 5  # a checkpoint after two steps of five


class Network(nn.Module):
    """97 parameters, and the number of batches seen."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(5, 8), nn.Linear(8, 5)
        self.last = nn.Linear(5, 1, bias=False)
        self.register_buffer("seen", torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return self.last(self.outer(self.inner(x).tanh()))


class DataParallel:
    """Plain data parallelism: every rank has everything."""

    def __init__(self, model: nn.Module):
        self.model, self.adamw = model, torch.optim.AdamW(model.parameters(), **ADAMW)
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, 0)

    def step(self) -> None:
        for parameter in self.model.parameters():
            dist.all_reduce(parameter.grad)
            parameter.grad /= dist.get_world_size()
        self.adamw.step()
        self.adamw.zero_grad()

    def state(self) -> dict[str, Piece]:
        return replicated(self.model, self.adamw)


KINDS = {
    "plain": DataParallel,
    "stage 1": functools.partial(Stage1, **ADAMW),
    "stage 2": functools.partial(Stage2, bucket=200, **ADAMW),
    "stage 3": lambda model: Stage3(model, [model.inner, model.outer], **ADAMW),
}


def begin(kind: str) -> tuple[nn.Module, object]:
    """Each rank from a seed of its own; the reference is rank 0's."""
    if dist.get_rank() == 0:
        torch.manual_seed(5)
    model = Network().double()
    return model, KINDS[kind](model)


def loss_of(model: nn.Module, number: int) -> Tensor:
    x = torch.randn(12, 5, generator=torch.Generator().manual_seed(number), dtype=torch.float64)
    x = x.chunk(dist.get_world_size())[dist.get_rank()]
    return (model(x) - x.sum(1, keepdim=True)).square().mean()


def train(model: nn.Module, optimizer: object, numbers: range) -> list[float]:
    losses = []
    for number in numbers:
        loss = loss_of(model, number)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def mean(results: list[list[float]]) -> list[float]:
    return [sum(losses) / len(losses) for losses in zip(*results, strict=True)]


@functools.cache
def undisturbed() -> list[float]:
    return ranks(lambda: train(*begin("plain"), range(STEPS)), 1)[0]


def save_one(folder: Path, kind: str, n: int) -> None:
    def work():
        model, optimizer = begin(kind)
        losses = train(model, optimizer, range(SAVED))
        save(folder, SAVED, optimizer.state())
        return losses

    assert mean(ranks(work, n)) == pytest.approx(undisturbed()[:SAVED], rel=1e-12)


def assert_goes_on(folder: Path, kind: str, n: int) -> None:
    def work():
        model, optimizer = begin(kind)
        start = resume(folder, optimizer.state())
        return start, model.seen.tolist(), train(model, optimizer, range(start, STEPS))

    results = ranks(work, n)
    assert {(start, *seen) for start, seen, _ in results} == {(SAVED, SAVED, SAVED)}
    assert mean([losses for *_, losses in results]) == pytest.approx(undisturbed()[SAVED:], rel=1e-12)


@pytest.fixture(scope="module", params=KINDS)
def saved(request, tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("four")
    save_one(folder, request.param, 4)
    return folder, request.param


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_run_of_four_ranks_goes_on_at(n, saved):
    folder, kind = saved
    assert_goes_on(folder, kind, n)


def test_and_under_another_stage(saved):
    folder, kind = saved
    others = {"plain": "stage 3", "stage 1": "plain", "stage 2": "stage 1", "stage 3": "stage 2"}
    assert_goes_on(folder, others[kind], 2)


def test_more_ranks_than_saved_it(tmp_path):
    save_one(tmp_path, "stage 3", 1)
    assert_goes_on(tmp_path, "stage 3", 3)


def test_every_element_is_written_once(saved):
    folder, kind = saved
    entries = dcp.FileSystemReader(latest(folder)).read_metadata().state_dict_metadata
    for entry in entries.values():
        assert sum(chunk.sizes[0] for chunk in entry.chunks) == entry.size[0]
    several = {name for name, entry in entries.items() if len(entry.chunks) > 1}
    assert any(name.startswith("parameters/") for name in several) == (kind == "stage 3")
    assert any(name.startswith("optimizer/") for name in several) == (kind != "plain")


@pytest.mark.filterwarnings("error")
def test_a_single_process_without_ranks_saves_too(tmp_path):
    model = Network()
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(5)).sum().backward()
    optimizer.step()
    path = save(tmp_path, 1, replicated(model, optimizer))
    other = Network()
    again = torch.optim.AdamW(other.parameters())
    assert load(path, replicated(other, again)) == 1
    torch.testing.assert_close(other.state_dict(), model.state_dict(), rtol=0, atol=0)
    torch.testing.assert_close(again.state_dict()["state"], optimizer.state_dict()["state"], rtol=0, atol=0)


def test_random_numbers_go_on_at_the_same_number_of_ranks(tmp_path):
    state = {"x": Piece.whole(torch.zeros(1))}

    def first():
        torch.rand(3 + dist.get_rank())
        save(tmp_path, 1, state)
        return torch.rand(2).tolist()

    def second():
        torch.manual_seed(77)
        load(latest(tmp_path), state)
        return torch.rand(2).tolist()

    there = ranks(first, 2)
    assert there[0] != there[1]
    assert ranks(second, 2) == there
    torch.manual_seed(77)
    assert ranks(second, 3) == [torch.rand(2).tolist()] * 3  # as they were


@pytest.mark.parametrize("victim", [0, 1])
def test_a_rank_killed_while_it_writes_leaves_the_one_before(victim, tmp_path):
    save_one(tmp_path, "stage 2", 2)

    def work():
        model, optimizer = begin("stage 2")
        start = resume(tmp_path, optimizer.state())
        train(model, optimizer, range(start, 4))
        if dist.get_rank() == victim:
            write = dcp.FileSystemWriter.write_data

            def killed(*arguments):
                write(*arguments).wait()
                os.kill(os.getpid(), signal.SIGKILL)

            dcp.FileSystemWriter.write_data = killed
        save(tmp_path, 4, optimizer.state())

    with pytest.raises(RankFailed, match=f"rank {victim}"):
        ranks(work, 2)
    assert (tmp_path / ".partial-00000004").is_dir()
    assert latest(tmp_path) == tmp_path / "step-00000002"
    assert_goes_on(tmp_path, "stage 2", 2)
    save_one(tmp_path, "plain", 1)  # clears up
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]


def broken_off(folder: Path) -> None:
    file = max(folder.glob("*.distcp"), key=lambda file: file.stat().st_size)
    file.write_bytes(file.read_bytes()[:-1])


DAMAGES = {
    "no metadata": lambda folder: (folder / ".metadata").unlink(),
    "half the metadata": lambda folder: os.truncate(folder / ".metadata", 100),
    "a rank's file missing": lambda folder: next(folder.glob("__1_*")).unlink(),
    "a rank's file cut short": broken_off,
    "empty": lambda folder: [file.unlink() for file in folder.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_half_a_checkpoint_is_none(damage, tmp_path):
    state = {"x": Piece.whole(torch.arange(10.0))}

    def work():
        for step in (1, 2):
            save(tmp_path, step, state)

    ranks(work, 2)
    assert latest(tmp_path) == tmp_path / "step-00000002"
    DAMAGES[damage](tmp_path / "step-00000002")
    assert latest(tmp_path) == tmp_path / "step-00000001"
    with pytest.raises(WrongUse, match=r"There is no whole checkpoint in .*step-00000002"):
        load(tmp_path / "step-00000002", state)


def test_without_a_checkpoint(tmp_path):
    state = {"x": Piece.whole(torch.arange(3.0))}
    assert latest(tmp_path / "nowhere") is None
    assert resume(tmp_path / "nowhere", state) == 0
    assert state["x"].values.tolist() == [0, 1, 2]
    with pytest.raises(WrongUse, match=r"There is no whole checkpoint in .*nowhere"):
        load(tmp_path / "nowhere", state)


def test_the_last_two_are_kept_and_order_is_that_of_numbers(tmp_path):
    state = {"x": Piece.whole(torch.arange(3.0))}
    for step in (9, 10, 99_999_999, 100_000_000):
        save(tmp_path, step, state)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-100000000", "step-99999999"]
    assert latest(tmp_path).name == "step-100000000"
    assert resume(tmp_path, state) == 100_000_000


def test_a_step_written_again_replaces_the_first(tmp_path):
    x = torch.zeros(3)
    state = {"x": Piece.whole(x)}
    for value in (1, 2):
        x.fill_(value)
        save(tmp_path, 1, state)
    x.zero_()
    assert resume(tmp_path, state) == 1
    assert x.tolist() == [2, 2, 2]


def test_wrong_use_is_explained(tmp_path):
    path = save(tmp_path, 1, {"x": Piece.whole(torch.zeros(3))})
    with pytest.raises(WrongUse, match="of another run: of x it has 3 elements, this run 4 elements"):
        load(path, {"x": Piece.whole(torch.zeros(4))})
    with pytest.raises(WrongUse, match="of another run: of y it has none"):
        load(path, {"y": Piece.whole(torch.zeros(3))})
    with pytest.raises(WrongUse, match=r"of shape \(3, 2\), does not"):
        Piece.whole(torch.zeros(2, 3).T)
    model = nn.Linear(2, 2)
    with pytest.raises(WrongUse, match="Adagrad with these settings cannot be saved"):
        replicated(model, torch.optim.Adagrad(model.parameters()))
    with pytest.raises(WrongUse, match="AdamW with these settings cannot be saved"):
        replicated(model, torch.optim.AdamW(model.parameters(), amsgrad=True))
    with pytest.raises(WrongUse, match="none of the model's"):
        replicated(model, torch.optim.SGD(nn.Linear(2, 2).parameters(), momentum=0.9))


@pytest.mark.parametrize("settings", [{"momentum": 0.9}, {}])
def test_a_state_made_of_zeros_changes_no_step(settings):
    def run(look: bool) -> Tensor:
        torch.manual_seed(5)
        model = Network()
        optimizers = torch.optim.SGD(model.parameters(), lr=0.1, **settings), torch.optim.AdamW(model.parameters())
        for _ in range(3):
            for optimizer in optimizers:
                if look:
                    replicated(model, optimizer)
                optimizer.zero_grad()
                model(torch.ones(5)).square().sum().backward()
                optimizer.step()
        return model.outer.weight

    torch.testing.assert_close(run(True), run(False), rtol=0, atol=0)
