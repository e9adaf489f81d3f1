"""Crop, mirror, planes and normalisation against the same in torch.

Torch goes image by image into an array that exists already: the whole batch at once, which is a row as well, takes it
several times longer, because every step then reads and writes the batch in memory.
"""

from collections.abc import Iterator

import numpy as np
import torch

from labkit import kernels
from labkit.bench.kernels.case import Case, difference

BAR = 3.0
IMAGES, SIDE, CROP = 64, 256, 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what models for ImageNet expect


def cases() -> Iterator[Case]:
    yield _case()


def first_call() -> None:
    kernels.prepare_images(np.zeros((1, 5, 5, 3), np.uint8), (4, 4), MEAN, STD)


def _case() -> Case:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
    top, left = draw.integers(0, SIDE - CROP + 1, (2, IMAGES))
    flip = draw.random(IMAGES) < 0.5
    out, theirs = (np.empty((IMAGES, 3, CROP, CROP), np.float32) for _ in range(2))
    pixels, written = torch.from_numpy(images), torch.from_numpy(theirs)
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (MEAN, STD))

    def crop(n: int) -> torch.Tensor:
        image = pixels[n, top[n] : top[n] + CROP, left[n] : left[n] + CROP]
        return image.flip(1) if flip[n] else image

    def image_by_image() -> None:
        for n in range(IMAGES):
            torch.sub(crop(n).permute(2, 0, 1).float().div_(255), mean, out=written[n]).div_(std)

    def whole_batch() -> torch.Tensor:
        batch = torch.stack([crop(n) for n in range(IMAGES)])
        return (batch.permute(0, 3, 1, 2).float() / 255 - mean) / std

    return Case(
        f"{IMAGES}x{SIDE}x{SIDE}x3 to {CROP}",
        ours=lambda: kernels.prepare_images(images, (CROP, CROP), MEAN, STD, top, left, flip, out=out),
        torch=image_by_image,
        moved=5 * out.size,  # a byte read, four written
        flops=2 * out.size,
        error=lambda: difference(out, theirs),
        peers={"torch_whole_batch": whole_batch},
    )
