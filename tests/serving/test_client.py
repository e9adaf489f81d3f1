"""PyPI's tritonclient, unchanged, in each of its forms; and the kit's own small client on top of it."""

import numpy as np
import pytest
import torch
import tritonclient.http as triton

from labkit.data import LABELS
from labkit.serving import build
from labkit.serving.client import ROWS, Client
from labkit.serving.preprocessing import ImageTagger, PhotoTagger
from labkit.serving.process import running
from tests.needs import needs_compiler

RANDOM = np.random.default_rng(5)
BATCHES = {
    "cnn": RANDOM.random((5, 1, 28, 28), np.float32),
    "photo": RANDOM.integers(0, 256, (5, 112, 112, 3), np.uint8),
}


PLATFORMS = {
    "onnxruntime": "onnxruntime_onnx",
    "torch": "torch_torch",
    "openvino": "openvino_onnx",
    "executorch": "executorch_executorch",
}


@pytest.fixture(scope="module", params=PLATFORMS)
def engine(request) -> str:
    if request.param in build.ENGINES:
        needs_compiler()
    return request.param


@pytest.fixture(scope="module")
def server(shop, engine):
    with running(shop, engine) as server:
        yield server


@pytest.fixture
def tritonclient(server):
    with triton.InferenceServerClient(server.url.removeprefix("http://")) as client:
        yield client


@pytest.fixture(scope="module")
def expected(classifier) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    taggers = {"cnn": ImageTagger(classifier), "photo": PhotoTagger(classifier)}
    with torch.inference_mode():
        answers = {name: tagger(torch.from_numpy(BATCHES[name])) for name, tagger in taggers.items()}
    return {name: tuple(array.numpy() for array in answer) for name, answer in answers.items()}


@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("outputs", ["default", "binary", "json", "mixed", "one"])
@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("model", ["cnn", "photo"])
def test_every_form_of_the_protocol(tritonclient, expected, model, binary_in, outputs, rows):
    batch = BATCHES[model][:rows]
    name, datatype = {"cnn": ("image", "FP32"), "photo": ("photo", "UINT8")}[model]
    question = triton.InferInput(name, list(batch.shape), datatype)
    question.set_data_from_numpy(batch, binary_data=binary_in)
    asked = {
        "default": {},
        "binary": {"probabilities": True, "label": True},
        "json": {"probabilities": False, "label": False},
        "mixed": {"label": False, "probabilities": True},
        "one": {"label": True},
    }[outputs]
    wanted = [triton.InferRequestedOutput(key, binary_data=value) for key, value in asked.items()] or None
    answer = tritonclient.infer(model, [question], outputs=wanted, request_id="42", model_version="1" * (rows == 5))
    assert answer.get_response()["id"] == "42"
    probabilities, labels = (array[:rows] for array in expected[model])
    np.testing.assert_array_equal(answer.as_numpy("label"), labels)
    if outputs == "one":
        assert answer.as_numpy("probabilities") is None
    else:
        np.testing.assert_allclose(answer.as_numpy("probabilities"), probabilities, atol=1e-5)


def test_health_and_metadata(tritonclient, engine):
    assert tritonclient.is_server_live()
    assert tritonclient.is_server_ready()
    assert tritonclient.is_model_ready("cnn")
    assert not tritonclient.is_model_ready("dress")
    assert tritonclient.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    described = tritonclient.get_model_metadata("photo", "1")
    assert described["inputs"] == [{"name": "photo", "datatype": "UINT8", "shape": [-1, 112, 112, 3]}]
    assert described["outputs"] == [
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]},
        {"name": "label", "datatype": "INT64", "shape": [-1]},
    ]
    assert (described["versions"], described["platform"]) == (["1"], PLATFORMS[engine])


def test_a_refusal_reaches_the_client_as_its_sentence(tritonclient):
    question = triton.InferInput("image", [1, 1, 28, 28], "FP32")
    question.set_data_from_numpy(np.full((1, 1, 28, 28), np.nan, np.float32))
    with pytest.raises(triton.InferenceServerException, match="'image' holds NaN"):
        tritonclient.infer("cnn", [question])


@pytest.mark.parametrize("binary", [True, False])
def test_tag(server, expected, binary):
    with Client(server.url, "photo") as client:
        labels, probabilities = client.tag(BATCHES["photo"], binary)
        alone, _ = client.tag(BATCHES["photo"][0], binary)
    assert labels == [LABELS[index] for index in expected["photo"][1]]
    assert alone == labels[:1]
    np.testing.assert_allclose(probabilities, expected["photo"][0], atol=1e-5)


def test_many_rows_go_in_several_requests(server):
    many = np.resize(BATCHES["cnn"], (2 * ROWS + 3, 1, 28, 28))
    with Client(server.url) as client:
        labels, probabilities = client.tag(many)
        assert labels[:5] == client.tag(many[:5])[0]
    assert (len(labels), probabilities.shape) == (len(many), (len(many), 10))
