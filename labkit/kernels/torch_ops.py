"""The kernels as operators of torch, with gradients: a model that is built from them trains and compiles.

Each is registered with `torch.library`: its name, the shape of its result, which `torch.compile` asks for without
running it, and its gradient. A gradient is an operator of its own and has none, so that a second derivative is an error
and not a wrong number. All take float32 on the CPU; what does not lie row by row is copied.
"""

import numpy as np
import torch
from torch import Tensor
from torch.library import custom_op

from labkit import kernels
from labkit.kernels.attention import blocked
from labkit.kernels.attention_backward import blocked_backward
from labkit.kernels.gemm import NO_BIAS, gemm

# linear: y = x W^T + b


@custom_op("labkit::linear", mutates_args=(), device_types="cpu")
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x: (rows, inputs), weight: (outputs, inputs), bias: (outputs,). Returns (rows, outputs)."""
    a, b = _array("x", x, 2), _array("weight", weight, 2)
    c = NO_BIAS if bias is None else _array("bias", bias, 1)
    (rows, inputs), outputs = a.shape, b.shape[0]
    _check_shape("weight", weight, (outputs, inputs))
    if bias is not None:
        _check_shape("bias", bias, (outputs,))
    out = x.new_empty(rows, outputs)
    _product(a, (inputs, 1), b, (1, inputs), c, out.numpy(), inputs)
    return out


@linear.register_fake
def _(x, weight, bias=None):
    return x.new_empty(x.shape[0], weight.shape[0])


@custom_op("labkit::linear_backward", mutates_args=(), device_types="cpu")
def linear_backward(grad: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """dx = grad W, (rows, inputs), and dW = grad^T x, (outputs, inputs)."""
    g, a, b = _array("grad", grad, 2), _array("x", x, 2), _array("weight", weight, 2)
    (rows, inputs), outputs = a.shape, b.shape[0]
    _check_shape("grad", grad, (rows, outputs))
    _check_shape("weight", weight, (outputs, inputs))
    dx, dweight = x.new_empty(a.shape), x.new_empty(b.shape)
    _product(g, (outputs, 1), b, (inputs, 1), NO_BIAS, dx.numpy(), outputs)
    _product(g, (1, outputs), a, (inputs, 1), NO_BIAS, dweight.numpy(), rows)
    return dx, dweight


@linear_backward.register_fake
def _(grad, x, weight):
    return x.new_empty(x.shape), weight.new_empty(weight.shape)


def _keep_linear(ctx, inputs, output):
    x, weight, bias = inputs
    ctx.save_for_backward(x, weight)
    ctx.has_bias = bias is not None


def _linear_gradients(ctx, grad):
    dx, dweight = linear_backward(grad, *ctx.saved_tensors)
    return dx, dweight, grad.sum(0) if ctx.has_bias else None


linear.register_autograd(_linear_gradients, setup_context=_keep_linear)

# layer_norm: y = (x - mean) / sqrt(var + eps) * weight + bias, along the columns


@custom_op("labkit::layer_norm", mutates_args=(), device_types="cpu")
def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """x: (rows, cols), weight, bias: (cols,). Returns (rows, cols)."""
    arrays = _array("x", x, 2), _array("weight", weight, 1), _array("bias", bias, 1)
    return torch.from_numpy(kernels.layer_norm(*arrays, eps))


@layer_norm.register_fake
def _(x, weight, bias, eps=1e-5):
    return x.new_empty(x.shape)


@custom_op("labkit::layer_norm_backward", mutates_args=(), device_types="cpu")
def layer_norm_backward(grad: Tensor, x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """dx (rows, cols), dweight and dbias (cols,)."""
    arrays = _array("grad", grad, 2), _array("x", x, 2), _array("weight", weight, 1)
    dx, dweight, dbias = kernels.layer_norm_backward(*arrays, eps)
    return torch.from_numpy(dx), torch.from_numpy(dweight), torch.from_numpy(dbias)


@layer_norm_backward.register_fake
def _(grad, x, weight, eps):
    return x.new_empty(x.shape), weight.new_empty(weight.shape), weight.new_empty(weight.shape)


def _keep_layer_norm(ctx, inputs, output):
    x, weight, _, ctx.eps = inputs
    ctx.save_for_backward(x, weight)


def _layer_norm_gradients(ctx, grad):
    return *layer_norm_backward(grad, *ctx.saved_tensors, ctx.eps), None


layer_norm.register_autograd(_layer_norm_gradients, setup_context=_keep_layer_norm)

# bias_gelu: y = gelu(x + b), tanh form


@custom_op("labkit::bias_gelu", mutates_args=(), device_types="cpu")
def bias_gelu(x: Tensor, bias: Tensor) -> Tensor:
    """x: (rows, cols), bias: (cols,). Returns (rows, cols)."""
    return torch.from_numpy(kernels.bias_gelu(_array("x", x, 2), _array("bias", bias, 1)))


@bias_gelu.register_fake
def _(x, bias):
    return x.new_empty(x.shape)


@custom_op("labkit::bias_gelu_backward", mutates_args=(), device_types="cpu")
def bias_gelu_backward(grad: Tensor, x: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """dx (rows, cols) and dbias (cols,)."""
    dx, dbias = kernels.bias_gelu_backward(_array("grad", grad, 2), _array("x", x, 2), _array("bias", bias, 1))
    return torch.from_numpy(dx), torch.from_numpy(dbias)


@bias_gelu_backward.register_fake
def _(grad, x, bias):
    return x.new_empty(x.shape), bias.new_empty(bias.shape)


def _keep_inputs(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def _bias_gelu_gradients(ctx, grad):
    return bias_gelu_backward(grad, *ctx.saved_tensors)


bias_gelu.register_autograd(_bias_gelu_gradients, setup_context=_keep_inputs)

# self_attention: each position's mixture of its own and earlier values


@custom_op("labkit::self_attention", mutates_args=(), device_types="cpu")
def _self_attention(qkv: Tensor, heads: int, causal: bool) -> tuple[Tensor, Tensor]:
    """Returns (batch, time, width), and log sum exp of each query's scores, (batch, heads, time)."""
    array = _array("qkv", qkv, 3)
    batch, time, width = _check_heads(qkv, heads)
    out, log_sums = qkv.new_empty(batch, time, width), qkv.new_empty(batch, heads, time)
    if out.numel():
        blocked(*_parts(array), _flat(out.numpy()), _flat(log_sums.numpy()), *_sizes(array, heads), causal)
    return out, log_sums


@_self_attention.register_fake
def _(qkv, heads, causal):
    batch, time, tripled = qkv.shape
    return qkv.new_empty(batch, time, tripled // 3), qkv.new_empty(batch, heads, time)


@custom_op("labkit::self_attention_backward", mutates_args=(), device_types="cpu")
def self_attention_backward(
    grad: Tensor, qkv: Tensor, out: Tensor, log_sums: Tensor, heads: int, causal: bool
) -> Tensor:
    """dqkv (batch, time, 3 width)."""
    array, moved = _array("qkv", qkv, 3), qkv.new_empty(qkv.shape)
    mixed, slopes, sums = _array("out", out, 3), _array("grad", grad, 3), _array("log_sums", log_sums, 3)
    batch, time, width = _check_heads(qkv, heads)
    _check_shape("out", out, (batch, time, width))
    _check_shape("grad", grad, (batch, time, width))
    _check_shape("log_sums", log_sums, (batch, heads, time))
    if moved.numel():
        parts = *_parts(array), _flat(mixed), _flat(slopes), _flat(sums), *_parts(moved.numpy())
        blocked_backward(*parts, *_sizes(array, heads), causal)
    return moved


@self_attention_backward.register_fake
def _(grad, qkv, out, log_sums, heads, causal):
    return qkv.new_empty(qkv.shape)


def _keep_attention(ctx, inputs, output):
    qkv, ctx.heads, ctx.causal = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(qkv, *output)


def _attention_gradients(ctx, grad, _):
    return self_attention_backward(grad, *ctx.saved_tensors, ctx.heads, ctx.causal), None, None


_self_attention.register_autograd(_attention_gradients, setup_context=_keep_attention)


def self_attention(qkv: Tensor, heads: int, causal: bool = True) -> Tensor:
    """qkv: (batch, time, 3 * width), q, k and v of all heads as one linear layer gives them -> (batch, time, width)."""
    return _self_attention(qkv, heads, causal)[0]


# cross_entropy: mean over the rows of -log softmax(logits)[target]


@custom_op("labkit::cross_entropy", mutates_args=(), device_types="cpu")
def _cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the mean loss, (), and its gradient, (rows, classes), which costs nothing while the row is at hand."""
    loss, dlogits = kernels.cross_entropy(_array("logits", logits, 2), _array("targets", targets, 1, torch.int64))
    return logits.new_tensor(loss), torch.from_numpy(dlogits)


@_cross_entropy.register_fake
def _(logits, targets):
    return logits.new_empty(()), logits.new_empty(logits.shape)


@custom_op("labkit::cross_entropy_backward", mutates_args=(), device_types="cpu")
def cross_entropy_backward(grad: Tensor, dlogits: Tensor) -> Tensor:
    return grad * dlogits


@cross_entropy_backward.register_fake
def _(grad, dlogits):
    return dlogits.new_empty(dlogits.shape)


def _keep_cross_entropy(ctx, inputs, output):
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(output[1])


def _cross_entropy_gradients(ctx, grad, _):
    return cross_entropy_backward(grad, *ctx.saved_tensors), None


_cross_entropy.register_autograd(_cross_entropy_gradients, setup_context=_keep_cross_entropy)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """logits: (rows, classes), targets: int64 (rows,). Returns the mean loss in nats, ()."""
    return _cross_entropy(logits, targets)[0]


def _array(name: str, tensor: Tensor, dimensions: int, dtype: torch.dtype = torch.float32) -> np.ndarray:
    """The tensor's memory. Raises TypeError or ValueError for a tensor that the kernel does not take."""
    if tensor.dtype != dtype:
        raise TypeError(f"{name} holds {tensor.dtype}, and the kernel takes {dtype}: pass {name}.to({dtype}).")
    if tensor.dim() != dimensions:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, and the kernel takes {dimensions} dimensions.")
    return tensor.detach().contiguous().numpy()


def _check_shape(name: str, tensor: Tensor, shape: tuple) -> None:
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, and the other arguments ask for {shape}.")


def _product(
    a: np.ndarray, a_steps: tuple, b: np.ndarray, b_steps: tuple, bias: np.ndarray, out: np.ndarray, k: int
) -> None:
    """out = A B + bias, A and B read with the given steps between rows and between columns."""
    if k == 0:
        out[:] = bias if bias.size else 0
    elif out.size:
        gemm(_flat(a), *a_steps, _flat(b), *b_steps, bias, _flat(out), *out.shape, k)


def _check_heads(qkv: Tensor, heads: int) -> tuple[int, int, int]:
    """Returns batch, time and width."""
    batch, time, tripled = qkv.shape
    if heads < 1 or tripled % (3 * heads):
        raise ValueError(f"qkv has shape {tuple(qkv.shape)}, which is not three times {heads} heads of equal width.")
    return batch, time, tripled // 3


def _flat(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1)


def _parts(qkv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """q, k and v in one array: flat views that start where each does."""
    flat, width = _flat(qkv), qkv.shape[2] // 3
    return flat, flat[width:], flat[2 * width :]


def _sizes(qkv: np.ndarray, heads: int) -> tuple:
    """(batch, heads, time, head_dim), and the strides of batch, head and time in qkv and in the result."""
    batch, time, tripled = qkv.shape
    width = tripled // 3
    head_dim = width // heads
    return (batch, heads, time, head_dim), (time * tripled, head_dim, tripled), (time * width, head_dim, width)
