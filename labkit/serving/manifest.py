"""The manifest: what an artifact promises, beside the artifact.

    shop/                     a model directory, what a server is given
      cnn/
        manifest.json         names, shapes, labels, hashes, and the training run that it came from
        model.onnx            the graph and its weights; another engine's format lies beside it (`formats`)
      photo/ ...

A server that starts with the wrong weights answers as readily as one with the right ones. So every file is named with
its size and SHA-256, and nothing is loaded that does not match.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from labkit.errors import WrongUse
from labkit.serving.tensors import DATATYPES, Tensor

FILE_NAME = "manifest.json"
AGAIN = "Export the model again, or copy the whole folder again."


@dataclass(frozen=True)
class File:
    """One format of the model: a file beside the manifest. max_rows: what one call can have at most; 0: any number."""

    name: str
    sha256: str
    bytes: int
    max_rows: int = 0


@dataclass(frozen=True)
class Manifest:
    """files: by format, `onnx` first of all. labels: the names of the classes, in order of their index."""

    name: str
    version: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    labels: tuple[str, ...]
    files: dict[str, File]
    training: dict = field(default_factory=dict)
    created_by: str = ""


def describe(name: str, content: bytes, max_rows: int = 0) -> File:
    """The entry of a file with this content in the manifest beside it."""
    return File(name, hashlib.sha256(content).hexdigest(), len(content), max_rows)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(manifest: Manifest, folder: Path, contents: Mapping[str, bytes] | None = None) -> None:
    """Write a manifest, and before it the files that it names. contents: these files' bytes, by their names.

    Nothing is replaced until everything is written: what fails on the way, as on a full disk, leaves the old model. The
    manifest comes last, so that what is cut off between two files is refused by its hashes, and not served.
    """
    contents = dict(contents or {}) | {FILE_NAME: as_json(manifest)}
    drafts = {name: folder / f".{name}.{os.getpid()}" for name in contents}
    try:
        for name, draft in drafts.items():
            draft.write_bytes(contents[name])
        for name, draft in drafts.items():
            draft.replace(folder / name)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def as_json(manifest: Manifest) -> bytes:
    return json.dumps(asdict(manifest, dict_factory=spare), indent=2, allow_nan=False).encode() + b"\n"


def spare(fields: list[tuple[str, object]]) -> dict:
    """What says nothing is not written."""
    return {name: value for name, value in fields if (name, value) not in (("range", None), ("max_rows", 0))}


def read(folder: Path) -> Manifest:
    """The manifest of one model, with every file of it checked.

    Raises WrongUse with a sentence for whatever is missing, malformed, truncated or altered.
    """
    folder = Path(folder)
    manifest = parse(folder / FILE_NAME)
    if manifest.name != folder.resolve().name:
        raise WrongUse(f"The folder {folder} holds the manifest of '{manifest.name}'. Give both the same name.")
    for file in manifest.files.values():
        check_file(folder / file.name, file)
    return manifest


def parse(path: Path) -> Manifest:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUse(
            f"{path} cannot be read ({error.strerror}). A model is a folder with its manifest. {AGAIN}"
        ) from None
    except ValueError as error:
        raise WrongUse(f"{path} is not JSON: {error}. {AGAIN}") from None
    try:
        return from_dict(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fault = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else str(error)
        raise WrongUse(f"{path} is not a manifest: {fault}. {AGAIN}") from None


def from_dict(content: dict) -> Manifest:
    """A Manifest from its JSON form; KeyError, TypeError or ValueError where that is not one."""
    return Manifest(
        name=text(content["name"]),
        version=text(content["version"]),
        inputs=tuple(tensor(entry) for entry in content["inputs"]),
        outputs=tuple(tensor(entry) for entry in content["outputs"]),
        labels=tuple(text(label) for label in content["labels"]),
        files={text(kind): file(entry) for kind, entry in content["files"].items()},
        training=dict(content.get("training", {})),
        created_by=text(content.get("created_by", "")),
    )


def text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def tensor(entry: dict) -> Tensor:
    if entry["datatype"] not in DATATYPES:
        raise ValueError(f"the datatype {entry['datatype']!r} is none of {', '.join(DATATYPES)}")
    if not all(type(size) is int and (size == -1 or size > 0) for size in entry["shape"]):
        raise ValueError(f"the shape {entry['shape']!r} is not a list of sizes, with -1 for the batch")
    limits = None if entry.get("range") is None else tuple(entry["range"])
    return Tensor(text(entry["name"]), entry["datatype"], tuple(entry["shape"]), limits)


def file(entry: dict) -> File:
    # A manifest comes with the model, from wherever that came: it must not point outside of its own folder.
    if Path(text(entry["name"])).name != entry["name"]:
        raise ValueError(f"the file {entry['name']!r} is not a name in the same folder")
    most = entry.get("max_rows", 0)
    if type(most) is not int or most < 0:
        raise ValueError(f"the max_rows {most!r} of the file {entry['name']!r} is not a number of rows")
    return File(entry["name"], text(entry["sha256"]), int(entry["bytes"]), most)


def check_file(path: Path, promised: File) -> None:
    if not path.is_file():
        raise WrongUse(f"{path} is missing, and the manifest names it. {AGAIN}")
    size = path.stat().st_size
    if size != promised.bytes:
        raise WrongUse(f"{path} has {size} bytes and should have {promised.bytes}: it is not whole. {AGAIN}")
    if sha256(path) != promised.sha256:
        raise WrongUse(f"{path} is not the file that was exported: its SHA-256 differs. {AGAIN}")
