"""A client: PyPI's `tritonclient`, which speaks the protocol to any server, and what a shop needs of it."""

import numpy as np
import tritonclient.http as triton

ROWS = 64  # rows in one request; more are sent in several


class Client:
    """Asks one model of a server. Use it from the thread that made it: tritonclient is not safe to share."""

    def __init__(self, url: str, model: str = "cnn"):
        self.model = model
        self.server = triton.InferenceServerClient(url.removeprefix("http://"))
        promise = self.server.get_model_metadata(model)
        self.input = promise["inputs"][0]
        self.labels = promise.get("labels", [])

    def tag(self, rows: np.ndarray, binary: bool = True) -> tuple[list[str], np.ndarray]:
        """The label and the probabilities (rows, classes) of each row.

        rows: what the model takes, (batch, ...); a single one without its batch dimension is taken too.
        binary: raw bytes on the wire; otherwise JSON, as a client without a library would send.
        """
        if rows.ndim == len(self.input["shape"]) - 1:
            rows = rows[None]
        answers = [self._ask(rows[start : start + ROWS], binary) for start in range(0, len(rows), ROWS)]
        labels, probabilities = (np.concatenate(parts) for parts in zip(*answers, strict=True))
        return [self.labels[index] for index in labels], probabilities

    def _ask(self, rows: np.ndarray, binary: bool) -> tuple[np.ndarray, np.ndarray]:
        question = triton.InferInput(self.input["name"], list(rows.shape), self.input["datatype"])
        question.set_data_from_numpy(rows, binary_data=binary)
        wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("label", "probabilities")]
        answer = self.server.infer(self.model, [question], outputs=wanted)
        return answer.as_numpy("label"), answer.as_numpy("probabilities")

    def close(self) -> None:
        self.server.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
