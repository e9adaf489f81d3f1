"""Starting: what cannot be served, or what nobody can mean, is refused with one sentence and the status 2."""

import json
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from labkit.serving import process
from tests.needs import needs_compiler
from tests.serving.cpp.conftest import write_model


def refused(directory: Path, engine: str = "virtual", **options) -> str:
    """What the server says as it refuses to start."""
    needs_compiler()
    command = process.command_for(directory, engine, **options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, ""), done
    *others, sentence = done.stderr.splitlines()
    assert not others or engine != "virtual", done.stderr  # the libraries of the others tell their errors too
    return sentence


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"max_batch": 0}, "--max-batch takes a number from 1 to 1024"),
        ({"max_batch": "many"}, "'many' is none"),
        ({"max_queue": 1.5}, "--max-queue takes a whole number"),
        ({"max_delay_ms": -1}, "--max-delay-ms takes a number from 0"),
        ({"deadline_ms": "nan"}, "'nan' is none"),
        ({"port": 70000}, "--port takes a number from 0 to 65535"),
        ({"host": "localhost.example"}, "is not an address such as 127.0.0.1"),
        ({"service": "slow"}, "--service is 'constant' or 'exponential'"),
        ({"colour": "red"}, "no option --colour"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(tmp_path, options, fault):
    assert fault in refused(write_model(tmp_path / "models"), **options)


def test_a_taken_port_is_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port} cannot be listened on" in refused(write_model(tmp_path / "models"), port=port)


def test_only_this_machine_is_listened_for(tmp_path):
    needs_compiler()
    with process.running(write_model(tmp_path / "models"), "virtual") as server:
        assert server.url.startswith("http://127.0.0.1:")
        listeners = subprocess.run(["cat", "/proc/net/tcp"], capture_output=True, text=True).stdout
        port = int(server.url.rsplit(":", 1)[1])
        assert f" 0100007F:{port:04X} 00000000:0000 0A " in listeners
    with process.running(write_model(tmp_path / "others"), "virtual", host="0.0.0.0") as server:
        assert server.url.startswith("http://0.0.0.0:")


BAD_MANIFESTS = {
    "no JSON": (lambda content: "{", "is not a manifest: "),
    "no inputs": (lambda content: content.pop("inputs"), "is not a manifest: "),
    "unknown datatype": (lambda content: content["inputs"][0].update(datatype="TEXT"), "datatype of 'x' is not known"),
    "fixed batch": (lambda content: content["inputs"][0].update(shape=[1, 3]), "needs the batch, -1, as the first"),
    "two free dimensions": (lambda content: content["inputs"][0].update(shape=[-1, -1]), "needs fixed dimensions"),
    "no dimension": (lambda content: content["outputs"][0].update(shape=[]), "needs the batch"),
    "label no text": (lambda content: content.update(labels=[1]), "is not a manifest: "),
    "file elsewhere": (
        lambda content: content.update(files={"onnx": {"name": "../x", "sha256": "", "bytes": 1}}),
        "'../x' is not a name in the same folder",
    ),
    "other name": (lambda content: content.update(name="huge"), "holds the manifest of 'huge'"),
}


@pytest.mark.parametrize("case", BAD_MANIFESTS)
def test_a_bad_manifest_is_refused(tmp_path, case):
    change, fault = BAD_MANIFESTS[case]
    directory = write_model(tmp_path / "models")
    path = directory / "tiny" / "manifest.json"
    content = json.loads(path.read_text())
    changed = change(content)
    path.write_text(changed if isinstance(changed, str) else json.dumps(content))
    assert fault in refused(directory)


def test_no_directory_and_no_models(tmp_path):
    assert "no model directory" in refused(tmp_path / "nowhere")
    assert "holds no model" in refused(tmp_path)


@pytest.fixture
def copy(shop, tmp_path) -> Path:
    return shutil.copytree(shop / "cnn", tmp_path / "cnn")


FORMATS = {"openvino": "model.onnx", "executorch": "model.pte"}


@pytest.mark.parametrize("engine", FORMATS)
def test_a_damaged_model_is_refused(copy, engine):
    path = copy / FORMATS[engine]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "its SHA-256 differs" in refused(copy, engine)
    path.write_bytes(whole[: len(whole) // 2])
    assert "it is not whole" in refused(copy, engine)
    path.unlink()
    assert "is missing, and the manifest names it" in refused(copy, engine)


def promise(copy: Path, **changes) -> None:
    """Let the manifest promise something else of the files as they are, hashes included."""
    from labkit.serving import manifest

    content = json.loads((copy / "manifest.json").read_text())
    content["files"] = {
        format: entry
        | {"sha256": manifest.sha256(copy / entry["name"]), "bytes": (copy / entry["name"]).stat().st_size}
        for format, entry in content["files"].items()
    }
    (copy / "manifest.json").write_text(json.dumps(content | changes))


@pytest.mark.parametrize("engine", FORMATS)
def test_a_file_that_is_no_model_is_refused(copy, engine):
    (copy / FORMATS[engine]).write_bytes(b"a model, allegedly" * 100)
    promise(copy)
    assert f"{engine} cannot read the model in" in refused(copy, engine)


@pytest.mark.parametrize("engine", FORMATS)
def test_a_graph_other_than_promised_is_refused(copy, engine):
    inputs = [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 28, 29]}]
    promise(copy, inputs=inputs)
    assert "promises inputs image FP32 [-1, 1, 28, 29], but the graph has" in refused(copy, engine)


def test_a_model_without_this_engines_format_is_refused(copy):
    promise(copy, files={})
    assert "openvino reads onnx, and" in refused(copy, "openvino")
