"""Batches by number: batch `step` is a pure function of the seed and the step, so a resumed run sees the same data."""

import numpy as np
import torch


class Batches:
    """Shuffled batches of images, a new order each epoch.

    images: uint8 (n, 1, 28, 28). labels: int64 (n,).
    `batches[step]`: images float32 (batch, 1, 28, 28) in [0, 1], labels int64 (batch,).
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, batch: int = 64, seed: int = 0):
        if len(images) != len(labels) or not 1 <= batch <= len(images):
            raise ValueError(f"{len(images)} images, {len(labels)} labels and a batch of {batch} do not go together.")
        self.images, self.labels, self.batch, self.seed = images, labels, batch, seed
        self.steps_per_epoch = len(images) // batch

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        epoch, place = divmod(step, self.steps_per_epoch)
        rows = self._order(epoch)[place * self.batch : (place + 1) * self.batch]
        return torch.from_numpy(self.images[rows]).float() / 255, torch.from_numpy(self.labels[rows])

    def _order(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.images))


class Passages:
    """Random passages of a text.

    tokens: int64 (characters,).
    `passages[step]`: inputs and targets, int64 (batch, time); a target is the next character.
    """

    def __init__(self, tokens: np.ndarray, batch: int = 16, time: int = 128, seed: int = 0):
        if len(tokens) <= time:
            raise ValueError(f"{len(tokens)} characters hold no passage of {time} and the character after it.")
        self.tokens, self.batch, self.time, self.seed = torch.from_numpy(tokens), batch, time, seed

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        starts = np.random.default_rng([self.seed, step]).integers(0, len(self.tokens) - self.time, self.batch)
        rows = torch.stack([self.tokens[start : start + self.time + 1] for start in starts.tolist()])
        return rows[:, :-1], rows[:, 1:]
