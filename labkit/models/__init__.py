"""The two running examples: the classifier that tags a garment, and the writer that drafts text."""

from labkit.models.cnn import Cnn, normalise, probabilities, tag_loss
from labkit.models.gpt import SIZES, Gpt, GptConfig, next_token_loss, write
from labkit.models.store import is_mine, keep, mine, run_of, shipped

__all__ = [
    "SIZES",
    "Cnn",
    "Gpt",
    "GptConfig",
    "is_mine",
    "keep",
    "mine",
    "next_token_loss",
    "normalise",
    "probabilities",
    "run_of",
    "shipped",
    "tag_loss",
    "write",
]
