"""Where the load goes: a server and one of its models, from what a person typed."""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from labkit.errors import WrongUse

DEFAULT_MODEL = "cnn"
MODEL_PATH = re.compile(r"(?P<model>/v2/models/(?P<name>[^/]+)(?:/versions/[^/]+)?)(?:/infer)?/?")
EXAMPLE = "Give one such as http://127.0.0.1:8000 or http://127.0.0.1:8000/v2/models/cnn"


@dataclass(frozen=True)
class Target:
    """A server and a path there: a model's, where its metadata are, or any that a caller asks for."""

    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        """Host and port, as the header `Host` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def model_at(url: str, model: str | None = None) -> Target:
    """The model that a URL names, or `model` of the server there, or `cnn`. Raises WrongUse for anything else."""
    host, port, path = split(url)
    named = MODEL_PATH.fullmatch(path)
    if named is None:
        if path not in ("", "/", "/v2", "/v2/"):
            raise WrongUse(f"{url} is not the address of a server or of a model. {EXAMPLE}.")
        return Target(host, port, f"/v2/models/{quote(model or DEFAULT_MODEL, safe='')}")
    if model not in (None, named["name"]):
        raise WrongUse(f"{url} names the model '{named['name']}', and --model says '{model}'. Say one of the two.")
    return Target(host, port, named["model"])


def path_at(url: str, path: str | None) -> Target:
    """Any path of any server: `path`, or else the one in the URL."""
    host, port, own = split(url)
    return Target(host, port, path or own or "/")


def split(url: str) -> tuple[str, int, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 80
    except ValueError:  # a port that is no number, or a bracket that never closes
        host = None
    if not host or parts.scheme != "http" or parts.query or parts.fragment or not parts.path.isascii() or " " in url:
        raise WrongUse(f"{url} is not the address of a server. {EXAMPLE}.")
    return host, port, parts.path
