"""The formats of one artifact: each answers as the module does, and a new export replaces all of them or none."""

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from labkit.data import LABELS, prepare
from labkit.errors import WrongUse
from labkit.models import Gpt, GptConfig
from labkit.serving import engines, formats, manifest
from labkit.serving.export import export
from labkit.serving.parity import check_parity, run_torch
from labkit.serving.preprocessing import ImageTagger, PhotoTagger

PLANNED = 32  # rows: what executorch has memory for


class Half(nn.Module):
    """The smallest module: rows (batch, 2) -> half of them."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows / 2


ROW = torch.zeros(1, 2)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def batches(photos) -> dict[str, np.ndarray]:
    """32 inputs of each model: the 20 photos, some of them twice."""
    repeated = np.resize(photos, (PLANNED, *photos.shape[1:]))
    return {"cnn": prepare(repeated), "photo": repeated}


@pytest.fixture(scope="module")
def taggers(classifier) -> dict[str, nn.Module]:
    return {"cnn": ImageTagger(classifier), "photo": PhotoTagger(classifier)}


@pytest.mark.parametrize("rows", [1, 2, PLANNED])
@pytest.mark.parametrize("model", ["cnn", "photo"])
@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
def test_each_engine_answers_as_the_module(shop, taggers, batches, engine, model, rows):
    parity = check_parity(taggers[model], shop / model, batches[model][:rows], engine=engine)
    assert parity.ok, parity


@pytest.mark.parametrize("model", ["cnn", "photo"])
def test_executorch_answers_as_the_module(shop, taggers, batches, model):
    """With its own runtime for Python: the kit serves it in C++ only."""
    runtime = pytest.importorskip("executorch.runtime").Runtime.get()
    method = runtime.load_program(shop / model / "model.pte").load_method("forward")
    assert method.metadata.input_tensor_meta(0).sizes()[0] == PLANNED
    for rows in (1, 2, PLANNED):
        batch = batches[model][:rows]
        probabilities, labels = (answer.numpy() for answer in method.execute([torch.from_numpy(batch)]))
        expected = run_torch(taggers[model], batch)
        np.testing.assert_allclose(probabilities, expected["probabilities"], atol=1e-5)
        np.testing.assert_array_equal(labels, expected["label"])


def test_the_example_has_every_format(shop):
    for name in ("cnn", "photo"):
        promised = manifest.read(shop / name).files  # whose hashes it has checked
        assert {kind: file.name for kind, file in promised.items()} == {
            "onnx": "model.onnx",
            "executorch": "model.pte",
            "torch": "model.pt2",
        }
        assert {kind: file.max_rows for kind, file in promised.items()} == {
            "onnx": 0,
            "executorch": PLANNED,
            "torch": 0,
        }
        assert set(files(shop / name)) == {"manifest.json"} | {file.name for file in promised.values()}


def test_a_manifest_names_no_limit_where_there_is_none(shop):
    written = json.loads((shop / "cnn" / "manifest.json").read_text())
    assert list(written["files"]["onnx"]) == ["name", "sha256", "bytes"]
    assert list(written["inputs"][0]) == ["name", "datatype", "shape"]


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3))


def test_every_format_is_written_quietly_and_alike(tmp_path):
    """In a fresh process, where packages are imported for the first time and say whatever they say then."""
    wanted = ("executorch", "torch")  # ONNX, without a fresh process, has its own test
    script = (
        f"import torch; from torch import nn; from labkit.serving.export import export\n{inspect.getsource(small)}"
        f"export(small(), torch.zeros(1, 1, 4, 4), {str(tmp_path / 'a')!r}, 'm', formats={wanted})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert (done.stdout, done.stderr) == ("", "")
    export(small(), torch.zeros(1, 1, 4, 4), tmp_path / "b", "m", formats=wanted)
    first, second = (manifest.read(tmp_path / copy / "m") for copy in "ab")
    assert first.files == second.files, "the same module has the same hashes"
    assert first.inputs == second.inputs
    assert first.inputs[0].shape == (-1, 1, 4, 4)
    assert first.inputs[0].name == "input", "which torch calls otherwise"
    assert engines.load(tmp_path / "a" / "m", "torch").engine.inputs == first.inputs


def test_a_writer_of_text_is_exported_in_every_format(tmp_path):
    """Its mask, its positions and its lookup of tokens are constants and integers: an image model has none of these."""
    gpt = Gpt(GptConfig(vocabulary=11, time=6, layers=1, heads=2, width=8)).eval()
    example = torch.zeros(1, 6, dtype=torch.int64)
    folder = export(gpt, example, tmp_path, "gpt", formats=("onnx", "executorch", "torch"), ranges={"tokens": (0, 10)})
    tokens = np.random.default_rng(0).integers(0, 11, (PLANNED, 6))
    for engine in ("onnxruntime", "torch"):
        assert check_parity(gpt, folder, tokens, engine=engine).ok
    runtime = pytest.importorskip("executorch.runtime").Runtime.get()
    method = runtime.load_program(folder / "model.pte").load_method("forward")
    assert manifest.read(folder).files["executorch"].max_rows == PLANNED
    for rows in (1, PLANNED):
        (answer,) = method.execute([torch.from_numpy(tokens[:rows])])
        torch.testing.assert_close(answer, gpt(torch.from_numpy(tokens[:rows])).detach())


class BothGelus(nn.Module):
    outputs = ("by_erf", "by_tanh")

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return F.gelu(rows), F.gelu(rows, approximate="tanh")


def test_executorch_tells_the_two_gelus_apart(tmp_path):
    """XNNPACK knows one of them, and is given the other for it: no error, and answers that are off by 0.0005."""
    rows = torch.linspace(-4, 4, 64).reshape(2, 32)
    folder = export(BothGelus(), rows, tmp_path, "gelus", formats=("executorch",))
    runtime = pytest.importorskip("executorch.runtime").Runtime.get()
    answers = runtime.load_program(folder / "model.pte").load_method("forward").execute([rows])
    torch.testing.assert_close(tuple(answers), BothGelus()(rows), atol=1e-5, rtol=0)


def test_the_example_is_not_in_the_artifact(tmp_path):
    """It may be somebody's photo."""
    private = np.frombuffer(b"do not publish this", np.uint8)
    module = nn.Identity()
    folder = export(module, torch.from_numpy(private.copy())[None], tmp_path, "m", formats=("onnx", "torch"))
    assert not [name for name, content in files(folder).items() if private.tobytes() in content]


@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
def test_an_engine_gives_what_is_asked_of_it(shop, batches, engine):
    model = engines.load(shop / "cnn", engine)
    answer = model.infer({"image": batches["cnn"][:3]}, ["label"])
    assert list(answer) == ["label"]
    assert (answer["label"].dtype, answer["label"].shape) == (np.int64, (3,))


def test_the_torch_engine_leaves_the_threads_of_others_alone(shop, batches):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen = []
        model = engines.load(shop / "cnn", "torch")
        run = model.engine.run
        model.engine.run = lambda *tensors: (seen.append(torch.get_num_threads()), run(*tensors))[1]
        model.infer({"image": batches["cnn"][:1]})
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)


def test_a_file_that_torch_did_not_write_is_refused(shop, tmp_path):
    folder = export(Half(), ROW, tmp_path, "half", formats=("torch",))
    (folder / "model.pt2").write_bytes(b"not a program")
    content = json.loads((folder / "manifest.json").read_text())
    content["files"]["torch"] = vars(manifest.describe("model.pt2", (folder / "model.pt2").read_bytes()))
    (folder / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(WrongUse, match=r"torch cannot read .*model\.pt2"):
        engines.load(folder, "torch")


def test_an_unknown_format_is_refused_by_naming_the_known(tmp_path):
    with pytest.raises(WrongUse, match=r"no format 'steam'\. Choose among: onnx, executorch, torch"):
        export(Half(), ROW, tmp_path, "half", formats=("onnx", "steam"))
    with pytest.raises(WrongUse, match="at least one format"):
        export(Half(), ROW, tmp_path, "half", formats=())
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    for name in list(sys.modules):
        if name.split(".")[0] == "executorch" or name.endswith("executorch_file"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "executorch", None)
    with pytest.raises(WrongUse, match=r"^The format executorch needs the package executorch, .*\.$"):
        export(Half(), ROW, tmp_path, "half", formats=("onnx", "executorch"))
    assert not list(tmp_path.iterdir())
    assert formats.available() == ("onnx", "torch")


def test_a_failed_export_leaves_the_old_artifact_whole(tmp_path, monkeypatch):
    folder = export(Half(), ROW, tmp_path, "half", formats=("onnx", "torch"))
    before = files(folder)

    with monkeypatch.context() as patch:
        patch.setattr("labkit.serving.formats.onnx_file.write", failing)
        with pytest.raises(RuntimeError, match="no such operator"):
            export(nn.Linear(2, 1), ROW, tmp_path, "half", formats=("torch", "onnx"))
    assert files(folder) == before
    for name in ("model.onnx", "manifest.json"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", full_at(name))
            with pytest.raises(OSError, match="No space"):
                export(nn.Linear(2, 1), ROW, tmp_path, "half", formats=("torch", "onnx"))
        assert files(folder) == before


def failing(source) -> NoReturn:
    raise RuntimeError("no such operator")


def full_at(name: str, write=Path.write_bytes):
    """`Path.write_bytes` on a disk that is full when the file of this name comes."""

    def write_bytes(path: Path, content: bytes) -> int:
        if name in path.name:
            raise OSError(28, "No space left on device")
        return write(path, content)

    return write_bytes


def test_formats_that_are_not_asked_for_again_go(tmp_path):
    export(Half(), ROW, tmp_path, "half", formats=("onnx", "torch"))
    folder = export(Half(), ROW, tmp_path, "half", formats=("torch",))
    (folder / "notes.txt").write_text("mine")
    export(Half(), ROW, tmp_path, "half", formats=("torch",))
    assert set(files(folder)) == {"manifest.json", "model.pt2", "notes.txt"}
    with pytest.raises(WrongUse, match=r"onnxruntime reads onnx, and .* has only torch"):
        engines.load(folder)


def test_a_datatype_that_the_protocol_does_not_know_is_refused(tmp_path):
    class IsLarge(nn.Module):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return rows > 1

    with pytest.raises(WrongUse, match=r"'output' is of torch\.bool"):
        export(IsLarge(), ROW, tmp_path, "m")
    assert not list(tmp_path.iterdir())


def test_labels_and_training_travel_with_every_format(shop):
    loaded = engines.load(shop / "photo", "torch")
    assert loaded.manifest.labels == LABELS
    assert loaded.platform == "torch_torch"
