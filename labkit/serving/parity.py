"""Parity: does the artifact answer as the model does?

An export can go wrong without an error: another scale, another order of channels, weights cut short. Only answers show
it. Give it real inputs: on grey ones no swapped channel shows, and on noise every classifier is sure of one label.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from labkit.serving import engines
from labkit.serving.export import evaluated


@dataclass(frozen=True)
class Parity:
    """max_abs_difference: over all float outputs. labels_agree: rows on which all integer outputs are equal."""

    max_abs_difference: float
    labels_agree: int
    rows: int
    ok: bool


def check_parity(
    module: nn.Module, folder: Path, inputs: np.ndarray, atol: float = 1e-5, engine: str = "onnxruntime"
) -> Parity:
    """Compare a torch module with its artifact on `inputs`, which both take as they are, (rows, ...).

    ok: no float output differs by more than `atol`, and every integer output is equal on every row.
    """
    if len(inputs) == 0:
        raise ValueError("parity needs at least one row of input: on none, everything agrees")
    model = engines.load(folder, engine)
    answers = model.infer({model.manifest.inputs[0].name: np.ascontiguousarray(inputs)})
    expected = run_torch(module, inputs)
    shapes, promised = ({name: array.shape for name, array in side.items()} for side in (expected, answers))
    if shapes != promised:
        raise ValueError(f"the module gives {shapes}, and the artifact {promised}: these are two different models")
    # np.max and not max: the gap to a NaN is NaN, and only numpy's maximum keeps it.
    difference = float(np.max([largest_gap(expected[name], answers[name]) for name in expected]))
    agree = np.logical_and.reduce([rows_equal(expected[name], answers[name]) for name in expected])
    # Written so that NaN, which compares as false, is not ok.
    ok = bool(difference <= atol) and bool(agree.all())
    return Parity(difference, int(agree.sum()), len(inputs), ok)


def run_torch(module: nn.Module, inputs: np.ndarray) -> dict[str, np.ndarray]:
    with evaluated(module), torch.inference_mode():
        answers = module(torch.from_numpy(np.ascontiguousarray(inputs)))
    answers = answers if isinstance(answers, tuple) else (answers,)
    names = getattr(module, "outputs", ("output",))
    return {name: answer.numpy() for name, answer in zip(names, answers, strict=True)}


def largest_gap(expected: np.ndarray, answer: np.ndarray) -> float:
    if expected.dtype.kind != "f":
        return 0.0
    return float(np.abs(expected.astype(np.float64) - answer).max())


def rows_equal(expected: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """(rows,) of bool; floats are judged by their gap, so here all of their rows count as equal."""
    if expected.dtype.kind == "f":
        return np.ones(len(expected), bool)
    return (expected == answer).reshape(len(expected), -1).all(axis=1)
