"""ZeRO: the steps of a single process, with the bytes that the paper says, held and moved."""

import functools
import warnings
from collections.abc import Callable

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint, set_checkpoint_early_stop

from labkit.errors import WrongUse
from labkit.models.gpt import Gpt, GptConfig, next_token_loss
from labkit.parallel import link, ranks
from labkit.parallel.zero import Stage1, Stage2, Stage3, formula
from labkit.parallel.zero.flat import Flat

SMALL = GptConfig(vocabulary=11, time=6, layers=2, heads=2, width=10)  # 2850 parameters, the embedding tied
LARGER = GptConfig(vocabulary=80, time=64, layers=2, heads=2, width=64)  # 109,312
ADAMW = {"lr": 1e-2, "weight_decay": 0.1}
STEPS = 3
# In three units. The first layers of a block: backward needs them when all its gradients are there. And a whole one.
FROZEN = ("position.weight", "blocks.0.norm_attention", "blocks.0.attention.qkv", "blocks.1.")

STAGES = {
    1: Stage1,
    2: functools.partial(Stage2, bucket=4000),
    3: lambda model, **adamw: Stage3(model, model.blocks, **adamw),
}


def batches(steps: int = STEPS, size: int = 12) -> Tensor:
    return torch.randint(SMALL.vocabulary, (steps, size, SMALL.time + 1), generator=torch.Generator().manual_seed(3))


def gpt(frozen: tuple[str, ...] = (), dtype: torch.dtype = torch.float64) -> Gpt:
    """Rank 0's start is the reference's; other ranks start from seeds of their own."""
    if not dist.is_initialized() or dist.get_rank() == 0:
        torch.manual_seed(5)
    model = Gpt(SMALL).to(dtype)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(frozen))
    return model


def loss_of(model: nn.Module, tokens: Tensor) -> Tensor:
    return next_token_loss(model, tokens[:, :-1], tokens[:, 1:])


def own_part(tokens: Tensor) -> Tensor:
    return tokens.chunk(dist.get_world_size())[dist.get_rank()]


def vector(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def whole(model: nn.Module, optimizer: object) -> Tensor:
    if not isinstance(optimizer, Stage3):
        return vector(model)
    with optimizer.gathered():
        return vector(model)


Record = list[tuple[float, Tensor]]  # loss and parameters of each step


def train(model: nn.Module, optimizer: object, steps: int = STEPS) -> Record:
    record = []
    for tokens in batches(steps):
        loss = loss_of(model, own_part(tokens))
        loss.backward()
        optimizer.step()
        record.append((loss.item(), whole(model, optimizer)))
    return record


@functools.cache
def alone(frozen: tuple[str, ...] = ()) -> Record:
    """A single process with the full batch and torch's AdamW."""
    model = gpt(frozen)
    optimizer = torch.optim.AdamW(model.parameters(), **ADAMW)
    record = []
    for tokens in batches():
        optimizer.zero_grad()
        loss = loss_of(model, tokens)
        loss.backward()
        optimizer.step()
        record.append((loss.item(), vector(model)))
    return record


def of_all(records: list[Record]) -> Record:
    """The loss over all ranks' batches, and the parameters, which are rank 0's."""
    return [(sum(loss for loss, _ in step) / len(step), step[0][1]) for step in zip(*records, strict=True)]


def assert_same(records: list[Record], expected: Record, tolerance: float = 1e-10) -> None:
    for record in records:
        for (_, parameters), (_, there) in zip(record, expected, strict=True):
            torch.testing.assert_close(parameters, there, rtol=0, atol=tolerance)
    losses = [loss for loss, _ in of_all(records)]
    assert losses == pytest.approx([loss for loss, _ in expected], abs=tolerance)


@pytest.mark.parametrize(
    ("n", "frozen"), [(1, ()), (2, ()), (3, ()), (4, ()), (3, FROZEN)], ids=["1", "2", "3", "4", "3, some frozen"]
)
@pytest.mark.parametrize("stage", STAGES)
def test_every_step_is_that_of_a_single_process(stage, n, frozen):
    def work():
        model = gpt(frozen)
        return train(model, STAGES[stage](model, **ADAMW))

    assert_same(ranks(work, n), alone(frozen))


@pytest.mark.parametrize("n", [2, 3])
def test_stage_1_steps_as_torch_does(n):
    def work():
        model = gpt()
        optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, **ADAMW)
        parallel = DistributedDataParallel(model)
        record = []
        for tokens in batches():
            optimizer.zero_grad()
            loss = loss_of(parallel, own_part(tokens))
            loss.backward()
            optimizer.step()
            record.append((loss.item(), vector(model)))
        ours = gpt()
        return record, train(ours, Stage1(ours, **ADAMW))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = ranks(work, n)
    assert_same([ours for _, ours in results], of_all([theirs for theirs, _ in results]))


@pytest.mark.parametrize("n", [2, 3])
def test_stage_3_steps_as_torch_does(n):
    def work():
        model = gpt()
        for tensor in model.parameters():
            dist.broadcast(tensor.detach(), 0)  # fully_shard leaves that to the caller
        mesh = init_device_mesh("cpu", (n,))
        for block in model.blocks:
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
        optimizer = torch.optim.AdamW(model.parameters(), **ADAMW)
        record = []
        for tokens in batches():
            optimizer.zero_grad()
            loss = loss_of(model, own_part(tokens))
            loss.backward()
            optimizer.step()
            record.append((loss.item(), torch.cat([p.full_tensor().detach().flatten() for p in model.parameters()])))
        ours = gpt()
        return record, train(ours, Stage3(ours, ours.blocks, **ADAMW))

    results = ranks(work, n)
    assert_same([ours for _, ours in results], of_all([theirs for theirs, _ in results]))


def assert_moved(stage: int, n: int, times: float, steps: int) -> None:
    def work(steps: int) -> Callable[[], int]:
        def run():
            model = gpt()
            train_without_a_look(model, STAGES[stage](model, **ADAMW), steps)
            return sum(parameter.nbytes for parameter in Gpt(SMALL).to(torch.float64).parameters())

        return run

    some, none = ranks(work(steps), n), ranks(work(0), n)  # to start takes a broadcast
    sent = [after.bytes_sent - before.bytes_sent for after, before in zip(some.traffic, none.traffic, strict=True)]
    size = some[0]
    assert sum(sent) == steps * times * (n - 1) * size
    assert sent == pytest.approx([steps * times * (n - 1) / n * size] * n, rel=0.01)


def train_without_a_look(model: nn.Module, optimizer: object, steps: int) -> None:
    for tokens in batches(steps):
        loss_of(model, own_part(tokens)).backward()
        optimizer.step()


@pytest.mark.parametrize(("stage", "times"), [(1, 2), (2, 2), (3, 3)])
@pytest.mark.parametrize("n", [2, 3])
def test_the_bytes_of_a_step_are_the_papers(stage, times, n):
    assert_moved(stage, n, times, steps=2)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("n", [1, 4])
def test_the_bytes_held_are_those_of_the_formula(stage, n):
    def work():
        model = Gpt(LARGER)
        count = sum(parameter.numel() for parameter in model.parameters())
        optimizer = STAGES[stage](model, **ADAMW)
        tokens = torch.randint(80, (2, 17))
        begin = optimizer.state_bytes()
        loss_of(model, tokens).backward()
        optimizer.step()
        return count, begin, optimizer.state_bytes()

    for count, begin, held in ranks(work, n):
        assert count == 109_312
        assert held.total == pytest.approx(formula(count, n, stage), rel=0.01)
        assert begin == held
        sharded = 4 * count / n
        assert held.parameters == pytest.approx(4 * count if stage < 3 else sharded, rel=0.001)
        assert held.gradients == pytest.approx(4 * count if stage < 2 else sharded, rel=0.001)
        assert held.optimizer == pytest.approx(2 * sharded, rel=0.001)


def test_the_formula():
    # Figure 1 of the paper has 7.5e9 parameters on 64 ranks, with two bytes each for parameter and gradient, 12 for the
    # optimizer; in float32 the same sum is 4, 4 and 8.
    assert [formula(10**9, 64, stage) / 1e9 for stage in range(4)] == [16, 8.125, 4.1875, 0.25]
    assert {formula(7, 1, stage) for stage in range(4)} == {112}
    with pytest.raises(WrongUse, match="a stage from 0 to 3"):
        formula(7, 1, 4)


def largest(moments: list[int], model: nn.Module, what: Callable[[nn.Parameter], Tensor | None]) -> Callable:
    """A hook that notes how many bytes of something the parameters have now."""

    def look(*_):
        tensors = [what(parameter) for parameter in model.parameters()]
        stores = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in tensors if t is not None}
        moments.append(sum(stores.values()))

    return look


def test_stage_2_never_has_all_gradients():
    bucket = 4000

    def work():
        model, moments = gpt(), []
        look = largest(moments, model, lambda parameter: parameter.grad)
        for parameter in model.parameters():
            parameter.register_post_accumulate_grad_hook(look)  # before the stage's own
        optimizer = Stage2(model, bucket=bucket, **ADAMW)
        loss_of(model, own_part(batches()[0])).backward()
        left = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        biggest = max(parameter.nbytes for parameter in model.parameters())
        optimizer.step()
        return max(moments), biggest, len(left), vector(model).nbytes

    for most, biggest, left, everything in ranks(work, 2):
        assert left == 0
        # A bucket that is filled to its last parameter, and those of the next that autograd has ready in another order.
        assert most <= 2 * (bucket + biggest) < everything


def test_stage_3_never_has_all_parameters():
    def work():
        model, moments = gpt(), []
        parts = [vector(part).nbytes for part in (*model.blocks, model)]
        optimizer = Stage3(model, model.blocks, **ADAMW)
        look = largest(moments, model, lambda parameter: parameter)
        for block in model.blocks:
            block.mlp.register_forward_hook(look)
            block.mlp.register_full_backward_hook(look)
        loss_of(model, own_part(batches()[0])).backward()
        optimizer.step()
        return moments, parts

    for moments, (first, second, everything) in ranks(work, 2):
        assert len(moments) == 4  # forward and backward of two blocks
        root = everything - first - second
        shards = second / 2  # of the block that is not gathered
        assert moments == pytest.approx([root + first + shards] * 4, rel=0.01)


@pytest.mark.parametrize("stage", STAGES)
def test_gradients_of_two_backward_passes_add_up(stage):
    def work():
        model = gpt()
        optimizer = STAGES[stage](model, **ADAMW)
        record = []
        for tokens in batches():
            losses = [loss_of(model, part) / 2 for part in own_part(tokens).chunk(2)]
            for loss in losses:
                loss.backward()
            optimizer.step()
            record.append((sum(loss.item() for loss in losses), whole(model, optimizer)))
        return record

    assert_same(ranks(work, 2), alone())


@pytest.mark.parametrize("stage", STAGES)
def test_zero_grad_forgets(stage):
    def work():
        model = gpt()
        optimizer = STAGES[stage](model, **ADAMW)
        loss_of(model, own_part(batches()[1])).backward()
        optimizer.zero_grad()
        return train(model, optimizer)

    assert_same(ranks(work, 2), alone())


@pytest.mark.parametrize("stage", STAGES)
def test_what_one_rank_does_not_use_has_gradient_zero_there(stage):
    """Where ranks reduced in the order in which their own gradients come, they would add up different buckets."""

    def expected() -> Tensor:
        torch.manual_seed(5)
        model = Switch()
        optimizer = torch.optim.AdamW(model.parameters(), **ADAMW)
        (sum(model(torch.ones(1, 4), which).sum() for which in (0, 1)) / 2).backward()
        optimizer.step()
        return vector(model)

    def work():
        torch.manual_seed(5 + link.rank())
        model = Switch()
        if stage == 3:
            optimizer = Stage3(model, [], **ADAMW)
        else:
            optimizer = Stage1(model, **ADAMW) if stage == 1 else Stage2(model, bucket=1, **ADAMW)
        model(torch.ones(1, 4), link.rank()).sum().backward()
        optimizer.step()
        return whole(model, optimizer)

    for parameters in ranks(work, 2):
        torch.testing.assert_close(parameters, expected())


class Switch(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.ways = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
        self.last = nn.Linear(4, 3)

    def forward(self, x: Tensor, which: int) -> Tensor:
        return self.last(self.ways[which](self.first(x)))


class Recomputed(nn.Module):
    """A module whose forward, hooks included, is run again in backward, to its very end."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        with set_checkpoint_early_stop(False):
            return checkpoint(self.module, x, use_reentrant=False)


def test_stage_3_with_activation_checkpointing():
    """Forward runs again within backward: what it gathers then must stay until backward is through."""

    def work():
        model = gpt()
        for number, block in enumerate(model.blocks):
            model.blocks[number] = Recomputed(block)
        return train(model, Stage3(model, [block.module for block in model.blocks], **ADAMW))

    assert_same(ranks(work, 2), alone())


def test_stage_3_keeps_a_weight_that_units_share_with_the_model():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Linear(5, 5), nn.Linear(5, 5)])
            self.blocks[1].weight = self.blocks[0].weight

        def forward(self, x: Tensor) -> Tensor:
            return self.blocks[1](self.blocks[0](x).tanh())

    def run(optimizer_of: Callable, part: Callable) -> Tensor:
        torch.manual_seed(5)
        model = Tied()
        optimizer = optimizer_of(model)
        for _ in range(STEPS):
            part(model(torch.arange(20.0).view(4, 5) / 10)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
        return whole(model, optimizer)

    expected = run(lambda model: torch.optim.AdamW(model.parameters(), **ADAMW), lambda x: x)
    for parameters in ranks(lambda: run(lambda model: Stage3(model, model.blocks, **ADAMW), own_part), 2):
        torch.testing.assert_close(parameters, expected)


def test_stage_3_evaluates_without_gradients():
    def work():
        model = gpt()
        optimizer = Stage3(model, model.blocks, **ADAMW)
        before = optimizer.state_bytes()
        with torch.no_grad():
            loss = loss_of(model, batches()[0])
        return loss.item(), before == optimizer.state_bytes()

    for loss, same in ranks(work, 2):
        assert loss == pytest.approx(alone()[0][0], abs=1e-10)
        assert same


def test_buffers_start_alike():
    def work():
        model = nn.Sequential(nn.BatchNorm1d(3))
        model[0].running_mean.fill_(link.rank() + 1)
        Stage1(model, **ADAMW)
        return model[0].running_mean

    assert [mean.tolist() for mean in ranks(work, 2)] == [[1.0] * 3] * 2


def test_stage_2_takes_parameters_of_two_types():
    x = torch.arange(8.0).view(2, 4)

    def stepped(optimizer_of: Callable) -> Tensor:
        torch.manual_seed(5)
        first, second = nn.Linear(4, 4), nn.Linear(4, 4).double()
        optimizer = optimizer_of(nn.Sequential(first, second))
        for _ in range(STEPS):
            optimizer.zero_grad()
            second(first(x).double()).square().sum().backward()
            optimizer.step()
        return torch.cat([vector(first).double(), vector(second)])

    alone = stepped(lambda model: torch.optim.AdamW(model.parameters(), **ADAMW))
    for got in ranks(lambda: stepped(lambda model: Stage2(model, **ADAMW)), 2):
        torch.testing.assert_close(got, alone, rtol=0, atol=1e-10)


def gradients_cut_off():
    model = nn.Linear(2, 2)
    optimizer = Stage1(model)
    model.zero_grad()
    model(torch.ones(2)).sum().backward()
    optimizer.step()


def a_unit_with_a_strange_output():
    class Strange(nn.Linear):
        def forward(self, x: Tensor) -> object:
            return type("Output", (), {"value": super().forward(x)})()

    class Outer(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return self[0](x).value

    model = Outer(Strange(2, 2))
    Stage3(model, [model[0]])
    model(torch.ones(2))


WRONG = {
    "none has requires_grad": lambda: Stage1(nn.Linear(2, 2).requires_grad_(False)),
    "needs a model with at least": lambda: Stage3(nn.Linear(2, 2).requires_grad_(False), []),
    "one type, not torch.float32, torch.float64": lambda: Flat(
        dict(a=nn.Parameter(torch.ones(1)), b=nn.Parameter(torch.ones(1, dtype=torch.float64)))
    ),
    "this ReLU is none": lambda: Stage3(nn.Linear(2, 2), [nn.ReLU()]),
    "A ModuleList is never called": lambda: Stage3(model := gpt(), [model.blocks]),
    "gradient of weight is no longer": gradients_cut_off,
    "returned a Output": a_unit_with_a_strange_output,
}


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_use_is_explained(sentence):
    def work():
        with pytest.raises(WrongUse, match=sentence):
            WRONG[sentence]()

    ranks(work, 1)
