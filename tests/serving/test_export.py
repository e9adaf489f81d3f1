"""An exported artifact: its preprocessing inside, its batch free, and nothing of the author's machine in it."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from labkit.data import LABELS, prepare
from labkit.errors import WrongUse
from labkit.models import normalise
from labkit.serving import engines, manifest
from labkit.serving.export import export
from labkit.serving.formats.onnx_file import OPSET
from labkit.serving.parity import check_parity
from labkit.serving.preprocessing import ImageTagger, PhotoTagger


class Upside(nn.Module):
    """A smaller module, for speed: rows (batch, 4) -> their mean (batch,), and the largest index (batch,)."""

    outputs = ("mean", "label")

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        self.drop = nn.Dropout(0.5)

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        weighed = self.drop(rows * self.weight)
        return weighed.mean(-1), weighed.argmax(-1)


@pytest.mark.parametrize(("name", "size"), [("cnn", 0), ("photo", 112)])
def test_the_shipped_model_answers_as_in_torch(shop, classifier, photos, name, size):
    tagger = PhotoTagger(classifier, size) if size else ImageTagger(classifier)
    parity = check_parity(tagger, shop / name, photos if size else prepare(photos))
    assert parity.ok, parity
    assert (parity.rows, parity.labels_agree) == (20, 20)


@pytest.mark.parametrize("size", [28, 112, 224])
def test_the_photo_is_prepared_as_for_training(size):
    photos = np.random.default_rng(3).integers(0, 256, (4, size, size, 3), np.uint8)
    seen = []
    PhotoTagger(nn.Sequential(nn.Flatten(), _Spy(seen)), size)(torch.from_numpy(photos))
    torch.testing.assert_close(seen[0], normalise(torch.from_numpy(prepare(photos))).flatten(1))


class _Spy(nn.Module):
    def __init__(self, seen: list):
        super().__init__()
        self.seen = seen

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(x)
        return x[:, :10]


@pytest.mark.parametrize("size", [0, 27, 100, -28])
def test_a_photo_that_has_no_equal_blocks_is_refused(classifier, size):
    with pytest.raises(ValueError, match="multiple of 28"):
        PhotoTagger(classifier, size)


def test_the_manifest_says_what_is_in_the_graph(shop):
    promise = manifest.read(shop / "photo")
    graph = onnx.load(shop / "photo" / "model.onnx")
    assert [value.name for value in graph.graph.input] == [tensor.name for tensor in promise.inputs] == ["photo"]
    assert promise.inputs[0].shape == (-1, 112, 112, 3)
    assert promise.labels == LABELS
    assert promise.training["steps"] > 0
    assert graph.opset_import[0].version == OPSET


def test_an_artifact_names_no_machine(shop):
    for path in shop.glob("*/*"):
        found = re.findall(rb"site-packages|[\w/.]*\.py\b", path.read_bytes())
        assert not found, f"{path.name}: {found[:3]}"
        assert str(Path.cwd()).encode() not in path.read_bytes()


def test_any_module_of_one_tensor_is_exported_quietly_and_alike(tmp_path, capfd, recwarn):
    module = Upside().train()
    folders = [export(module, torch.zeros(1, 4), tmp_path / copy, "upside") for copy in "ab"]
    assert capfd.readouterr() == ("", "")
    assert not [warning for warning in recwarn if "torch" in warning.filename]
    assert module.training, "the caller's module stays in the mode it was in"
    assert manifest.read(folders[0]).files == manifest.read(folders[1]).files, "the same module has the same hash"
    model = engines.load(folders[0])
    assert model.manifest.outputs[0].name == "mean"
    for rows in (1, 2, 7):
        batch = np.arange(4 * rows, dtype=np.float32).reshape(rows, 4)
        answer = model.infer({"rows": batch})
        np.testing.assert_allclose(answer["mean"], (batch * [1, 2, 3, 4]).mean(-1), rtol=1e-6)  # no dropout in it
        assert answer["label"].dtype == np.int64


class WrongScale(PhotoTagger):
    def forward(self, photo):
        return super().forward((photo.float() / 2).to(torch.uint8))


class SwappedChannels(PhotoTagger):
    def forward(self, photo):
        return super().forward(photo.flip(-1))


class SkippedPixels(PhotoTagger):
    """Nearest neighbour for the box filter: every fourth pixel stands for its block."""

    def forward(self, photo):
        chosen = photo[:, ::4, ::4].repeat_interleave(4, 1).repeat_interleave(4, 2)
        return super().forward(chosen)


class CutWeights(PhotoTagger):
    """Weights cut to bfloat16: what a careless copy does."""

    def __init__(self, classifier):
        import copy

        super().__init__(copy.deepcopy(classifier).bfloat16().float())


@pytest.mark.parametrize("planted", [WrongScale, SwappedChannels, SkippedPixels, CutWeights])
def test_parity_rejects_a_wrong_artifact(tmp_path, classifier, photos, planted):
    """Every one of them loads, runs, and answers with confident labels."""
    example = torch.zeros(1, 112, 112, 3, dtype=torch.uint8)
    folder = export(planted(classifier), example, tmp_path, "photo", LABELS)
    parity = check_parity(PhotoTagger(classifier), folder, photos)
    assert not parity.ok
    assert parity.max_abs_difference > 1e-4


def test_parity_rejects_nan(tmp_path):
    broken = Upside()
    broken.weight.data[:] = float("nan")
    folder = export(broken, torch.zeros(1, 4), tmp_path, "upside")
    parity = check_parity(Upside(), folder, np.ones((3, 4), np.float32))
    assert not parity.ok
    assert np.isnan(parity.max_abs_difference)


class OneName(Upside):
    outputs = ("mean",)


def test_outputs_that_are_not_all_named_are_refused(tmp_path):
    with pytest.raises(WrongUse, match=r"names 1 outputs \(mean\) and gives 2"):
        export(OneName(), torch.zeros(1, 4), tmp_path, "upside")


def test_parity_of_nothing_or_of_strangers_is_an_error(shop, classifier):
    with pytest.raises(ValueError, match="at least one row"):
        check_parity(ImageTagger(classifier), shop / "cnn", np.zeros((0, 1, 28, 28), np.float32))
    shorter = ImageTagger(nn.Sequential(classifier, nn.Linear(10, 9)))
    with pytest.raises(ValueError, match="two different models"):
        check_parity(shorter, shop / "cnn", np.zeros((1, 1, 28, 28), np.float32))
