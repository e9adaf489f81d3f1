"""What to ask: bodies made up from a model's own description of its inputs.

An input may carry a "range": [low, high], both included; without one a float lies in [0, 1], a UINT8 in 0..255, and any
other integer is 0 or 1, which is a token of every vocabulary.
"""

import http.client
import json

import numpy as np

from labkit.errors import WrongUse
from labkit.serving.load.target import Target
from labkit.serving.protocol import HEADER_LENGTH
from labkit.serving.tensors import DATATYPES

BODIES = 16  # different ones, asked in turn: enough that no server answers all of them from one cached line
MEMORY = 64 * 2**20  # bytes for all of them; one there is in any case
DECIMALS = 4  # of a float: a grey value out of 256 needs no more, and a client would send no more
START = "Start a server with `labkit serve run DIR`, and give the URL that it prints."


def requests(target: Target, rows: int, binary: bool, seed: int, timeout: float) -> list[bytes]:
    """Whole HTTP requests for a model, seeded. Raises WrongUse where there is no such server or no such model."""
    inputs = describe(target, timeout)
    random = np.random.default_rng([seed, 1])  # 0 is the arrivals': the two must not move together
    first = question(target, inputs, rows, binary, random)
    others = min(BODIES, MEMORY // len(first)) - 1
    return [first, *(question(target, inputs, rows, binary, random) for _ in range(others))]


def describe(target: Target, timeout: float) -> list[dict]:
    """The inputs in the model's metadata, checked."""
    status, content = fetch(target, timeout)
    try:
        metadata = json.loads(content)
        wrong = f"answered {status}: {metadata['error']}" if status != 200 else ""
        inputs = [] if wrong else [numeric(entry) for entry in metadata["inputs"]]
    except WrongUse:
        raise
    except (ValueError, KeyError, TypeError, OverflowError):
        inputs, wrong = [], ""
    name = target.path.split("/")[3]
    if wrong:
        raise WrongUse(f"The server at {target.netloc} has no model '{name}' ({wrong}). Choose another with --model.")
    if not inputs:
        raise WrongUse(
            f"The server at {target.netloc} does not describe its model '{name}' as the Open Inference Protocol has it "
            f"(it answered {status} to GET {target.path}). {START}"
        )
    return inputs


def fetch(target: Target, timeout: float) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(target.host, target.port, timeout=timeout)
    try:
        connection.request("GET", target.path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise WrongUse(f"The server at {target.netloc} cannot be reached ({reason}). {START}") from None
    finally:
        connection.close()


def numeric(entry: dict) -> dict:
    """An input's metadata for which a row can be made up; ValueError, KeyError, TypeError or OverflowError otherwise.

    Raises WrongUse for a datatype that is not numbers.
    """
    if entry["datatype"] not in DATATYPES:
        raise WrongUse(
            f"Input '{entry['name']}' is of {entry['datatype']}, which cannot be made up. Choose another model."
        )
    made_up(entry, 1, np.random.default_rng(0))
    return entry


def limits(entry: dict) -> tuple[float, float]:
    """The smallest and the largest number that an input may be given."""
    low, high = entry.get("range") or (0, 255 if entry["datatype"] == "UINT8" else 1)
    return low, high


def made_up(entry: dict, rows: int, random: np.random.Generator) -> np.ndarray:
    """An array for one input; -1 in its shape is the batch."""
    dtype = DATATYPES[entry["datatype"]]
    shape = [rows if size == -1 else size for size in entry["shape"]]
    low, high = limits(entry)
    if dtype.kind == "f":
        return random.uniform(low, high, shape).round(DECIMALS).astype(dtype)
    return random.integers(low, high, shape, dtype.newbyteorder("="), endpoint=True)


def question(target: Target, inputs: list[dict], rows: int, binary: bool, random: np.random.Generator) -> bytes:
    """One whole request, as JSON or with raw tensors behind the JSON."""
    entries, raw = [], b""
    for described in inputs:
        array = made_up(described, rows, random)
        entry = {"name": described["name"], "shape": list(array.shape), "datatype": described["datatype"]}
        if binary:
            raw += array.tobytes()
            entry["parameters"] = {"binary_data_size": array.nbytes}
        else:
            entry["data"] = flat(array)
        entries.append(entry)
    message = {"parameters": {"binary_data_output": True}, "inputs": entries} if binary else {"inputs": entries}
    text = json.dumps(message, separators=(",", ":")).encode()
    headers = {HEADER_LENGTH: len(text)} if binary else {}
    return post(target, f"{target.path}/infer", text + raw, headers)


def flat(array: np.ndarray) -> list:
    # Through float64 and rounded again: a float32 of 0.1 would be written as 0.10000000149011612.
    return array.ravel().astype(float).round(DECIMALS).tolist() if array.dtype.kind == "f" else array.ravel().tolist()


def post(target: Target, path: str, body: bytes, headers: dict[str, object] | None = None) -> bytes:
    """The bytes of a POST, headers and body in one: nothing is left to do when it is sent."""
    lines = {"Host": target.netloc, "Content-Type": "application/json", "Content-Length": len(body)} | (headers or {})
    if HEADER_LENGTH in lines:
        lines["Content-Type"] = "application/octet-stream"
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body
