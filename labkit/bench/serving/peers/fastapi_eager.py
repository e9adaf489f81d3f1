"""FastAPI and torch: the training notebook's model behind a route."""

import sys

from labkit.bench.serving.peers.eager import infer_with
from labkit.bench.serving.peers.fastapi_app import app_for, serve

if __name__ == "__main__":
    _, _, model = sys.argv
    serve(app_for(model, infer_with(model)))
