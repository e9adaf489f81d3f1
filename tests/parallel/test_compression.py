"""Compressed gradients: the bytes that the paper says, and what is lost is known."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import fp16_compress_hook
from torch.nn.parallel import DistributedDataParallel

from labkit.errors import WrongUse
from labkit.parallel import link, ranks
from labkit.parallel.compression import PowerSGD, half
from labkit.parallel.data_parallel import broadcast_parameters, bucketed, naive, overlapped, rows_of, training_step

ROWS, COLS = 20, 30


def linear(bias=True):
    """The same on every rank; its gradient has no more directions than a rank has rows."""
    torch.manual_seed(0)
    return nn.Linear(COLS, ROWS, bias=bias)


def backward(model, rows, seed=0):
    """Another gradient on every rank."""
    generator = torch.Generator().manual_seed(10 * seed + link.rank())
    x = torch.randn(rows, COLS, generator=generator).to(model.weight.dtype)
    model(x).square().mean().backward()


def exact(model):
    """The sum of the ranks' gradients, and this rank's own stays as it is."""
    mine = [w.grad.clone() for w in model.parameters()]
    with naive(model):
        pass
    summed = [w.grad.clone() for w in model.parameters()]
    for w, gradient in zip(model.parameters(), mine, strict=True):
        w.grad = gradient
    return summed


def close(found, expected, tolerance=1e-10):
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


# --- half precision


@pytest.mark.parametrize("way", [naive, bucketed, overlapped])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_of_the_bytes_and_nearly_the_same_gradient(way, dtype):
    def average():
        model = linear()
        backward(model, 3)
        expected = exact(model)
        before = link.traffic().bytes_sent
        with way(model, all_reduce=half(dtype=dtype)):
            pass
        return expected, [w.grad for w in model.parameters()], link.traffic().bytes_sent - before

    found = ranks(average, 3)
    numbers = ROWS * COLS + ROWS
    assert sum(sent for _, _, sent in found) == 2 * 2 * numbers * 2  # 2(n - 1) times, 2 bytes a number
    for expected, averaged, _ in found:
        largest = max(gradient.abs().max() for gradient in expected)
        for mine, other, of_rank_0 in zip(averaged, expected, found[0][1], strict=True):
            assert mine.dtype == torch.float32
            assert torch.equal(mine, of_rank_0)
            error = (mine - other).abs().max()
            assert 0 < error < 4 * torch.finfo(dtype).eps * largest  # rounded once, and once for each sum


def test_half_precision_is_torchs():
    def train():
        x = torch.randn(4, COLS, generator=torch.Generator().manual_seed(1))
        y = torch.zeros(4, ROWS)
        mine = rows_of(4, link.rank(), 2)
        peer = DistributedDataParallel(linear())
        peer.register_comm_hook(None, fp16_compress_hook)
        F.mse_loss(peer(x[mine]), y[mine]).backward()
        model = linear()
        training_step(model, F.mse_loss, (x, y), no_step(model), partial(bucketed, all_reduce=half()), 0)
        return [w.grad for w in model.parameters()], [w.grad for w in peer.parameters()]

    for ours, peers in ranks(train, 2):
        for mine, other in zip(ours, peers, strict=True):
            assert (mine - other).abs().max() <= 2 * torch.finfo(torch.float16).eps * other.abs().max()


def no_step(model):
    return torch.optim.SGD(model.parameters(), lr=0.0)


def test_half_precision_has_a_largest_and_a_smallest_number():
    def average(x, dtype):
        summed = torch.full((3,), x)
        half(dtype=dtype)(summed)
        return summed[0].item()

    found = ranks(lambda: [average(x, t) for t in (torch.float16, torch.bfloat16) for x in (6e4, 1e-9)], 2)[0]
    assert found[:2] == [float("inf"), 0.0]
    assert found[2:] == pytest.approx([12e4, 2e-9], rel=0.01)


# --- PowerSGD


def test_its_bytes_are_those_of_the_thin_matrices():
    def average():
        model = linear()
        backward(model, 3)
        with PowerSGD(rank=2)(model):
            pass
        return [w.grad for w in model.parameters()]

    found = ranks(average, 3)
    sent = sum(moved.bytes_sent for moved in found.traffic)
    assert sent == 2 * 2 * 4 * ((ROWS + COLS) * 2 + ROWS)  # P, Q, and the bias whole
    assert all(torch.equal(mine, other) for of_rank in found[1:] for mine, other in zip(of_rank, found[0], strict=True))


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_one_step_is_the_projection_of_the_paper(rank):
    """Algorithm 1: with P an orthonormal basis of the columns of M Q, what is decoded is P P^T M."""

    def average():
        model = linear().double()
        backward(model, 5)
        summed = exact(model)
        with PowerSGD(rank, seed=3)(model):
            pass
        return summed, [w.grad for w in model.parameters()]

    first = torch.randn(COLS, rank, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for (m, of_bias), (decoded, bias) in ranks(average, 2):
        basis, _, _ = np.linalg.svd((m @ first).numpy(), full_matrices=False)
        close(decoded, torch.from_numpy(basis @ basis.T @ m.numpy()))
        close(bias, of_bias)
        assert torch.linalg.matrix_rank(decoded) == rank


def test_a_gradient_of_low_rank_is_exact():
    """Two ranks with one row each: rank 2 says it all."""

    def average():
        model = linear().double()
        backward(model, 1)
        summed = exact(model)
        with PowerSGD(rank=2)(model):
            pass
        return summed, [w.grad for w in model.parameters()]

    for expected, found in ranks(average, 2):
        close(found, expected)


def test_what_is_left_out_comes_later():
    """Algorithm 2: all that was decoded, and the ranks' errors at the end, are all that there was."""

    def train():
        model, power_sgd = linear(bias=False).double(), PowerSGD(rank=1)
        there_was, decoded = 0, 0
        for number in range(4):
            model.zero_grad()
            backward(model, 5, seed=number)
            there_was = there_was + exact(model)[0]
            with power_sgd(model):
                pass
            decoded = decoded + model.weight.grad.clone()
        return there_was, decoded, power_sgd.error[model.weight]

    found = ranks(train, 3)
    there_was, decoded, _ = found[0]
    left = sum(error for _, _, error in found)
    assert left.abs().max() > 0.01 * there_was.abs().max()
    close(decoded + left, there_was)


def test_the_next_step_begins_where_the_last_one_ended():
    """Warm start: for a gradient that stays, subspace iteration finds the best approximation of rank r."""

    def train():
        model, power_sgd = linear(bias=False).double(), PowerSGD(rank=2)
        for _ in range(60):
            model.zero_grad()
            backward(model, 5)
            summed = exact(model)[0]
            power_sgd.error.clear()  # else the gradient does not stay
            with power_sgd(model):
                pass
        return summed, model.weight.grad

    for m, found in ranks(train, 2):
        u, s, v = np.linalg.svd(m.numpy())
        close(found, torch.from_numpy(u[:, :2] * s[:2] @ v[:2]), 1e-4)


def test_a_matrix_that_would_not_shrink_travels_whole():
    def average():
        model = linear().double()
        backward(model, 20)
        summed = exact(model)
        before = link.traffic().bytes_sent
        with PowerSGD(rank=12)(model):  # (20 + 30) 12 = 20 * 30
            pass
        return summed, [w.grad for w in model.parameters()], link.traffic().bytes_sent - before

    for expected, found, sent in ranks(average, 2):
        close(found, expected)
        assert sent == 8 * (ROWS * COLS + ROWS)


def test_uneven_shards_frozen_and_tied_weights_and_a_rank_without_rows():
    """Training goes on as without compression, where the rank is high enough, and all ranks stay the same."""

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(40, 30)
            self.frozen = nn.Linear(30, 30).requires_grad_(False)
            self.filters = nn.Conv1d(1, 8, (9,), padding=4)
            self.out = nn.Linear(30, 40)
            self.out.weight = self.embedding.weight

        def forward(self, x):  # (rows,) -> (rows, 40)
            hidden = self.frozen(self.embedding(x))
            return self.out(hidden + self.filters(hidden[:, None]).mean(1))

    x, y = torch.randint(40, (2, 2), generator=torch.Generator().manual_seed(0))

    def train():
        model = Tied().double()
        broadcast_parameters(model)
        start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        losses = {}
        for name, way in (("exact", naive), ("low rank", PowerSGD(rank=12))):
            model.load_state_dict(start)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            losses[name] = [training_step(model, F.cross_entropy, (x, y), optimizer, way, step) for step in range(4)]
        return losses, model.state_dict()

    found = ranks(train, 3)
    assert found[2][0]["exact"] == [0.0] * 4
    for losses, state in found:
        assert losses["low rank"] == pytest.approx(losses["exact"], rel=1e-6)
        assert all(torch.equal(state[name], found[0][1][name]) for name in state)


def test_a_gradient_of_zeros_stays_one():
    def average():
        model, power_sgd = linear(bias=False), PowerSGD(rank=2)
        with power_sgd(model):
            pass
        zeros = model.weight.grad.clone()
        backward(model, 1)
        expected = exact(model)
        with power_sgd(model):
            pass
        return zeros, model.weight.grad, expected[0]

    for zeros, found, expected in ranks(average, 2):
        assert torch.equal(zeros, torch.zeros(ROWS, COLS))
        assert torch.isfinite(found).all()
        assert found.abs().max() > 0
        assert (found - expected).norm() < expected.norm()


def test_a_rank_below_one_is_refused():
    with pytest.raises(WrongUse, match="at least 1"):
        PowerSGD(rank=0)
