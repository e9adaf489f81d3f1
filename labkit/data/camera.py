"""Photos of the garments: each Fashion-MNIST image dyed, lit and photographed before the shop's blue paper.

A photo is a pure function of (split, index, size), made when it is asked for. A shop's photos differ in what a model
must not care about: the dye, the shade of the paper, the place in the frame, the light, the noise.
"""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from labkit.data.garments import Garments, fashion
from labkit.errors import WrongUse

SEED = 1889  # the year of the Kodak roll film camera; any number would do
GRID = 28  # pixels a side of a Fashion-MNIST image
PAPER = np.array([0.06, 0.20, 0.75], np.float32)  # RGB of the blue backdrop
DYE = np.array([0.95, 0.75, 0.55], np.float32)  # RGB of the average garment
NOISE = 0.4  # peak to peak, of full scale


class Photos(Sequence):
    """Colour photos of one split. `photos[i]`: uint8 RGB (size, size, 3); `photos[a:b]`: (b - a, size, size, 3)."""

    def __init__(self, garments: Garments, size: int):
        if size % GRID:
            raise WrongUse(f"A photo's side is a multiple of {GRID} pixels, for instance 112 or 224; {size} is not.")
        self.garments = garments
        self.size = size
        self.labels = garments.labels
        self.names = garments.names

    def __len__(self) -> int:
        return len(self.garments)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return np.stack([self._photo(i) for i in range(*index.indices(len(self)))])
        i = range(len(self))[index]  # negative indices, and IndexError past the end
        return self._photo(i)

    def jpeg(self, index: int, quality: int = 90) -> bytes:
        """The photo as a client would send it: the bytes of a JPEG file."""
        file = io.BytesIO()
        Image.fromarray(self[index]).save(file, "JPEG", quality=quality)
        return file.getvalue()

    def _photo(self, i: int) -> np.ndarray:
        random = np.random.default_rng([SEED, self.garments.split == "test", i])
        grey = self._moved(self.garments.images[i], random)  # (size, size) in [0, 1]
        paper = PAPER * random.uniform(0.8, 1.2) + random.uniform(-0.04, 0.04, 3)
        dye = DYE + random.uniform(-0.2, 0.2, 3)
        cover = np.clip(4 * grey, 0, 1)[..., None]  # where there is cloth; its dark folds are cloth too
        scene = (1 - cover) * paper.astype(np.float32) + cover * grey[..., None] * dye.astype(np.float32)
        scene *= self._light(random)
        grain = np.frombuffer(random.bytes(scene.size), np.uint8).reshape(scene.shape)
        scene += np.float32(NOISE / 255) * grain - np.float32(NOISE / 2)
        return (np.clip(scene, 0, 1) * 255).astype(np.uint8)

    def _moved(self, image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The garment up to two pixels of 28 off the centre, enlarged to the size of the photo."""
        down, right = random.integers(0, 5, 2)
        framed = np.pad(image, 2)[down : down + GRID, right : right + GRID]
        enlarged = Image.fromarray(framed).resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.asarray(enlarged, np.float32) / 255

    def _light(self, random: np.random.Generator) -> np.ndarray:
        """A lamp of random strength that stands to one side. (1, size, 1)"""
        left, right = random.uniform(0.8, 1.0, 2)
        return (random.uniform(0.75, 1.2) * np.linspace(left, right, self.size, dtype=np.float32))[None, :, None]


def photos(size: int = 112, split: str = "train", full: bool = False) -> Photos:
    """Photos of every garment of a split, `size` pixels a side. Raises WrongUse for a size that 28 does not divide."""
    return Photos(fashion(split, full), size)


def open_jpeg(content: bytes) -> np.ndarray:
    """The pixels of an image file. Returns uint8 RGB (height, width, 3); raises ValueError for what is no image."""
    try:
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    except OSError as error:
        raise ValueError(f"These {len(content)} bytes are not an image that can be opened: {error}") from error
