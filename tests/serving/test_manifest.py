"""A model directory that is not what it says is refused at start, with one sentence that says what to do."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.errors import WrongUse
from labkit.serving import engines, manifest


@pytest.fixture
def copy(shop, tmp_path) -> Path:
    """A copy of the model `cnn` to break."""
    return Path(shutil.copytree(shop / "cnn", tmp_path / "cnn"))


def rewrite(folder: Path, change) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    change(content)
    (folder / "manifest.json").write_text(json.dumps(content))


def edit(change):
    return lambda folder: rewrite(folder, change)


def truncate(folder: Path) -> None:
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[: len(content) // 2])


def flip_a_bit(folder: Path) -> None:
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)


def not_a_graph(folder: Path) -> None:
    content = b"not a graph"
    (folder / "model.onnx").write_bytes(content)
    entry = vars(manifest.describe("model.onnx", content))
    rewrite(folder, lambda promised: promised["files"].update(onnx=entry))


BROKEN = {
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), "manifest.json cannot be read"),
    "manifest cut short": (lambda folder: (folder / "manifest.json").write_text('{"name": '), "is not JSON"),
    "manifest a list": (lambda folder: (folder / "manifest.json").write_text("[]"), "is not a manifest"),
    "manifest not text": (lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe\xff"), "is not JSON"),
    "no inputs": (edit(lambda content: content.pop("inputs")), "'inputs' is missing"),
    "files a list": (edit(lambda content: content.update(files=[])), "is not a manifest"),
    "unknown datatype": (edit(lambda content: content["inputs"][0].update(datatype="FP31")), "'FP31' is none of"),
    "a shape of text": (edit(lambda content: content["inputs"][0].update(shape=["n"])), "is not a list of sizes"),
    "labels of numbers": (edit(lambda content: content.update(labels=[1])), "1 is not text"),
    "file elsewhere": (edit(lambda content: content["files"]["onnx"].update(name="../model.onnx")), "same folder"),
    "other name": (edit(lambda content: content.update(name="photo")), "Give both the same name"),
    "file missing": (lambda folder: (folder / "model.onnx").unlink(), "model.onnx is missing"),
    "file truncated": (truncate, "it is not whole"),
    "file altered": (flip_a_bit, "SHA-256 differs"),
    "not a graph": (not_a_graph, "onnxruntime cannot read"),
    "renamed input": (edit(lambda content: content["inputs"][0].update(name="x")), "but the graph has image FP32"),
    "other shape": (edit(lambda content: content["inputs"][0].update(shape=[-1, 1, 32, 32])), "but the graph has"),
    "other datatype": (edit(lambda content: content["outputs"][1].update(datatype="INT32")), "but the graph has"),
    "fixed batch": (edit(lambda content: content["inputs"][0].update(shape=[1, 1, 28, 28])), "but the graph has"),
    "other engine's": (edit(lambda content: content["files"].pop("onnx")), "has only executorch, torch"),
    "a range of floats": (edit(lambda content: content["inputs"][0].update(range=[0, 1])), "two integers of FP32"),
    "half a range": (edit(lambda content: content["outputs"][1].update(range=[0])), "two integers of INT64"),
    "a range of nothing": (edit(lambda content: content["outputs"][1].update(range=7)), "is not a manifest"),
    "rows of text": (edit(lambda content: content["files"]["onnx"].update(max_rows="32")), "is not a number of rows"),
    "rows below none": (edit(lambda content: content["files"]["onnx"].update(max_rows=-1)), "is not a number of rows"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_model_is_refused_by_name(copy, case):
    damage, sentence = BROKEN[case]
    assert engines.load(copy).manifest.name == "cnn", "whole, it loads"
    damage(copy)
    with pytest.raises(WrongUse) as refusal:
        engines.load(copy)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_manifest_survives_the_round_trip(copy):
    before = manifest.read(copy)
    manifest.write(before, copy)
    assert manifest.read(copy) == before


def test_a_directory_is_searched_or_is_a_model_itself(shop, tmp_path):
    assert list(engines.load_all(shop)) == ["cnn", "photo"]
    assert list(engines.load_all(shop / "cnn")) == ["cnn"]
    copied = Path(shutil.copytree(shop, tmp_path / "copied"))
    (copied / ".ipynb_checkpoints").mkdir()
    assert list(engines.load_all(copied)) == ["cnn", "photo"]


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_a_directory_without_models_is_refused(tmp_path, what):
    with pytest.raises(WrongUse, match="export-example"):
        engines.load_all(tmp_path if what == "empty" else tmp_path / "nowhere")


def test_an_unknown_engine_is_refused_by_naming_the_known(shop):
    with pytest.raises(WrongUse, match=r"no engine 'steam'\. Choose one of: onnxruntime"):
        engines.load_all(shop, "steam")


def test_the_command_ends_with_status_2_and_one_sentence(copy):
    truncate(copy)
    command = [sys.executable, "-m", "labkit.cli", "serve", "run", str(copy.parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "it is not whole" in done.stderr
