"""The model directory that every server of the bench answers from, and the one request that all of them are asked."""

import json
from pathlib import Path

import numpy as np
import torch

from labkit.data import LABELS
from labkit.models import shipped
from labkit.serving.export import export
from labkit.serving.preprocessing import ImageTagger
from labkit.serving.writing import NextCharacter


def fill(directory: Path) -> Path:
    """Export the classifier as `cnn`, for both of our engines, and the writer as `gpt`."""
    example = torch.zeros(1, 1, 28, 28)
    export(ImageTagger(shipped("cnn")), example, directory, "cnn", LABELS, formats=("onnx", "executorch"))
    writer = NextCharacter(shipped("gpt"))
    passage = torch.zeros(1, writer.writer.config.time, dtype=torch.int64)
    export(writer, passage, directory, "gpt", ranges=writer.ranges)
    return directory


def request(model: str) -> bytes:
    """One row as JSON, as a client without a library would send it."""
    dice = np.random.default_rng(0)
    entry = {
        "cnn": {"name": "image", "shape": [1, 1, 28, 28], "datatype": "FP32"},
        "gpt": {"name": "tokens", "shape": [1, 128], "datatype": "INT64"},
    }[model]
    data = dice.random(784).round(4) if model == "cnn" else dice.integers(0, 80, 128)
    return json.dumps({"inputs": [entry | {"data": data.tolist()}]}).encode()
