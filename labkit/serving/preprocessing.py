"""Preprocessing that travels with the model.

A classifier expects exactly what it was trained on. Who prepares its input at serving time? If the client does, every
client is a chance to do it differently, and nothing fails: the answers are just worse. So the steps become layers, and
the artifact takes what clients really have: a grey image in [0, 1], or a colour photo as bytes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.data.camera import GRID
from labkit.data.preparation import LUMA
from labkit.models.cnn import MEAN, STD


class ImageTagger(nn.Module):
    """From a grey image to a label.

    `classifier` takes float32 (batch, 1, 28, 28), normalised, and returns logits (batch, classes).
    """

    outputs = ("probabilities", "label")

    def __init__(self, classifier: nn.Module, mean: float = MEAN, std: float = STD):
        super().__init__()
        self.classifier = classifier
        self.mean = mean
        self.std = std

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """image: float32 (batch, 1, 28, 28) in [0, 1] -> float32 (batch, classes), int64 (batch,)."""
        logits = self.classifier((image - self.mean) / self.std)
        return F.softmax(logits, dim=-1), logits.argmax(dim=-1)


class PhotoTagger(nn.Module):
    """From a colour photo of size x size pixels to a label; size is a multiple of 28."""

    outputs = ImageTagger.outputs

    def __init__(self, classifier: nn.Module, size: int = 112, mean: float = MEAN, std: float = STD):
        super().__init__()
        if size < GRID or size % GRID:
            raise ValueError(
                f"a photo of {size} pixels cannot be cut into {GRID} equal blocks; take a multiple of {GRID}"
            )
        self.tagger = ImageTagger(classifier, mean, std)
        self.block = size // GRID
        self.register_buffer("grey", torch.from_numpy(LUMA.copy()), persistent=False)

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        """photo: uint8 (batch, size, size, 3), RGB -> as ImageTagger."""
        luminance = (photo.float() * self.grey).sum(dim=-1)  # (batch, size, size), 0 to 255
        # The box filter: a pixel of the small image is the mean of its block, so no pixel of the photo is passed over.
        small = F.avg_pool2d(luminance.unsqueeze(1), self.block)  # (batch, 1, 28, 28)
        return self.tagger(small / 255)
