"""The Open Inference Protocol v2 over REST: bytes to arrays, and arrays to bytes. No web framework in sight.

A request is a JSON object. With the binary tensor data extension, raw tensors follow it in the same body, in the order
of the inputs, and the header `Inference-Header-Content-Length` says where the JSON ends:

    {"inputs": [{"name": "image", "shape": [1, 1, 28, 28], "datatype": "FP32",
                 "parameters": {"binary_data_size": 3136}}]} <3136 bytes>

github.com/kserve/open-inference-protocol; Triton's `extension_binary_data.md` for the extension.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labkit.serving.tensors import BadRequest, Tensor, short

HEADER_LENGTH = "Inference-Header-Content-Length"
MAX_BODY = 16 * 2**20  # bytes: 256 photos as binary data

# Parameters of extensions that change what the answer means. To ignore them would be to answer another question.
UNSUPPORTED = {"shared_memory_region": "shared memory", "classification": "classification"}
JSON_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "true or false", int: "an integer"}


@dataclass(frozen=True)
class Request:
    """A question understood. inputs: arrays by name. outputs: which are wanted, and whether each as raw bytes."""

    inputs: dict[str, np.ndarray]
    outputs: dict[str, bool]
    id: str | None = None


def decode(body: bytes, header_length: str | None, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Request:
    """Read a request for a model with these inputs and outputs. Raises BadRequest for whatever does not fit."""
    text, binary = split(body, header_length)
    message = parse(text)
    identity = field(message, "id", str, "the request", optional=True)
    return Request(read_inputs(message, binary, inputs), read_outputs(message, outputs), identity)


def split(body: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    """The JSON text of a body, and the raw tensors behind it."""
    if header_length is None:
        return body, b""
    if not (header_length.isascii() and header_length.isdigit()) or len(header_length) > 19:
        raise BadRequest(f"{HEADER_LENGTH} is {short(header_length)}; it must be a number of bytes")
    end = int(header_length)
    if end > len(body):
        raise BadRequest(f"{HEADER_LENGTH} is {end}, but the body has {len(body)} bytes")
    return body[:end], body[end:]


def parse(text: bytes) -> dict:
    """The JSON object in `text`; NaN and Infinity, which Python would read, are not JSON."""
    try:
        message = json.loads(text, parse_constant=refuse_constant)
    except RecursionError:
        raise BadRequest("the request is nested too deeply") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the request is not JSON: {error}") from None
    except ValueError:  # an integer of thousands of digits, which would take Python long to read
        raise BadRequest("the request holds a number too large to compute with") from None
    if type(message) is not dict:
        raise BadRequest("the request is not a JSON object")
    return message


def refuse_constant(_: str) -> None:
    raise BadRequest("the request holds NaN or Infinity, which is neither JSON nor a number to compute with")


def field(owner: dict, key: str, kind: type, where: str, optional: bool = False):
    """`owner[key]`, which must be exactly of this kind (a bool is no int); None where it is optional and missing."""
    if key not in owner:
        if optional:
            return None
        raise BadRequest(f"{where} has no '{key}'")
    if type(owner[key]) is not kind:
        raise BadRequest(f"'{key}' of {where} must be {JSON_NAMES[kind]}, not {short(owner[key])}")
    return owner[key]


def parameters_of(owner: dict, where: str) -> dict:
    parameters = field(owner, "parameters", dict, where, optional=True) or {}
    for name, extension in UNSUPPORTED.items():
        if name in parameters:
            raise BadRequest(f"{where} asks for the {extension} extension, which this server does not speak")
    return parameters


def named(message: dict, key: str, known: Sequence[Tensor], optional: bool = False) -> dict[str, dict]:
    """The objects in the array `message[key]` by their names, each known and none twice."""
    kind = key.removesuffix("s")
    found = {}
    for entry in field(message, key, list, "the request", optional) or []:
        if type(entry) is not dict:
            raise BadRequest(f"each of '{key}' must be an object, not {short(entry)}")
        name = field(entry, "name", str, f"an {kind}")
        if name not in [tensor.name for tensor in known]:
            raise BadRequest(f"there is no {kind} {short(name)}; this model has {names_of(known)}")
        if name in found:
            raise BadRequest(f"{kind} '{name}' is given twice")
        found[name] = entry
    return found


def names_of(tensors: Sequence[Tensor]) -> str:
    return ", ".join(f"'{tensor.name}'" for tensor in tensors)


def read_inputs(message: dict, binary: bytes, known: Sequence[Tensor]) -> dict[str, np.ndarray]:
    entries = named(message, "inputs", known)
    tensors = {tensor.name: tensor for tensor in known}
    if missing := [tensor for tensor in known if tensor.name not in entries]:
        raise BadRequest(f"the request lacks input {names_of(missing)}")
    arrays = {}
    for name, entry in entries.items():  # in the order of the request, which is the order of the raw tensors
        arrays[name], binary = read_input(entry, binary, tensors[name])
    if binary:
        raise BadRequest(f"{len(binary)} bytes follow the last input's binary data")
    if len({array.shape[0] for name, array in arrays.items() if tensors[name].shape[:1] == (-1,)}) > 1:
        raise BadRequest("the inputs have different numbers of rows")
    return arrays


def read_input(entry: dict, binary: bytes, tensor: Tensor) -> tuple[np.ndarray, bytes]:
    """One input as an array, and the raw bytes that it left for the inputs behind it."""
    where = f"input '{tensor.name}'"
    datatype = field(entry, "datatype", str, where)
    if datatype != tensor.datatype:
        raise BadRequest(f"{where} has datatype {short(datatype)}; this model takes {tensor.datatype}")
    shape = field(entry, "shape", list, where)
    tensor.check_shape(shape)
    size = field(parameters_of(entry, where), "binary_data_size", int, where, optional=True)
    if size is None:
        return tensor.from_json(field(entry, "data", list, where), shape), binary
    if "data" in entry:
        raise BadRequest(f"{where} has both 'data' and 'binary_data_size'; send one")
    if not 0 <= size <= len(binary):
        raise BadRequest(
            f"'binary_data_size' of {where} is {short(size)}, but {len(binary)} bytes are left in the body"
        )
    return tensor.from_bytes(binary[:size], shape), binary[size:]


def read_outputs(message: dict, known: Sequence[Tensor]) -> dict[str, bool]:
    """Which outputs are wanted, all where none is named, and whether each is wanted as raw bytes."""
    general = parameters_of(message, "the request")
    by_default = bool(field(general, "binary_data_output", bool, "the request", optional=True))
    wanted = {}
    for name, entry in named(message, "outputs", known, optional=True).items():
        where = f"output '{name}'"
        own = field(parameters_of(entry, where), "binary_data", bool, where, optional=True)
        wanted[name] = by_default if own is None else own
    return wanted or {tensor.name: by_default for tensor in known}


def encode(
    request: Request, model: str, version: str, outputs: Sequence[Tensor], arrays: Mapping[str, np.ndarray]
) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of its JSON where raw tensors follow it (None: it is all JSON).

    outputs: what the model has, in the order in which the answer holds them. arrays: what the engine computed.
    """
    answer: dict = {"model_name": model, "model_version": version}
    if request.id is not None:
        answer["id"] = request.id
    answer["outputs"] = []
    binary = []
    for tensor in outputs:
        if tensor.name not in request.outputs:
            continue
        array = np.ascontiguousarray(arrays[tensor.name], tensor.dtype)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadRequest(f"the model answered with NaN or infinity in '{tensor.name}'", 500)
        entry: dict = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(array.shape)}
        if request.outputs[tensor.name]:
            binary.append(array.tobytes())
            entry["parameters"] = {"binary_data_size": array.nbytes}
        else:
            entry["data"] = array.ravel().tolist()
        answer["outputs"].append(entry)
    text = json.dumps(answer, separators=(",", ":"), allow_nan=False).encode()
    return text + b"".join(binary), len(text) if binary else None
