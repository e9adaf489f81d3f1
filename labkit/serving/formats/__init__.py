"""Formats: the files of one artifact, one for each kind of engine. Whichever answers, it is the same module.

    format      file         read by
    onnx        model.onnx   onnxruntime (in Python), openvino (in C++)
    executorch  model.pte    executorch (in C++)
    torch       model.pt2    torch (in Python): what serving costs without a smaller engine

Each is written by a module of this folder from the same `source`, and its packages are imported when it is asked for.
"""

import importlib
import importlib.util
from types import ModuleType

from labkit.errors import WrongUse

FILE_NAMES = {"onnx": "model.onnx", "executorch": "model.pte", "torch": "model.pt2"}


def available() -> tuple[str, ...]:
    """The formats whose packages are installed: ExecuTorch is not built for every platform."""
    return tuple(name for name in FILE_NAMES if importlib.util.find_spec(name))


def writer(name: str) -> ModuleType:
    """The module that writes a format, `write(source) -> Written`.

    Raises WrongUse where there is no such format, or where what it needs is not installed.
    """
    if name not in FILE_NAMES:
        raise WrongUse(f"There is no format '{name}'. Choose among: {', '.join(FILE_NAMES)}.")
    try:
        return importlib.import_module(f"{__name__}.{name}_file")
    except ImportError as error:
        package = (error.name or name).split(".")[0]
        raise WrongUse(
            f"The format {name} needs the package {package}, which cannot be imported: run make env, or, where it has "
            "no build for this platform, choose other formats."
        ) from error
