"""The writer: a small GPT that continues a text, one character at a time.

The architecture is GPT-2's (Radford et al. 2019): pre-norm blocks of causal attention and an MLP, learned positions,
the output matrix tied to the embedding.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class GptConfig:
    """Sizes of the writer: about 12 * layers * width**2 parameters. The default has 0.8 million."""

    vocabulary: int = 80  # the distinct characters of the plays, space and line end among them
    time: int = 128  # the longest passage it can look back on, in characters
    layers: int = 4
    heads: int = 4
    width: int = 128

    def __post_init__(self):
        if self.width % self.heads:
            raise ValueError(f"width {self.width} does not divide into {self.heads} heads.")


SIZES = {
    "0.3M": GptConfig(layers=3, width=88),
    "0.8M": GptConfig(),
    "3M": GptConfig(layers=6, heads=6, width=204),
    "10M": GptConfig(layers=6, heads=6, width=372),
}


class Attention(nn.Module):
    """Every position gathers what it needs from itself and the positions before it."""

    def __init__(self, config: GptConfig):
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:  # (batch, time, width)
        batch, time, width = x.shape
        parts = self.qkv(x).view(batch, time, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, head_dim)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(mixed.transpose(1, 2).reshape(batch, time, width))


class Mlp(nn.Module):
    """Every position thinks for itself, four times as wide."""

    def __init__(self, config: GptConfig):
        super().__init__()
        self.up = nn.Linear(config.width, 4 * config.width)
        self.down = nn.Linear(4 * config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:  # (batch, time, width)
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    """One layer: attention, then the MLP, each added to what came in."""

    def __init__(self, config: GptConfig):
        super().__init__()
        self.norm_attention = nn.LayerNorm(config.width)
        self.attention = Attention(config)
        self.norm_mlp = nn.LayerNorm(config.width)
        self.mlp = Mlp(config)

    def forward(self, x: Tensor) -> Tensor:  # (batch, time, width)
        x = x + self.attention(self.norm_attention(x))
        return x + self.mlp(self.norm_mlp(x))


class Gpt(nn.Module):
    """Tokens int64 (batch, time) -> logits of the next token (batch, time, vocabulary)."""

    def __init__(self, config: GptConfig | None = None):
        super().__init__()
        self.config = config = config or GptConfig()
        self.token = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Embedding(config.time, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.apply(self._start)

    def forward(self, tokens: Tensor) -> Tensor:  # (batch, time)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.token(tokens) + self.position(places)  # (batch, time, width)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.token.weight)  # tied: the embedding read backwards

    @staticmethod
    def _start(module: nn.Module) -> None:
        # GPT-2's start: small weights, so that the first predictions are close to uniform.
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)


def next_token_loss(model: nn.Module, tokens: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats a character. Both int64 (batch, time)."""
    return F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())


@torch.no_grad()
def write(model: Gpt, tokens: Tensor, length: int, temperature: float = 0.8, seed: int = 0) -> Tensor:
    """Continue a text by `length` tokens, each drawn from the model's own belief. tokens: int64 (time,), not empty."""
    dice = torch.Generator().manual_seed(seed)
    for _ in range(length):
        logits = model(tokens[None, -model.config.time :])[0, -1] / temperature  # (vocabulary,)
        tokens = torch.cat([tokens, torch.multinomial(logits.softmax(-1), 1, generator=dice)])
    return tokens
