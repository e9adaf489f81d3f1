"""The Python server: the Open Inference Protocol v2 over REST, with FastAPI.

Follow one request: `infer` reads the body, `protocol.decode` makes arrays of it, the model's engine computes, and
`protocol.encode` makes a body of the answer. Everything before and after is starting, refusing and stopping well.
"""

import asyncio
import signal
import socket
import sys
from pathlib import Path

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from labkit import __version__
from labkit.errors import WrongUse
from labkit.serving import protocol
from labkit.serving.engines import Model, load_all
from labkit.serving.tensors import BadRequest, short

HOST = "127.0.0.1"  # Loopback: a course's server is for its own machine.
BODY_SECONDS = 5  # for a whole request to arrive: a stalled client must not hold its memory for ever
DRAIN_SECONDS = 1.0  # how long an idle connection may still bring a request after SIGTERM


def build_app(directory: Path, engine: str = "onnxruntime") -> FastAPI:
    """The application for every model in a directory. Raises WrongUse where one of them cannot be served."""
    app = FastAPI(openapi_url=None)
    app.state.models = load_all(directory, engine)
    app.state.ready = True
    for model in app.state.models.values():
        warm_up(model)
    add_errors(app)
    add_health(app)
    add_models(app)
    return app


def warm_up(model: Model) -> None:
    """One answer before the first client asks: engines put off some of their work until then."""
    shapes = {tensor: [1 if size == -1 else size for size in tensor.shape] for tensor in model.manifest.inputs}
    model.infer({tensor.name: np.zeros(shape, tensor.dtype) for tensor, shape in shapes.items()})


def add_errors(app: FastAPI) -> None:
    """Whatever goes wrong, the body is {"error": a sentence}, as the protocol has it."""

    @app.exception_handler(BadRequest)
    async def refuse(_: Request, error: BadRequest) -> Response:
        # A client that was cut for being slow still owes bytes, which would be read as its next request.
        headers = {"connection": "close"} if error.status == 408 else None
        return JSONResponse({"error": error.sentence}, error.status, headers)

    @app.exception_handler(HTTPException)
    async def no_such_path(request: Request, error: HTTPException) -> Response:
        sentence = f"{request.method} {request.url.path}: {error.detail}"
        return JSONResponse({"error": sentence}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def our_fault(_: Request, error: Exception) -> Response:
        return JSONResponse({"error": f"the server failed ({type(error).__name__}); its log says where"}, 500)


def add_health(app: FastAPI) -> None:
    @app.get("/v2")
    @app.get("/v2/")
    async def server_metadata() -> dict:
        return {"name": "labkit", "version": __version__, "extensions": ["binary_tensor_data"]}

    @app.get("/v2/health/live")
    async def live() -> dict:
        return {"live": True}

    @app.get("/v2/health/ready")
    async def ready() -> Response:
        return JSONResponse({"ready": app.state.ready}, 200 if app.state.ready else 503)


def add_models(app: FastAPI) -> None:
    def find(name: str, version: str | None) -> Model:
        models = app.state.models
        if name not in models:
            raise BadRequest(f"there is no model '{name}'; this server has {', '.join(models)}", 404)
        if version not in (None, models[name].manifest.version):
            has = models[name].manifest.version
            raise BadRequest(f"there is no version '{version}' of model '{name}'; this server has {has}", 404)
        return models[name]

    @app.get("/v2/models/{name}")
    @app.get("/v2/models/{name}/versions/{version}")
    async def model_metadata(name: str, version: str | None = None) -> dict:
        return describe(find(name, version))

    @app.get("/v2/models/{name}/ready")
    @app.get("/v2/models/{name}/versions/{version}/ready")
    async def model_ready(name: str, version: str | None = None) -> Response:
        find(name, version)
        return JSONResponse({"name": name, "ready": app.state.ready}, 200 if app.state.ready else 503)

    @app.post("/v2/models/{name}/infer")
    @app.post("/v2/models/{name}/versions/{version}/infer")
    async def infer(request: Request, name: str, version: str | None = None) -> Response:
        model = find(name, version)
        return answer(model, await read_body(request), request.headers.get(protocol.HEADER_LENGTH))


def describe(model: Model) -> dict:
    """The model's metadata. `labels` and `range` are ours: the protocol has no place for them."""
    promise = model.manifest

    def listed(tensors) -> list[dict]:
        return [
            {"name": each.name, "datatype": each.datatype, "shape": list(each.shape)}
            | ({"range": list(each.range)} if each.range else {})
            for each in tensors
        ]

    return {
        "name": promise.name,
        "versions": [promise.version],
        "platform": model.platform,
        "inputs": listed(promise.inputs),
        "outputs": listed(promise.outputs),
        "labels": list(promise.labels),
    }


def answer(model: Model, body: bytes, header_length: str | None) -> Response:
    """Decode, infer, encode.

    This runs on the event loop itself: requests are answered one after the other, and a health check waits its turn
    behind them. With one engine on one thread a thread pool would only add the handing over.
    """
    promise = model.manifest
    question = protocol.decode(body, header_length, promise.inputs, promise.outputs)
    arrays = model.infer(question.inputs, list(question.outputs))
    content, json_length = protocol.encode(question, promise.name, promise.version, promise.outputs, arrays)
    if json_length is None:
        return Response(content, media_type="application/json")
    headers = {protocol.HEADER_LENGTH: str(json_length)}
    return Response(content, headers=headers, media_type="application/octet-stream")


async def read_body(request: Request) -> bytes:
    """The whole body, within limits of size and time."""
    if encoding := request.headers.get("content-encoding"):
        raise BadRequest(f"the body has the encoding {short(encoding)}; send it as it is", 415)
    declared = int(request.headers.get("content-length", 0))  # the HTTP parser has seen to it that it is a number
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if max(declared, len(body)) > protocol.MAX_BODY:  # a chunked body declares nothing
                    raise BadRequest(f"the body is larger than {protocol.MAX_BODY} bytes; send fewer rows at once", 413)
    except TimeoutError:
        raise BadRequest(f"the body did not arrive within {BODY_SECONDS} seconds", 408) from None
    except ClientDisconnect:
        raise BadRequest("the client went away before its request was whole") from None  # nobody reads it
    return bytes(body)


class DrainingServer(uvicorn.Server):
    """Uvicorn, which closes idle connections at once when told to stop, and so cuts those about to bring a request."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = sockets[0].getsockname()
        print(f"listening on http://{host}:{port}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """No new connections; the last answer on each old one says `Connection: close`; then uvicorn's own end."""
        self.config.app.state.ready = False
        for server in self.servers:
            server.close()
        self.server_state.default_headers.append((b"connection", b"close"))
        clock = asyncio.get_running_loop().time
        deadline = clock() + DRAIN_SECONDS
        while self.server_state.connections and clock() < deadline:
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)


def run(directory: Path, engine: str = "onnxruntime", port: int = 0) -> None:
    """Serve until SIGTERM or Ctrl-C. Prints one line, `listening on http://127.0.0.1:PORT`, when ready.

    Raises WrongUse where the models cannot be served, or the port is taken.
    """
    # Uvicorn hands the signal on when it has drained: that is a good end, so the status is 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app = build_app(directory, engine)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_keep_alive=60)
    with listen(port) as listener:
        DrainingServer(config).run(sockets=[listener])


def listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a port rests for a minute after its last use
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise WrongUse(f"Port {port} cannot be listened on ({reason}). Choose another; 0 takes a free one.") from None
    return listener
