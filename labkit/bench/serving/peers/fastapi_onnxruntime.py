"""FastAPI and onnxruntime: the exported file, in Python."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

from labkit.bench.serving.peers.fastapi_app import app_for, serve


def main(directory: str, model: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    path = Path(directory) / model / "model.onnx"
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (input_,) = (each.name for each in session.get_inputs())
    outputs = [each.name for each in session.get_outputs()]

    def infer(rows: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(outputs, session.run(outputs, {input_: rows}), strict=True))

    serve(app_for(model, infer))


if __name__ == "__main__":
    main(*sys.argv[1:])
