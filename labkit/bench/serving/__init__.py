"""One request through our server and through those that people write in Python: what does it cost the processor?

`server` starts one on a core of its own, `peers/` are the others' programs, `rounds` asks them in turn with one client.

requests per CPU-second   answers in a stretch, over the processor time that the server's processes used in it; a
                          ratio is taken within a round, and its median over the rounds is reported
cnn_vs_...                one image as FP32 JSON over 32 connections; ours with OpenVINO
gpt_vs_...                one forward pass of the writer, 128 characters
pss_..._mb                one process, right after 10 s at 32 connections
ready_s                   from the start of our process to its first line, with OpenVINO; the median of five
"""

import tempfile
from pathlib import Path

from tqdm.auto import tqdm

from labkit.bench.serving import shop
from labkit.bench.serving.footprint import megabytes_after_load, ready_seconds
from labkit.bench.serving.rounds import measured
from labkit.bench.serving.server import OURS, PEERS, Contestant

CNN = {
    "ours_openvino": Contestant(OURS, "openvino"),
    "ours_executorch": Contestant(OURS, "executorch"),
    "fastapi_onnxruntime": Contestant(PEERS, "fastapi_onnxruntime"),
    "fastapi_eager": Contestant(PEERS, "fastapi_eager"),
    "litserve": Contestant(PEERS, "litserve_eager"),
}
GPT = {name: CNN[name] for name in ("ours_openvino", "fastapi_onnxruntime")}
ROUNDS = {"cnn": 5, "gpt": 3}


def measure() -> dict:
    """Rows for every server, model and round, and the summary."""
    with tempfile.TemporaryDirectory(prefix="labkit-") as folder:
        directory = shop.fill(Path(folder))
        with tqdm(total=len(CNN) * ROUNDS["cnn"] + len(GPT) * ROUNDS["gpt"] + 7, desc="serving") as bar:
            cnn = measured(directory, "cnn", CNN, ROUNDS["cnn"], bar)
            gpt = measured(directory, "gpt", GPT, ROUNDS["gpt"], bar)
            memory = {engine: megabytes_after_load(directory, engine, bar) for engine in ("openvino", "executorch")}
            ready = ready_seconds(directory, 5, bar)
    ratios = {f"cnn_vs_{name}": cnn.ratio("ours_openvino", name) for name in list(CNN)[2:]}
    ratios["gpt_vs_fastapi_onnxruntime"] = gpt.ratio("ours_openvino", "fastapi_onnxruntime")
    return {
        "rows": [*cnn.rows, *gpt.rows],
        "summary": {**ratios, **{f"pss_{name}_mb": memory[name] for name in memory}, "ready_s": ready},
    }
