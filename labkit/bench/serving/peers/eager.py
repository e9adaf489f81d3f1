"""The same models as they were trained: torch, eagerly, one thread."""

from collections.abc import Callable

import numpy as np
import torch

from labkit.models import shipped
from labkit.serving.preprocessing import ImageTagger
from labkit.serving.writing import NextCharacter


def infer_with(model: str) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    torch.set_num_threads(1)
    module = {"cnn": ImageTagger, "gpt": NextCharacter}[model](shipped(model)).eval()

    @torch.inference_mode()
    def infer(rows: np.ndarray) -> dict[str, np.ndarray]:
        answers = module(torch.from_numpy(rows))
        answers = answers if isinstance(answers, tuple) else (answers,)
        return {name: answer.numpy() for name, answer in zip(module.outputs, answers, strict=True)}

    return infer
