"""From photo to model input: decode -> grey -> shrink -> scale. What training did, serving must do too."""

import os
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from labkit.data.camera import GRID, Photos, photos
from labkit.data.garments import fashion
from labkit.home import home

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # weights of R, G, B in the eye's grey (ITU-R BT.601)
SIZE = 112  # pixels a side of the photos that the classifier is trained on


def prepare(batch: np.ndarray) -> np.ndarray:
    """Grey 28x28 images in [0, 1] of a batch of photos.

    batch: uint8 RGB (n, size, size, 3), size a multiple of 28. Returns float32 (n, 1, 28, 28): the mean over each block
    of size/28 x size/28 pixels, a box filter.
    """
    if batch.ndim != 4 or batch.shape[-1] != 3 or batch.shape[1] != batch.shape[2] or batch.shape[1] % GRID:
        raise ValueError(
            f"prepare needs photos of shape (n, size, size, 3), size a multiple of {GRID}; not {batch.shape}."
        )
    if batch.dtype != np.uint8:
        raise ValueError(f"prepare needs uint8 photos, 0 to 255; not {batch.dtype}.")
    n, side = len(batch), batch.shape[1] // GRID
    grey = batch.astype(np.float32) @ (LUMA / 255)  # (n, size, size)
    return grey.reshape(n, 1, GRID, side, GRID, side).mean((3, 5))


def prepared(split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """The classifier's data: every garment twice, as the supplier's grey scan and as the shop's photo, prepared.

    Returns images uint8 (2n, 1, 28, 28), the scans first, and labels int64 (2n,). The photos are prepared once and kept
    in the student's folder.
    """
    scans = fashion(split)
    shots = _prepared_photos(split)
    return np.concatenate([scans.images[:, None], shots]), np.concatenate([scans.labels, scans.labels])


def _prepared_photos(split: str) -> np.ndarray:
    """uint8 (n, 1, 28, 28), from the student's folder where it was kept before."""
    kept = home() / "cache" / f"photos-{SIZE}-{split}.npy"
    try:
        return np.load(kept)
    except (FileNotFoundError, ValueError, EOFError):  # never made, or cut short
        images = prepare_all(photos(SIZE, split))
        _keep(kept, images)
        return images


def prepare_all(source: Photos, batch: int = 250) -> np.ndarray:
    """All photos of a source prepared, with a progress bar. Returns uint8 (n, 1, 28, 28)."""
    starts = tqdm(range(0, len(source), batch), desc="preparing photos", unit_scale=batch, unit=" photos")
    return np.concatenate([_as_bytes(prepare(source[start : start + batch])) for start in starts])


def _as_bytes(images: np.ndarray) -> np.ndarray:
    return np.round(images * 255).astype(np.uint8)


def _keep(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.npy")
    np.save(partial, array)
    partial.replace(path)
