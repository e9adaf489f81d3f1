"""The small GPT computed with the kernels: the same parameters, the same sums, other operators.

It knows a Gpt by the names of its parts, so that the kernels need no model and the model no kernel.
"""

from torch import Tensor, nn

from labkit.kernels.torch_ops import bias_gelu, cross_entropy, layer_norm, linear, self_attention


def with_kernels(gpt: nn.Module) -> "KernelGpt":
    """A module that computes what `gpt` computes and shares its parameters: train either, and both have learnt."""
    return KernelGpt(gpt)


class KernelGpt(nn.Module):
    """Tokens int64 (batch, time) -> logits of the next token (batch, time, vocabulary)."""

    def __init__(self, gpt: nn.Module):
        super().__init__()
        self.gpt, self.config = gpt, gpt.config

    def forward(self, tokens: Tensor) -> Tensor:  # (batch, time)
        batch, time = tokens.shape
        gpt = self.gpt
        x = (gpt.token(tokens) + gpt.position.weight[:time]).flatten(0, 1)  # (batch * time, width)
        for block in gpt.blocks:
            x = x + _attention(block.attention, _norm(block.norm_attention, x), batch)
            x = x + _mlp(block.mlp, _norm(block.norm_mlp, x))
        return linear(_norm(gpt.norm, x), gpt.token.weight).unflatten(0, (batch, time))


def next_token_loss(model: nn.Module, tokens: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats a character. Both int64 (batch, time)."""
    return cross_entropy(model(tokens).flatten(0, 1), targets.flatten())


def _norm(norm: nn.LayerNorm, x: Tensor) -> Tensor:  # (rows, width)
    return layer_norm(x, norm.weight, norm.bias, norm.eps)


def _attention(attention: nn.Module, x: Tensor, batch: int) -> Tensor:  # (batch * time, width)
    qkv = linear(x, attention.qkv.weight, attention.qkv.bias)  # (batch * time, 3 * width)
    mixed = self_attention(qkv.unflatten(0, (batch, -1)), attention.heads)
    return linear(mixed.flatten(0, 1), attention.out.weight, attention.out.bias)


def _mlp(mlp: nn.Module, x: Tensor) -> Tensor:  # (batch * time, width)
    hidden = bias_gelu(linear(x, mlp.up.weight), mlp.up.bias)
    return linear(hidden, mlp.down.weight, mlp.down.bias)
