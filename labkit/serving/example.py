"""The shipped classifier as a model directory: `labkit serve export-example DIR`."""

import json
from pathlib import Path

import torch

from labkit.data import LABELS
from labkit.errors import WrongUse
from labkit.models import shipped, store
from labkit.serving import formats
from labkit.serving.export import export
from labkit.serving.preprocessing import ImageTagger, PhotoTagger

PHOTO_SIZE = 112  # pixels a side


def export_example(directory: Path) -> list[str]:
    """Write `cnn` (a grey image in [0, 1]) and `photo` (an RGB photo), preprocessing inside, and return these names.

    Each is there in every format that can be written on this machine.
    Raises WrongUse where the directory cannot be written.
    """
    classifier = shipped("cnn")
    training = json.loads((store.SHIPPED / "cnn.json").read_text())["run"]
    examples = {
        "cnn": (ImageTagger(classifier), torch.zeros(1, 1, 28, 28)),
        "photo": (PhotoTagger(classifier, PHOTO_SIZE), torch.zeros(1, PHOTO_SIZE, PHOTO_SIZE, 3, dtype=torch.uint8)),
    }
    try:
        for name, (tagger, example) in examples.items():
            export(tagger, example, directory, name, LABELS, training, formats=formats.available())
    except OSError as error:
        raise WrongUse(f"{directory} cannot be written ({error.strerror}). Choose another directory.") from error
    return list(examples)
