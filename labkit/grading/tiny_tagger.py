"""Problem set 01: a tagger of one layer, small enough to be recomputed in a test, with mistakes to plant into it.

photos: uint8 RGB (n, 8, 8, 3). A photo is scaled to [-0.5, 0.5], flattened in the order row, column, channel, and
multiplied with one matrix.
"""

import io

import numpy as np

SIDE = 8  # pixels a side
LABELS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_random = np.random.default_rng(1936)  # the year of the first colour film for everybody; any number would do
WEIGHT = _random.normal(0, 0.4, (SIDE * SIDE * 3, len(LABELS))).astype(np.float32)
BIAS = _random.normal(0, 0.1, len(LABELS)).astype(np.float32)

MISTAKES = ("wrong layout", "wrong scale", "swapped channels", "swapped labels", "truncated weights")


def tag(photos: np.ndarray, mistake: str = "", swapped: tuple[int, int] = (0, 1)) -> dict[str, np.ndarray]:
    """The answers: probabilities float32 (n, 10), label: str (n,).

    mistake: one of MISTAKES, or "other rounding", which is none: the same sums in another order.
    swapped: the two indices that "swapped labels" exchanges.
    """
    weight, names = WEIGHT, list(LABELS)
    if mistake == "wrong layout":  # columns are read as rows
        photos = photos.transpose(0, 2, 1, 3)
    if mistake == "swapped channels":  # blue first, as OpenCV has it
        photos = photos[..., ::-1]
    if mistake == "truncated weights":  # the last quarter of the file never arrived
        weight = np.where(np.arange(len(WEIGHT))[:, None] < 0.75 * len(WEIGHT), WEIGHT, np.float32(0))
    if mistake == "swapped labels":
        names[swapped[0]], names[swapped[1]] = names[swapped[1]], names[swapped[0]]
    flat = photos.reshape(len(photos), -1).astype(np.float32) / 255
    if mistake == "wrong scale":  # two people who both remembered to divide
        flat = flat / 255
    order = slice(None, None, -1) if mistake == "other rounding" else slice(None)
    probabilities = softmax((flat - np.float32(0.5))[:, order] @ weight[order] + BIAS)
    return {"probabilities": probabilities, "label": np.array(names)[probabilities.argmax(-1)]}


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def pool(random: np.random.Generator, kinds: list[str]) -> np.ndarray:
    """A photo of each kind, (n, 8, 8, 3): "coloured", "grey", "purple" (red equals blue), "mirrored" (equals its own
    transpose), "plain" (one colour) or "black"."""
    photos = random.integers(0, 256, (len(kinds), SIDE, SIDE, 3), dtype=np.uint8)
    for photo, kind in zip(photos, kinds, strict=True):
        if kind == "grey":
            photo[..., :] = photo[..., :1]
        elif kind == "purple":
            photo[..., 2] = photo[..., 0]
        elif kind == "mirrored":
            photo[:] = np.where(np.tri(SIDE, dtype=bool)[..., None], photo, photo.transpose(1, 0, 2))
        elif kind == "plain":
            photo[:] = photo[0, 0]
        elif kind == "black":
            photo[:] = 0
    return photos


def as_file(array: np.ndarray) -> bytes:
    """The bytes of a .npy file: NumPy's own format, which carries its datatype and shape."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
