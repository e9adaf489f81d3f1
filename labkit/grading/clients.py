"""Problem set 01: clients that prepare a photo for the old 28x28 service, almost right.

Which mistake a student meets comes from the name. Measure before you read on: knowing it spoils the hunt.
"""

from collections.abc import Callable

import numpy as np

from labkit.data import prepare
from labkit.grading.seeds import dice

Client = Callable[[np.ndarray], np.ndarray]  # uint8 RGB (n, 112, 112, 3) -> float32 (n, 1, 28, 28)


def client_for(name: str) -> Client:
    """The client of one student."""
    random = dice(name, "ps01 client")
    mistakes = [darker, gamma, shifted, enlarged, exchanged_channels]
    return mistakes[int(random.integers(len(mistakes)))](random)


def darker(random: np.random.Generator) -> Client:
    """Divides by something larger than 255."""
    share = random.uniform(0.3, 0.5)
    return lambda photos: prepare(photos) * np.float32(share)


def gamma(random: np.random.Generator) -> Client:
    """Takes the file's brightness for light: raises it to a power, as a screen does."""
    power = random.uniform(2.0, 2.6)
    return lambda photos: prepare(photos) ** np.float32(power)


def shifted(random: np.random.Generator) -> Client:
    """Cuts the photo at the wrong place."""
    pixels = int(random.integers(18, 28))
    axis = int(random.integers(1, 3))
    return lambda photos: prepare(np.roll(photos, pixels, axis))


def enlarged(random: np.random.Generator) -> Client:
    """Cuts out the middle, and stretches it to the whole."""
    edge = int(random.integers(14, 21))

    def client(photos: np.ndarray) -> np.ndarray:
        rows = np.linspace(edge, photos.shape[1] - 1 - edge, photos.shape[1]).round().astype(int)
        return prepare(np.ascontiguousarray(photos[:, rows][:, :, rows]))

    return client


def exchanged_channels(random: np.random.Generator) -> Client:
    """Gives two or three colours the eye's weights of others; not red and blue alone, which is lab 01's mistake."""
    order = [[0, 2, 1], [1, 2, 0]][int(random.integers(2))]
    return lambda photos: prepare(np.ascontiguousarray(photos[..., order]))
