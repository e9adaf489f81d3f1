"""An integer input may have a range narrower than its type: exported, promised, shown, and enforced."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from labkit.errors import WrongUse
from labkit.serving import engines, manifest, protocol
from labkit.serving.export import export
from labkit.serving.server import describe
from labkit.serving.tensors import BadRequest, Tensor

TOKENS = Tensor("tokens", "INT64", (-1, 3), (0, 79))
EXAMPLE = torch.zeros(1, 3, dtype=torch.int64)


class Lookup(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(80, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.table(tokens)


def from_json(tokens: list[int], tensor: Tensor = TOKENS) -> np.ndarray:
    entry = {"name": tensor.name, "shape": [1, 3], "datatype": tensor.datatype, "data": tokens}
    return decode({"inputs": [entry]}, b"", tensor)


def from_bytes(tokens: list[int], tensor: Tensor = TOKENS) -> np.ndarray:
    raw = np.array(tokens, tensor.dtype).tobytes()
    entry = {"name": tensor.name, "shape": [1, 3], "datatype": tensor.datatype}
    return decode({"inputs": [entry | {"parameters": {"binary_data_size": len(raw)}}]}, raw, tensor)


def decode(message: dict, raw: bytes, tensor: Tensor) -> np.ndarray:
    text = json.dumps(message).encode()
    return protocol.decode(text + raw, str(len(text)), [tensor], []).inputs[tensor.name]


@pytest.mark.parametrize("read", [from_json, from_bytes])
@pytest.mark.parametrize(
    ("tokens", "fault"),
    [([0, 80, 3], "80"), ([-1, 0, 0], "-1"), ([0, 80, -1], "80"), ([0, 1, -(2**63)], str(-(2**63)))],
)
def test_what_is_out_of_range_is_refused_the_first_by_name(read, tokens, fault):
    with pytest.raises(BadRequest) as refusal:
        read(tokens)
    assert refusal.value.sentence == f"input 'tokens' holds {fault}, which is not an integer from 0 to 79 (INT64)"


@pytest.mark.parametrize("read", [from_json, from_bytes])
def test_what_is_in_range_passes(read):
    np.testing.assert_array_equal(read([0, 79, 40]), [[0, 79, 40]])
    np.testing.assert_array_equal(read([-5, 0, 5], replace(TOKENS, range=(-5, 5))), [[-5, 0, 5]])
    wide = Tensor("n", "UINT64", (-1, 3))
    np.testing.assert_array_equal(read([0, 1, 2**64 - 1], wide), np.array([[0, 1, 2**64 - 1]], "u8"))


@pytest.mark.parametrize(
    ("datatype", "limits"),
    [
        ("FP32", (0, 1)),
        ("INT64", (5, 4)),
        ("UINT8", (-1, 5)),
        ("UINT8", (0, 256)),
        ("INT64", (0,)),
        ("INT64", (0, 1, 2)),
        ("INT64", (0, 1.0)),
        ("INT64", (False, True)),
        ("INT64", ("0", "9")),
        ("INT64", ()),
    ],
)
def test_a_range_that_cannot_be_is_refused(datatype, limits):
    with pytest.raises(ValueError, match=f"the range .* of 'x' is not two integers of {datatype}"):
        Tensor("x", datatype, (-1,), limits)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ranges")
    return export(Lookup(), EXAMPLE, directory, "lookup", formats=("torch",), ranges={"tokens": (0, 79)})


def test_a_range_travels_with_the_model(folder):
    assert json.loads((folder / "manifest.json").read_text())["inputs"][0]["range"] == [0, 79]
    model = engines.load(folder, "torch")  # whose graph says nothing of a range
    assert model.manifest.inputs == (TOKENS,)
    shown = describe(model)
    assert shown["inputs"] == [{"name": "tokens", "datatype": "INT64", "shape": [-1, 3], "range": [0, 79]}]
    assert "range" not in shown["outputs"][0]
    manifest.write(model.manifest, folder)
    assert manifest.read(folder).inputs[0].range == (0, 79)


def test_a_range_for_no_input_or_for_no_integer_is_refused(tmp_path):
    with pytest.raises(WrongUse, match=r"no input 'token' .*'tokens'"):
        export(Lookup(), EXAMPLE, tmp_path, "m", ranges={"token": (0, 79)})
    with pytest.raises(ValueError, match="not two integers of FP32"):
        export(nn.Linear(3, 1), torch.zeros(1, 3), tmp_path, "m", ranges={"input": (0, 1)})
    assert not list(tmp_path.iterdir())
