"""Fashion-MNIST: 70,000 garments as 28x28 grey images in ten classes (Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747).

The package carries the first 12,000 training and the first 2,000 test images. All 70,000 can be had where
Debian's `dataset-fashion-mnist` is installed.
"""

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from labkit.errors import WrongUse

LABELS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

SHIPPED = Path(__file__).parent / "files" / "fashion_mnist_14k.npz"
DEBIAN = Path("/usr/share/dataset-fashion-mnist")
IDX_PREFIX = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class Garments:
    """One split. images: uint8 (n, 28, 28), 0 is background. labels: int64 (n,), indices into `names`."""

    images: np.ndarray
    labels: np.ndarray
    split: str
    names: tuple[str, ...] = LABELS

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice | np.ndarray) -> "Garments":
        return Garments(self.images[rows], self.labels[rows], self.split, self.names)


def fashion(split: str = "train", full: bool = False) -> Garments:
    """The garments of one split, `train` or `test`; 12,000 and 2,000, or with `full` all 60,000 and 10,000.

    Raises WrongUse for another split, and where `full` is asked for and the Debian package is not there.
    """
    if split not in IDX_PREFIX:
        raise WrongUse(f"There is no split {split!r}: ask for 'train' or 'test'.")
    images, labels = _debian(split) if full else _shipped(split)
    return Garments(images, labels.astype(np.int64), split)


@cache
def _shipped(split: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(SHIPPED) as file:
        return _frozen(file[f"{split}_images"]), _frozen(file[f"{split}_labels"])


@cache
def _debian(split: str) -> tuple[np.ndarray, np.ndarray]:
    if not DEBIAN.is_dir():
        raise WrongUse(
            "All 70,000 images come from Debian's package: run `apt install dataset-fashion-mnist`, "
            "or leave out full=True for the 14,000 that the course carries."
        )
    prefix = IDX_PREFIX[split]
    images = read_idx(DEBIAN / f"{prefix}-images-idx3-ubyte.gz")
    labels = read_idx(DEBIAN / f"{prefix}-labels-idx1-ubyte.gz")
    return _frozen(images), _frozen(labels)


def _frozen(array: np.ndarray) -> np.ndarray:
    # The arrays are cached and shared by every caller: a write would change the data under the others.
    array.flags.writeable = False
    return array


def read_idx(path: Path) -> np.ndarray:
    """An array from a gzipped IDX file of unsigned bytes (yann.lecun.com/exdb/mnist, "The IDX file format")."""
    content = gzip.decompress(path.read_bytes())
    kind, dimensions = content[2], content[3]
    if content[:2] != b"\0\0" or kind != 0x08:
        raise ValueError(f"{path} is not an IDX file of unsigned bytes.")
    shape = np.frombuffer(content, ">u4", dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy()
