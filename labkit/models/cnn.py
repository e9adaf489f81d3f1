"""The classifier: a small convolutional network that tags a garment.

Two convolutions find edges and then shapes; one hidden layer weighs them. 421,642 parameters, of which the hidden layer
holds 95 %.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEAN, STD = 0.2923, 0.2753  # of all pixels of the prepared training images, in [0, 1]


class Cnn(nn.Module):
    """Normalised grey images (batch, 1, 28, 28) -> logits (batch, 10)."""

    def __init__(self):
        super().__init__()
        self.edges = nn.Conv2d(1, 32, kernel_size=3, padding=1)
        self.shapes = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.hidden = nn.Linear(64 * 7 * 7, 128)
        self.tag = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:  # (batch, 1, 28, 28)
        x = F.max_pool2d(F.relu(self.edges(x)), 2)  # (batch, 32, 14, 14)
        x = F.max_pool2d(F.relu(self.shapes(x)), 2)  # (batch, 64, 7, 7)
        x = F.relu(self.hidden(x.flatten(1)))  # (batch, 128)
        return self.tag(x)  # (batch, 10)


def normalise(images: Tensor) -> Tensor:
    """Images in [0, 1] to the mean 0 and deviation 1 that the network was trained on; any shape."""
    return (images - MEAN) / STD


def tag_loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy. images: (batch, 1, 28, 28) in [0, 1]; labels: int64 (batch,)."""
    return F.cross_entropy(model(normalise(images)), labels)


@torch.no_grad()
def probabilities(model: nn.Module, images: Tensor, batch: int = 500) -> Tensor:
    """What the model believes of each image in [0, 1], (n, 1, 28, 28). Returns (n, 10), rows that sum to 1."""
    model.eval()
    return torch.cat([model(normalise(part)).softmax(-1) for part in images.split(batch)])
