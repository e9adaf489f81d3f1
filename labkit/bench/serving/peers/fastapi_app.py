"""What the two FastAPI peers share: the body as Pydantic models, uvicorn with its quick loop and parser."""

import socket
from collections.abc import Callable

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Question(BaseModel):
    inputs: list[Tensor]


def array_of(tensor: Tensor) -> np.ndarray:
    return np.array(tensor.data, np.float32 if tensor.datatype == "FP32" else np.int64).reshape(tensor.shape)


def app_for(model: str, infer: Callable[[np.ndarray], dict[str, np.ndarray]]) -> FastAPI:
    app = FastAPI()

    @app.post(f"/v2/models/{model}/infer")
    async def answer(question: Question) -> dict:
        outputs = infer(array_of(question.inputs[0]))
        return {
            "model_name": model,
            "outputs": [
                {"name": name, "shape": list(array.shape), "data": array.ravel().tolist()}
                for name, array in outputs.items()
            ],
        }

    return app


def serve(app: FastAPI) -> None:
    """On a free port of this machine, until it is told to stop."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("listening on http://{}:{}".format(*listener.getsockname()), flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])
