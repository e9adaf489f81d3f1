"""One image through the classifier: eager torch against the exported model in onnxruntime, one thread each.

The gain is what a server gets from leaving the training framework at home, before any question of language.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch

from labkit.bench.harness import interleaved, ratio
from labkit.models import probabilities, shipped
from labkit.serving.engines import Model, load
from labkit.serving.example import export_example

BATCHES = (1, 32)  # images a call


def measure() -> dict:
    """Rows for each batch size, and `eager_vs_onnxruntime`: eager's time over onnxruntime's, one image."""
    model = shipped("cnn")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            export_example(Path(folder))
            engine = load(Path(folder) / "cnn")
            rows = [_row(model, engine, batch) for batch in BATCHES]
    finally:
        torch.set_num_threads(threads)
    return {"rows": rows, "summary": {"eager_vs_onnxruntime": rows[0]["ratio"]}}


def _row(model: torch.nn.Module, engine: Model, batch: int) -> dict:
    images = np.random.default_rng(0).random((batch, 1, 28, 28), dtype=np.float32)
    tensor = torch.from_numpy(images)
    timed = interleaved(
        {
            "eager": lambda: probabilities(model, tensor),
            "onnxruntime": lambda: engine.infer({"image": images}, ["probabilities"]),
        }
    )
    milliseconds = {f"{name}_ms": 1000 * timing.median_s for name, timing in timed.items()}
    return {"images": batch, **milliseconds, "ratio": ratio(timed["eager"], timed["onnxruntime"])}
