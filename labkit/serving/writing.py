"""The writer as an artifact: a passage of 128 characters in, what it believes of the next one out."""

from torch import Tensor, nn

from labkit.models.gpt import Gpt


class NextCharacter(nn.Module):
    """The logits of the character behind a passage; a client draws from them and asks again.

    A passage has exactly the length that the writer looks back on, since the exported graph's shapes are fixed.
    """

    outputs = ("logits",)

    def __init__(self, writer: Gpt):
        super().__init__()
        self.writer = writer

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """Of the tokens that the writer knows, for the manifest."""
        return {"tokens": (0, self.writer.config.vocabulary - 1)}

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: int64 (batch, time) -> float32 (batch, vocabulary)."""
        return self.writer(tokens)[:, -1]
