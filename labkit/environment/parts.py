"""Which part of the course needs which package, for platforms that have no build of it."""

import importlib.metadata
import re
from pathlib import Path

PARTS = {
    "torch": "training and every lab that runs a model",
    "onnx": "exporting a model (lab 01)",
    "onnxscript": "exporting a model (lab 01)",
    "onnxruntime": "serving the exported model (lab 01)",
    "executorch": "the smallest of the C++ server's engines (lab 01)",
    "torchao": "exporting for the smallest of the C++ server's engines (lab 01)",
    "openvino": "the C++ server's usual engine (lab 01)",
    "cmeel-boost": "the C++ server (lab 01)",
    "cmake": "compiling the C++ server (lab 01)",
    "ninja": "compiling the C++ server (lab 01)",
    "hdrhistogram": "the load generator (lab 01)",
    "litserve": "one row of the bench of servers",
    "schemathesis": "a test of the servers",
    "jsonschema-rs": "a test of the servers",
    "numba": "the compiled CPU kernels (lab 05)",
    "llvmlite": "the compiled CPU kernels (lab 05)",
    "tritonclient": "the example client of the server (lab 01)",
    "geventhttpclient": "the example client of the server (lab 01)",
    "gevent": "the example client of the server (lab 01)",
    "python-rapidjson": "the example client of the server (lab 01)",
    "uvloop": "a faster event loop of the server, which runs without it",
    "httptools": "a faster parser of the server, which runs without it",
    "watchfiles": "nothing that the course uses",
    "argon2-cffi-bindings": "a password for JupyterLab, whose token works without it",
    "playwright": "the browser test",
    "greenlet": "the browser test",
    "rapidfuzz": "nbgrader's hints about misspelt file names",
    "debugpy": "the debugger of JupyterLab",
    "ruff": "the style check of `make test`",
    "hypothesis": "some of the tests",
}


def needed_for(package: str) -> str:
    """The part of the course that goes without when `package` cannot be installed."""
    return PARTS.get(package, "the parts that import it")


def sentence(package: str, version: str) -> str:
    """What a person reads where `package` has no build for this platform."""
    return f"{package} {version} has no build for this platform and Python; without it goes {needed_for(package)}."


def version_of(package: str) -> str:
    """The installed version, or "" where the package is missing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def pins(lock: Path) -> dict[str, list[str]]:
    """The lines of the lock by package; a package has several where its version depends on the Python."""
    lines: dict[str, list[str]] = {}
    for line in lock.read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==", line):
            lines.setdefault(match[1].lower(), []).append(line)
    return lines
