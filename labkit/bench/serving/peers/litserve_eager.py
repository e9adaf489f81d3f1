"""LitServe and torch: a serving framework with a worker process, as its first example has it."""

import socket
import sys
import threading
import time
import urllib.request

import litserve
import numpy as np

from labkit.bench.serving.peers.eager import infer_with


class Api(litserve.LitAPI):
    def __init__(self, model: str):
        super().__init__(api_path=f"/v2/models/{model}/infer")
        self.name = model

    def setup(self, device: str) -> None:
        self.infer = infer_with(self.name)

    def decode_request(self, request: dict) -> np.ndarray:
        tensor = request["inputs"][0]
        return np.array(tensor["data"], np.float32 if tensor["datatype"] == "FP32" else np.int64).reshape(
            tensor["shape"]
        )

    def predict(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return self.infer(rows)

    def encode_response(self, outputs: dict[str, np.ndarray]) -> dict:
        return {
            "model_name": self.name,
            "outputs": [
                {"name": name, "shape": list(array.shape), "data": array.ravel().tolist()}
                for name, array in outputs.items()
            ],
        }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def say_when_ready(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=1) as answer:
                if answer.status == 200:
                    break
        except OSError:  # not yet
            pass
        time.sleep(0.05)
    print(f"listening on {url}", flush=True)


def main(_: str, model: str) -> None:
    port = free_port()
    threading.Thread(target=say_when_ready, args=(port,), daemon=True).start()
    server = litserve.LitServer(Api(model), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=port, log_level="warning", generate_client_file=False, access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
