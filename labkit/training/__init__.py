"""Training: one loop for every notebook, and checkpoints that survive being killed."""

from labkit.training.checkpoint import Progress
from labkit.training.loop import train

__all__ = ["Progress", "train"]
