"""What does not fit is refused with a sentence that names it, by every op and for every array it takes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from labkit import kernels
from labkit.kernels.jit import Door
from tests.kernels.rows import draw

ROWS, COLS = 6, 40


def block(seed):
    return draw(seed, ROWS, COLS)


def line(seed):
    return draw(seed, COLS)


@dataclass(frozen=True)
class Op:
    """A public call, arguments that fit, and how many results of which shape it writes to `out`."""

    call: Callable
    arguments: dict[str, np.ndarray]
    results: tuple[tuple, ...]

    def outputs(self) -> tuple[np.ndarray, ...]:
        return tuple(np.empty(shape, np.float32) for shape in self.results)

    def run(self, outputs=None, **changed):
        out = outputs if outputs is None or len(self.results) > 1 else outputs[0]
        return self.call(**self.arguments | changed, out=out)

    def floats(self) -> list[str]:
        return [name for name, array in self.arguments.items() if array.dtype == np.float32]


TWO, ONE = (ROWS, COLS), (COLS,)
OPS = {
    "softmax": Op(kernels.softmax, {"x": block(0)}, (TWO,)),
    "layer_norm": Op(kernels.layer_norm, {"x": block(0), "weight": line(1), "bias": line(2)}, (TWO,)),
    "layer_norm_backward": Op(
        kernels.layer_norm_backward, {"grad": block(0), "x": block(1), "weight": line(2)}, (TWO, ONE, ONE)
    ),
    "bias_gelu": Op(kernels.bias_gelu, {"x": block(0), "bias": line(1)}, (TWO,)),
    "bias_gelu_backward": Op(
        kernels.bias_gelu_backward, {"grad": block(0), "x": block(1), "bias": line(2)}, (TWO, ONE)
    ),
    "cross_entropy": Op(kernels.cross_entropy, {"logits": block(0), "targets": np.arange(ROWS)}, (TWO,)),
}
EVERY_ARRAY = [(name, argument) for name, op in OPS.items() for argument in op.arguments]
EVERY_OUTPUT = [(name, index) for name, op in OPS.items() for index in range(len(op.results))]


def misaligned(array):
    room = np.zeros(array.nbytes + 1, np.uint8)
    return room[1:].view(array.dtype).reshape(array.shape)


@pytest.mark.parametrize(("name", "argument"), EVERY_ARRAY)
@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda array: array.astype(np.float16), TypeError, "holds float16"),
        (lambda array: array.astype(array.dtype.newbyteorder(">")), TypeError, "holds >"),
        (lambda array: array.tolist(), TypeError, "is a list, not a NumPy array"),
        (lambda array: torch.from_numpy(array), TypeError, r"is a Tensor.*\.numpy\(\)"),
        (lambda array: np.ma.masked_array(array), TypeError, r"is a MaskedArray.*\.filled\(\)"),
        (lambda array: None, TypeError, "is a NoneType"),
        (lambda array: array[None], ValueError, "has shape .* dimensions"),
        (lambda array: np.repeat(array, 2, axis=-1)[..., ::2], ValueError, "does not lie row by row"),
        (misaligned, ValueError, "does not lie row by row"),
    ],
)
def test_an_array_of_another_kind_is_refused(name, argument, spoil, error, message):
    op = OPS[name]
    with pytest.raises(error, match=f"{argument} {message}"):
        op.run(**{argument: spoil(op.arguments[argument])})
    with pytest.raises(error, match=f"{argument} {message}"):
        op.run(op.outputs(), **{argument: spoil(op.arguments[argument])})


@pytest.mark.parametrize(("name", "argument"), [pair for pair in EVERY_ARRAY if pair[1] not in ("x", "logits")])
def test_an_array_of_another_length_is_refused(name, argument):
    op = OPS[name]
    with pytest.raises(ValueError, match=f"{argument} has shape"):
        op.run(**{argument: op.arguments[argument][:-1].copy()})


@pytest.mark.parametrize(("name", "index"), EVERY_OUTPUT)
def test_an_output_that_cannot_be_written_is_refused(name, index):
    op = OPS[name]
    named = "out" if len(op.results) == 1 else rf"out\[{index}\]"
    read_only = np.empty(op.results[index], np.float32)
    read_only.flags.writeable = False
    for spoiled, error, message in (
        (read_only, ValueError, "is read-only"),
        (np.empty(op.results[index]), TypeError, "holds float64"),
        (np.empty((*op.results[index][:-1], COLS + 1), np.float32), ValueError, "has shape"),
        (np.empty((2, *op.results[index]), np.float32), ValueError, "has shape"),
        ([1.0], TypeError, "is a list"),
    ):
        outputs = list(op.outputs())
        outputs[index] = spoiled
        with pytest.raises(error, match=f"{named} {message}"):
            op.run(outputs)


@pytest.mark.parametrize(("name", "index"), EVERY_OUTPUT)
def test_an_output_that_shares_memory_with_an_input_is_refused(name, index):
    op = OPS[name]
    shape = op.results[index]
    for argument in op.floats():
        size = op.arguments[argument].size
        room = np.zeros(size + int(np.prod(shape)), np.float32)
        given = room[:size].reshape(op.arguments[argument].shape)
        for begin in {0, 1, size - 1} if shape == given.shape else {0, size - 1}:
            outputs = list(op.outputs())
            outputs[index] = room[begin : begin + int(np.prod(shape))].reshape(shape)
            with pytest.raises(ValueError, match=f"shares memory with {argument}"):
                op.run(outputs, **{argument: given})
        outputs[index] = room[size:].reshape(shape)  # next to each other is apart
        op.run(outputs, **{argument: given})


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if len(op.results) > 1])
def test_outputs_that_share_memory_or_are_too_few_are_refused(name):
    op = OPS[name]
    outputs = list(op.outputs())
    outputs[1] = outputs[0][0]
    with pytest.raises(ValueError, match=r"out\[1\] shares memory with out\[0\]"):
        op.run(outputs)
    with pytest.raises(TypeError, match="out is tuple; it takes a tuple of"):
        op.run(op.outputs()[:-1])
    with pytest.raises(TypeError, match="out is ndarray"):
        op.call(**op.arguments, out=outputs[0])


@pytest.mark.parametrize("name", OPS)
def test_an_input_may_be_read_only_and_is_left_as_it_was(name):
    op = OPS[name]
    locked = {argument: array.copy() for argument, array in op.arguments.items()}
    for array in locked.values():
        array.flags.writeable = False
    for ours, same in zip(op.run(**locked), op.run(), strict=True):
        np.testing.assert_allclose(ours, same, rtol=1e-5, atol=1e-5)
    for argument, array in locked.items():
        np.testing.assert_array_equal(array, op.arguments[argument])


@pytest.mark.parametrize("spoiled", ["param", "grad", "exp_avg", "exp_avg_sq"])
def test_adamw_refuses_what_does_not_fit(spoiled):
    names = ("param", "grad", "exp_avg", "exp_avg_sq")

    def refused(error, message, array):
        arrays = dict(zip(names, draw(0, 4, 30) ** 2, strict=True)) | {spoiled: array}
        with pytest.raises(error, match=message):
            kernels.adamw_step(**arrays, step=1)

    refused(TypeError, f"{spoiled} holds float64", np.zeros(30))
    refused(TypeError, f"{spoiled} is a list", [0.0] * 30)
    refused(ValueError, "has shape", np.zeros(29, np.float32))
    refused(ValueError, f"{spoiled} does not lie row by row", np.zeros(60, np.float32)[::2])
    locked = np.zeros(30, np.float32)
    locked.flags.writeable = False
    if spoiled != "grad":
        refused(ValueError, f"{spoiled} is read-only", locked)


@pytest.mark.parametrize("first", range(4))
@pytest.mark.parametrize("second", range(4))
def test_adamw_refuses_arrays_that_share_memory(first, second):
    arrays = list(draw(0, 4, 30))
    arrays[second] = arrays[first]
    if first != second:
        with pytest.raises(ValueError, match="shares memory with"):
            kernels.adamw_step(*arrays, step=1)


def test_a_door_that_does_not_compile_says_so():
    with pytest.raises(RuntimeError, match="does not compile"):
        Door(lambda x: x.no_such_thing, "b1(f4[::1])").run(np.zeros(3, np.float32))
