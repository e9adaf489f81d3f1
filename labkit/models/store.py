"""Trained models: those that the course ships, and the student's own, which later labs serve, steal, mark and scale."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from labkit.errors import WrongUse
from labkit.home import home
from labkit.models.cnn import Cnn
from labkit.models.gpt import Gpt, GptConfig

SHIPPED = Path(__file__).parent / "files"


def shipped(name: str) -> nn.Module:
    """The course's own trained model, `cnn` or `gpt`, ready to answer."""
    return read(SHIPPED, _known(name))


def mine(name: str) -> nn.Module:
    """The student's own trained model, `cnn` or `gpt`; the shipped one for who skipped the lab that trains it."""
    return read(_mine() if is_mine(name) else SHIPPED, name)


def is_mine(name: str) -> bool:
    """Whether the student has trained this model. Raises WrongUse for a name that the course does not know."""
    return (_mine() / f"{_known(name)}.json").is_file()


def keep(name: str, model: nn.Module, run: dict) -> None:
    """Keep the student's trained model for the later labs. run: how it was trained, for its manifest."""
    write(_mine(), _known(name), model, run)


def run_of(name: str) -> dict:
    """How the model that `mine` gives was trained."""
    folder = _mine() if is_mine(name) else SHIPPED
    return json.loads((folder / f"{name}.json").read_text())["run"]


def write(folder: Path, name: str, model: nn.Module, run: dict) -> None:
    """Write `name.safetensors`, then `name.json`: the description appears only beside whole weights."""
    folder.mkdir(parents=True, exist_ok=True)
    weights, description = folder / f"{name}.safetensors", folder / f"{name}.json"
    partial = folder / f".{name}-{os.getpid()}"
    save_file(model.state_dict(), partial)
    partial.replace(weights)
    config = asdict(model.config) if isinstance(model, Gpt) else {}
    partial.write_text(json.dumps({"config": config, "run": run}, indent=2) + "\n")
    partial.replace(description)


def read(folder: Path, name: str) -> nn.Module:
    """The model that `write` wrote. Raises WrongUse where the file is damaged."""
    try:
        config = json.loads((folder / f"{name}.json").read_text())["config"]
        model = Gpt(GptConfig(**config)) if name == "gpt" else Cnn()
        model.load_state_dict(load_file(folder / f"{name}.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise WrongUse(
            f"The trained model {name} in {folder} cannot be read: {str(error).splitlines()[0]} "
            f"({type(error).__name__}). Delete {name}.json there to go on with the course's own, or train it again."
        ) from error
    return model.eval()


def _mine() -> Path:
    return home() / "models"


def _known(name: str) -> str:
    if name not in ("cnn", "gpt"):
        raise WrongUse(f"The course has no model {name!r}: ask for 'cnn', the classifier, or 'gpt', the writer.")
    return name
