"""What a process carries when it answers: memory and seconds, step by step, in one fresh process.

    grown = memory_after_each(["python", "numpy", "torch", "model", "first answer"])
    grown["torch"], grown.total, grown.model, grown.seconds["torch"]

Memory is the resident set: every page that the process holds, shared with others or not.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STEPS = ("python", "numpy", "torch", "onnxruntime", "model", "first answer")


@dataclass(frozen=True)
class Footprint(Mapping):
    """A mapping from step to the process's MB (10**6 bytes) after it. seconds: what each step took by itself."""

    megabytes: dict[str, float]
    seconds: dict[str, float]

    def __getitem__(self, step: str) -> float:
        return self.megabytes[step]

    def __iter__(self) -> Iterator[str]:
        return iter(self.megabytes)

    def __len__(self) -> int:
        return len(self.megabytes)

    @property
    def total(self) -> float:
        """MB after the last step."""
        return self.megabytes[list(self)[-1]]

    @property
    def model(self) -> float:
        """MB that the step `model` added: the weights, and what is built around them to run them."""
        before = list(self)[list(self).index("model") - 1]
        return self["model"] - self[before]


def memory_after_each(steps: Sequence[str], source: Path | None = None) -> Footprint:
    """Take the steps in one fresh process, and read its memory after each.

    steps: names of STEPS in their order, with `torch` or `onnxruntime` as what runs the model.
    source: for torch, a checkpoint (`.safetensors`; the shipped one if None); for onnxruntime, the model's folder.
    """
    check(steps, source)
    command = [sys.executable, "-m", "labkit.serving.footprint", str(source or ""), str(time.time()), *steps]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"The measured process failed: {done.stderr.strip()}")
    return Footprint(**json.loads(done.stdout))


def check(steps: Sequence[str], source: Path | None) -> None:
    """Refuse what cannot be measured, before a process is started for it."""
    if not steps or list(steps) != [step for step in STEPS if step in steps]:
        raise ValueError(f"the steps are {', '.join(STEPS)}, in this order; not {', '.join(map(str, steps))}")
    engines = [step for step in ("torch", "onnxruntime") if step in steps]
    if "first answer" in steps and "model" not in steps:
        raise ValueError("the first answer needs the step 'model' before it")
    if "model" in steps and len(engines) != 1:
        raise ValueError("the step 'model' needs one of 'torch' and 'onnxruntime' before it, and not both")
    if "model" in steps and engines == ["onnxruntime"] and source is None:
        raise ValueError("for onnxruntime, give the folder of the exported model as the second argument")


def resident_mb() -> float:
    """The memory of this process in MB (10**6 bytes): its resident set, what it would fill on a box of its own.

    Not the proportional set: the notebook that asks has torch loaded too, and would be counted for half of it.
    """
    try:
        resident = int(Path("/proc/self/statm").read_text().split()[1])  # pages
        return resident * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:  # no /proc, as on macOS; psutil itself then counts for a few MB
        import psutil

        return psutil.Process().memory_info().rss / 1e6


def taken(steps: Sequence[str], source: Path | None, began: float) -> Footprint:
    """Take the steps in this process. began: when it was started, of `time.time()`."""
    megabytes, seconds = {}, {}
    answer: Callable[[], object] | None = None
    for step in steps:
        if step in ("numpy", "torch", "onnxruntime"):
            __import__(step)
        elif step == "model":
            answer = from_torch(source) if "torch" in steps else from_artifact(source)
        elif step == "first answer":
            answer()
        seconds[step] = time.time() - began
        megabytes[step] = resident_mb()
        began = time.time()  # reading the memory is not part of the next step
    return Footprint(megabytes, seconds)


def from_torch(source: Path | None) -> Callable[[], object]:
    """One answer of the checkpoint, eagerly."""
    import torch

    from labkit.models import Cnn, shipped, store

    model: Cnn = store.read(source.parent, source.stem) if source else shipped("cnn")
    image = torch.zeros(1, 1, 28, 28)

    @torch.inference_mode()
    def answer() -> object:
        return model(image)

    return answer


def from_artifact(source: Path) -> Callable[[], object]:
    """One answer of the exported model."""
    import numpy as np

    from labkit.serving import engines

    model = engines.load(source)
    (promise,) = model.manifest.inputs
    row = np.zeros([1 if size == -1 else size for size in promise.shape], promise.dtype)
    return lambda: model.infer({promise.name: row})


def main() -> None:
    """The measured process: the steps as arguments, one JSON object on standard output."""
    source, began, *steps = sys.argv[1:]
    done = taken(steps, Path(source) if source else None, float(began))
    print(json.dumps({"megabytes": done.megabytes, "seconds": done.seconds}))


if __name__ == "__main__":
    main()
