"""The course's data, and the one way to get at it.

garments = fashion("train")          # garments.images uint8 (n, 28, 28), garments.labels int64 (n,), garments.names
shots = photos(112, "test")          # shots[i] uint8 RGB (112, 112, 3), shots[0:64], shots.jpeg(i), shots.labels
images, labels = prepared("train")   # what the classifier learns from, uint8 (2n, 1, 28, 28)
Batches(images, labels, 64)[step]    # float32 in [0, 1], int64
plays(), encode(text), decode(tokens), Passages(tokens)[step]
"""

from labkit.data.batches import Batches, Passages
from labkit.data.camera import Photos, open_jpeg, photos
from labkit.data.garments import LABELS, Garments, fashion
from labkit.data.preparation import prepare, prepare_all, prepared
from labkit.data.text import alphabet, decode, encode, plays

__all__ = [
    "LABELS",
    "Batches",
    "Garments",
    "Passages",
    "Photos",
    "alphabet",
    "decode",
    "encode",
    "fashion",
    "open_jpeg",
    "photos",
    "plays",
    "prepare",
    "prepare_all",
    "prepared",
]
