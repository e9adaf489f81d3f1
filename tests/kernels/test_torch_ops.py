"""The kernels inside torch: values and gradients against torch in float64, and what torch demands of an operator."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch.library import opcheck

from labkit.kernels import torch_ops
from labkit.kernels.torch_adamw import AdamW
from labkit.kernels.torch_gpt import next_token_loss, with_kernels
from labkit.models import gpt as models


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def torch_attention(qkv, heads, causal=True):
    batch, time, tripled = qkv.shape
    q, k, v = qkv.view(batch, time, 3, heads, -1).permute(2, 0, 3, 1, 4)
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return mixed.transpose(1, 2).reshape(batch, time, tripled // 3)


def classes(rows, count):
    return torch.randint(0, count, (rows,), generator=torch.Generator().manual_seed(1))


# An operator, what it is in torch, and arguments for both.
CASES = {
    "linear": (torch_ops.linear, F.linear, (numbers(37, 20), numbers(33, 20, seed=1), numbers(33, seed=2))),
    "linear, no bias": (torch_ops.linear, F.linear, (numbers(5, 70), numbers(40, 70, seed=1))),
    "linear, transposed": (torch_ops.linear, F.linear, (numbers(20, 9).t(), numbers(20, 4, seed=1).t())),
    "layer_norm": (
        torch_ops.layer_norm,
        lambda x, weight, bias: F.layer_norm(x, (x.shape[1],), weight, bias),
        (numbers(19, 50), numbers(50, seed=1), numbers(50, seed=2)),
    ),
    "bias_gelu": (
        torch_ops.bias_gelu,
        lambda x, bias: F.gelu(x + bias, approximate="tanh"),
        (numbers(21, 35), numbers(35, seed=1)),
    ),
    "self_attention": (torch_ops.self_attention, torch_attention, (numbers(2, 37, 3 * 4 * 9), 4)),
    "self_attention, not causal": (torch_ops.self_attention, torch_attention, (numbers(1, 70, 3 * 8), 2, False)),
    "cross_entropy": (torch_ops.cross_entropy, F.cross_entropy, (numbers(23, 17), classes(23, 17))),
}


def differentiable(argument):
    return isinstance(argument, torch.Tensor) and argument.is_floating_point()


def run(function, arguments, dtype):
    """The result, and the gradients of all float arguments for a fixed random direction."""
    given = [a.detach().to(dtype).requires_grad_() if differentiable(a) else a for a in arguments]
    result = function(*given)
    direction = numbers(*result.shape, seed=9).to(dtype)
    return result, torch.autograd.grad(result, [a for a in given if differentiable(a)], direction)


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_torch_in_float64(name):
    ours, theirs, arguments = CASES[name]
    result, gradients = run(ours, arguments, torch.float32)
    exact, exact_gradients = run(theirs, arguments, torch.float64)
    torch.testing.assert_close(result.double(), exact, rtol=1e-5, atol=1e-5)
    for found, wanted in zip(gradients, exact_gradients, strict=True):
        torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize(
    "test", ["test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic"]
)
@pytest.mark.parametrize(
    ("operator", "arguments"),
    [
        (torch_ops.linear, CASES["linear"][2]),
        (torch_ops.layer_norm, CASES["layer_norm"][2]),
        (torch_ops.bias_gelu, CASES["bias_gelu"][2]),
        (torch_ops._self_attention, (*CASES["self_attention"][2], True)),
        (torch_ops._cross_entropy, CASES["cross_entropy"][2]),
    ],
    ids=lambda value: getattr(value, "_name", None),
)
def test_torch_accepts_the_operator(operator, arguments, test):
    given = [a.clone().requires_grad_() if differentiable(a) else a for a in arguments]
    opcheck(operator, given, test_utils=test)


@pytest.mark.parametrize("name", CASES)
def test_a_second_derivative_is_an_error(name):
    ours, _, arguments = CASES[name]
    given = [a.clone().requires_grad_() if differentiable(a) else a for a in arguments]
    first = torch.autograd.grad(ours(*given).square().sum(), given[0], create_graph=True)[0]
    with pytest.raises(RuntimeError, match=r"backward through labkit\..*_backward"):
        first.sum().backward()


def test_nothing_that_is_empty_is_wrong():
    assert torch_ops.linear(numbers(3, 0), numbers(4, 0), torch.ones(4)).eq(1).all()
    assert torch_ops.linear(numbers(3, 0), numbers(4, 0)).eq(0).all()
    assert torch_ops.linear(numbers(0, 5), numbers(4, 5)).shape == (0, 4)
    assert torch_ops.self_attention(numbers(0, 5, 6), 2).shape == (0, 5, 2)
    x = numbers(0, 5).requires_grad_()
    weight = numbers(4, 5).requires_grad_()
    torch_ops.linear(x, weight).sum().backward()
    assert weight.grad.eq(0).all()


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: torch_ops.linear(numbers(2, 3).double(), numbers(4, 3)), TypeError, "x holds torch.float64"),
        (lambda: torch_ops.linear(numbers(2, 3), numbers(4, 5)), ValueError, "weight has shape"),
        (lambda: torch_ops.linear(numbers(2, 3), numbers(4, 3), numbers(3)), ValueError, "bias has shape"),
        (lambda: torch_ops.linear(numbers(2, 2, 3), numbers(4, 3)), ValueError, "x has shape"),
        (lambda: torch_ops.layer_norm(numbers(2, 3), numbers(4), numbers(3)), ValueError, "weight has shape"),
        (lambda: torch_ops.bias_gelu(numbers(2, 3), numbers(2)), ValueError, "bias has shape"),
        (lambda: torch_ops.self_attention(numbers(1, 2, 12), 3), ValueError, "three times 3 heads"),
        (lambda: torch_ops.self_attention(numbers(1, 2, 12), 0), ValueError, "three times 0 heads"),
        (lambda: torch_ops.cross_entropy(numbers(2, 3), torch.tensor([0, 3])), ValueError, r"targets\[1\] is 3"),
        (lambda: torch_ops.cross_entropy(numbers(2, 3), torch.tensor([0.0, 1])), TypeError, "targets holds"),
        (lambda: torch_ops.linear_backward(numbers(2, 3), numbers(2, 5), numbers(4, 5)), ValueError, "grad has shape"),
        (
            lambda: torch_ops.linear_backward(numbers(2, 4), numbers(2, 5), numbers(4, 6)),
            ValueError,
            "weight has shape",
        ),
        (
            lambda: torch_ops.self_attention_backward(
                numbers(1, 2, 4), numbers(1, 2, 12), numbers(1, 2, 4), numbers(1, 2, 3), 2, True
            ),
            ValueError,
            "log_sums has shape",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, error, said):
    with pytest.raises(error, match=said):
        call()


@pytest.fixture
def small():
    torch.manual_seed(0)
    model = models.Gpt(models.GptConfig(vocabulary=31, time=20, layers=2, heads=3, width=24))
    tokens = torch.randint(0, 31, (3, 21), generator=torch.Generator().manual_seed(0))
    return model, tokens[:, :-1], tokens[:, 1:]


def gradients(loss, model):
    names, parameters = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


def check_like_the_gpt(model, loss, tokens, targets):
    """The loss, and the gradient of each parameter, beside those of the same model in float64."""
    exact = copy.deepcopy(model).double()
    wanted_loss = models.next_token_loss(exact, tokens, targets)
    torch.testing.assert_close(loss.double(), wanted_loss, rtol=1e-6, atol=1e-6)
    wanted = gradients(wanted_loss, exact)
    for name, found in gradients(loss, model).items():
        torch.testing.assert_close(found.double(), wanted[name], rtol=1e-4, atol=1e-7, msg=name)


def test_the_gpt_with_kernels_is_the_gpt(small):
    model, tokens, targets = small
    ours = with_kernels(model)
    torch.testing.assert_close(ours(tokens), model(tokens), rtol=1e-5, atol=1e-5)
    check_like_the_gpt(model, next_token_loss(ours, tokens, targets), tokens, targets)
    shorter = tokens[:, :7]
    torch.testing.assert_close(ours(shorter), model(shorter), rtol=1e-5, atol=1e-5)


def test_torch_compiles_the_gpt_with_kernels_as_one_graph(small):
    model, tokens, targets = small
    compiled = torch.compile(with_kernels(model), backend="aot_eager", fullgraph=True)
    check_like_the_gpt(model, next_token_loss(compiled, tokens, targets), tokens, targets)


def test_the_gpt_learns_through_the_kernels_as_it_does_through_torch(small):
    model, tokens, targets = small
    ours = copy.deepcopy(model)
    runs = []
    for each, loss_of, optimizer in (
        (model, models.next_token_loss, torch.optim.AdamW(model.parameters(), lr=1e-2)),
        (with_kernels(ours), next_token_loss, AdamW(ours.parameters(), lr=1e-2)),
    ):
        losses = []
        for _ in range(30):
            loss = loss_of(each, tokens, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        runs.append(losses)
    assert runs[1] == pytest.approx(runs[0], rel=2e-3)
    assert runs[1][-1] < 0.6 * runs[1][0]


def test_either_adamw_goes_on_where_the_other_stopped():
    start, slopes = numbers(13, 5), [numbers(13, 5, seed=seed) for seed in range(6)]
    ends = []
    for kinds in ((torch.optim.AdamW, AdamW), (AdamW, torch.optim.AdamW), (torch.optim.AdamW, torch.optim.AdamW)):
        parameter, state = start.clone().requires_grad_(), None
        for kind, part in zip(kinds, (slopes[:3], slopes[3:]), strict=True):
            optimizer = kind([parameter], lr=0.1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.3)
            if state is not None:
                optimizer.load_state_dict(state)
            for slope in part:
                parameter.grad = slope.clone()
                optimizer.step()
            state = optimizer.state_dict()
        ends.append(parameter.detach())
    torch.testing.assert_close(ends[0], ends[2], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ends[1], ends[2], rtol=1e-5, atol=1e-6)


def test_adamw_refuses_a_parameter_that_it_could_only_copy():
    parameter = numbers(4, 6).t().requires_grad_()
    parameter.grad = numbers(6, 4)
    with pytest.raises(ValueError, match="does not lie row by row"):
        AdamW([parameter]).step()
