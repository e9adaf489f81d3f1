"""Bad input over the wire: each is refused with a 4xx and a sentence that names the fault. Good input round-trips."""

import contextlib
import json
import struct

import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from labkit.serving import protocol
from labkit.serving.tensors import DATATYPES, MAX_ROWS, BadRequest, Tensor

CNN = "/v2/models/cnn/infer"
PIXELS = [0.5] * 784


def image(**changes) -> dict:
    """The one input of a good request, with these fields changed; a field set to None is left out."""
    entry = {"name": "image", "shape": [1, 1, 28, 28], "datatype": "FP32", "data": PIXELS} | changes
    return {key: value for key, value in entry.items() if value is not None}


def request(*inputs: dict, **fields) -> bytes:
    return json.dumps({"inputs": list(inputs)} | fields).encode()


def with_pixel(text: str) -> bytes:
    """A request whose first pixel is this text: JSON or nearly so."""
    return request(image(data=["@", *PIXELS[1:]])).replace(b'"@"', text.encode())


BAD_JSON = {
    "empty body": (b"", "not JSON"),
    "cut short": (request(image())[:-1], "not JSON"),
    "not UTF-8": (b'{"inputs": "\xff"}', "not JSON"),
    "an array": (b"[]", "not a JSON object"),
    "nested deeply": (b"[" * 100_000, "nested too deeply"),
    "no inputs": (b"{}", "has no 'inputs'"),
    "inputs no array": (b'{"inputs": {}}', "must be an array"),
    "inputs empty": (request(), "lacks input 'image'"),
    "input no object": (request(1), "must be an object, not 1"),
    "input an array": (request([1, {"é": None}, []]), 'must be an object, not [1,{"é":null},[]]'),
    "input a long array": (request([10] * 99), f"must be an object, not [{'10,' * 19}10..."),
    "input a long text": (request("é\n" * 2**16), 'not "' + r"é\n" * 14 + "é\\..."),
    "input without a name": (request(image(name=None)), "has no 'name'"),
    "name no string": (request(image(name=3)), "must be a string"),
    "unknown input": (request(image(name="picture")), 'no input "picture"; this'),
    "input twice": (request(image(), image()), "given twice"),
    "id no string": (request(image(), id=5), "'id'"),
    "no datatype": (request(image(datatype=None)), "has no 'datatype'"),
    "wrong datatype": (request(image(datatype="FP64")), "this model takes FP32"),
    "no shape": (request(image(shape=None)), "has no 'shape'"),
    "shape no array": (request(image(shape=784)), "must be an array"),
    "wrong rank": (request(image(shape=[1, 784])), "has shape [1,784]; this model takes [-1, 1, 28, 28]"),
    "wrong side": (request(image(shape=[1, 1, 14, 56])), "this model takes [-1, 1, 28, 28]"),
    "negative dimension": (request(image(shape=[-1, 1, 28, 28])), "dimension of -1"),
    "two negative dimensions": (request(image(shape=[-1, -1, 28, 28])), "dimension of -1"),
    "empty batch": (request(image(shape=[0, 1, 28, 28], data=[])), "dimension of 0"),
    "fractional dimension": (request(image(shape=[1.0, 1, 28, 28])), "dimension of 1.0"),
    "true as dimension": (request(image(shape=[True, 1, 28, 28])), "dimension of true"),
    "huge batch": (request(image(shape=[10**15, 1, 28, 28])), f"at most {MAX_ROWS} rows"),
    "more rows than data": (request(image(shape=[2, 1, 28, 28])), "does not have the shape"),
    "too few data": (request(image(data=PIXELS[1:])), "does not have the shape"),
    "too many data": (request(image(data=[*PIXELS, 0.5])), "does not have the shape"),
    "no data": (request(image(data=None)), "has no 'data'"),
    "data no array": (request(image(data=0.5)), "must be an array"),
    "nested otherwise": (request(image(data=[PIXELS])), "does not have the shape"),
    "ragged": (request(image(data=[[[[0.5] * 28] * 27 + [[0.5] * 27]]])), "does not have the shape"),
    "nested in part": (request(image(data=[*PIXELS[1:], [0.5]])), "not a number (FP32)"),
    "text as pixel": (with_pixel('"0.5"'), '"0.5", which is not a number'),
    "true as pixel": (with_pixel("true"), "true, which is not a number"),
    "null as pixel": (with_pixel("null"), "null, which is not a number"),
    "NaN": (with_pixel("NaN"), "holds NaN"),
    "Infinity": (with_pixel("-Infinity"), "holds NaN or Infinity"),
    "infinite by exponent": (with_pixel("1e999"), "holds NaN, infinity"),
    "infinite as FP32": (with_pixel("1e39"), "holds NaN, infinity"),
    "integer beyond doubles": (with_pixel("9" * 400), "too large for FP32"),
    "integer of 5000 digits": (with_pixel("9" * 5000), "a number too large"),
    "unknown output": (request(image(), outputs=[{"name": "logits"}]), 'no output "logits"; this'),
    "output twice": (request(image(), outputs=[{"name": "label"}] * 2), "given twice"),
    "output without a name": (request(image(), outputs=[{}]), "has no 'name'"),
    "outputs no array": (request(image(), outputs={}), "must be an array"),
    "parameters no object": (request(image(), parameters=[]), "must be an object"),
    "flag no bool": (request(image(), parameters={"binary_data_output": 1}), "true or false"),
    "classification": (
        request(image(), outputs=[{"name": "label", "parameters": {"classification": 3}}]),
        "classification extension",
    ),
    "shared memory": (request(image(parameters={"shared_memory_region": "x"}, data=None)), "shared memory extension"),
    "binary size, no bytes": (
        request(image(parameters={"binary_data_size": 3136}, data=None)),
        "0 bytes are left",
    ),
}


def refused(answer, status: int, fault: str) -> None:
    got, headers, body = answer
    error = json.loads(body)
    assert (got, headers["content-type"]) == (status, "application/json"), error
    assert list(error) == ["error"]
    assert fault in error["error"]
    assert len(error["error"]) < 400


@pytest.mark.parametrize("case", BAD_JSON)
def test_bad_json_is_refused_by_name(ask, case):
    body, fault = BAD_JSON[case]
    refused(ask("POST", CNN, body), 400, fault)


RAW = np.full((1, 1, 28, 28), 0.5, "<f4").tobytes()


def binary(raw: bytes = RAW, size: object = None, length: object = None, **changes) -> tuple[bytes, dict]:
    """The body and headers of a binary request; size and length replace the true ones."""
    parameters = {"binary_data_size": len(raw) if size is None else size}
    text = request(image(data=None) | {"parameters": parameters} | changes)
    return text + raw, {protocol.HEADER_LENGTH: str(len(text) if length is None else length)}


BAD_BINARY = {
    "NaN": (binary(RAW[:-4] + struct.pack("<f", float("nan"))), "holds NaN"),
    "infinity": (binary(RAW[:-4] + struct.pack("<f", float("-inf"))), "holds NaN, infinity"),
    "too few bytes": (binary(RAW[:-1]), "has 3135 bytes of binary data"),
    "too many bytes": (binary(RAW + b"\0"), "has 3137 bytes of binary data"),
    "bytes left over": (binary(RAW + b"\0\0", size=len(RAW)), "2 bytes follow"),
    "size beyond the body": (binary(size=4000), "3136 bytes are left"),
    "negative size": (binary(size=-1), "is -1"),
    "size no integer": (binary(size="3136"), "must be an integer"),
    "data as well": (binary(data=PIXELS), "send one"),
    "header no number": (binary(length="ten"), '"ten"; it must be a number of bytes'),
    "header negative": (binary(length="-1"), "must be a number of bytes"),
    "header of a superscript": (binary(length="\xb2"), "must be a number of bytes"),
    "header beyond the body": (binary(length=10**6), "but the body has"),
    "header of 5000 digits": (binary(length="9" * 5000), "must be a number of bytes"),
    "header cuts the JSON": (binary(length=10), "not JSON"),
    "header zero": (binary(length=0), "not JSON"),
}


@pytest.mark.parametrize("case", BAD_BINARY)
def test_bad_binary_is_refused_by_name(ask, case):
    (body, headers), fault = BAD_BINARY[case]
    refused(ask("POST", CNN, body, headers), 400, fault)


@pytest.mark.parametrize(
    ("pixel", "fault"),
    [
        ("256", "256, which"),
        ("-1", "-1, which"),
        ("1.0", "1.0, which"),
        ("true", "true, which"),
        ("9" * 40, "which is"),
    ],
)
def test_integers_out_of_range_are_refused(ask, pixel, fault):
    data = f"[{pixel}{', 0' * (112 * 112 * 3 - 1)}]"
    body = request({"name": "photo", "shape": [1, 112, 112, 3], "datatype": "UINT8", "data": "@"})
    answer = ask("POST", "/v2/models/photo/infer", body.replace(b'"@"', data.encode()))
    refused(answer, 400, fault)
    assert "integer from 0 to 255" in json.loads(answer[2])["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "fault"),
    [
        ("GET", "/v2/models/dress", 404, "this server has cnn, photo"),
        ("POST", "/v2/models/dress/infer", 404, "no model 'dress'"),
        ("GET", "/v2/models/cnn/versions/7", 404, "this server has 1"),
        ("GET", "/v2/nothing", 404, "/v2/nothing: Not Found"),
        ("GET", CNN, 405, "Method Not Allowed"),
        ("POST", "/v2", 405, "Method Not Allowed"),
    ],
)
def test_what_is_not_there_is_refused(ask, method, path, status, fault):
    refused(ask(method, path, b"{}" if method == "POST" else None), status, fault)


def test_a_body_beyond_the_limit_is_refused(ask):
    refused(ask("POST", CNN, b" " * (protocol.MAX_BODY + 1)), 413, "larger than")


def test_a_chunked_body_beyond_the_limit_is_refused(ask):
    parts = iter([b" " * 2**20] * 17)
    refused(ask("POST", CNN, parts), 413, "larger than")


def test_a_compressed_body_is_refused(ask):
    refused(ask("POST", CNN, b"x", {"Content-Encoding": "gzip"}), 415, '"gzip"')


def test_good_input_in_each_form_has_one_answer(ask):
    """Flat or nested JSON or bytes; chunked or not: the same image has the same answer."""
    nested = np.full((1, 1, 28, 28), 0.5).tolist()
    raw, headers = binary()
    forms = [(request(image()), {}), (request(image(data=nested)), {}), (raw, headers), (iter([raw]), headers)]
    answers = []
    for body, extra in forms:
        status, _, answer = ask("POST", CNN, body, extra)
        assert status == 200, answer
        answers.append(json.loads(answer)["outputs"])
    assert all(answer == answers[0] for answer in answers)
    assert [output["shape"] for output in answers[0]] == [[1, 10], [1]]


def test_the_server_outlives_all_of_it(get):
    assert get("/v2/health/live") == (200, {"live": True})
    assert get("/v2/health/ready") == (200, {"ready": True})
    assert get("/v2/models/cnn/versions/1/ready") == (200, {"name": "cnn", "ready": True})


ANY_NUMBER_ARRAY = st.sampled_from(sorted(DATATYPES)).flatmap(
    lambda name: arrays.arrays(
        DATATYPES[name],
        arrays.array_shapes(min_dims=1, max_dims=3, max_side=4),
        elements={"allow_nan": False, "allow_infinity": False} if name.startswith("FP") else None,
    )
)


@settings(deadline=None, max_examples=60)
@given(st.lists(ANY_NUMBER_ARRAY, min_size=1, max_size=3), st.lists(st.booleans(), min_size=7, max_size=7), st.text())
def test_what_tritonclient_says_is_understood_and_answered(sent, binaries, identity):
    """Any arrays, each as bytes or JSON in either direction, come back as they were."""
    tensors, questions = [], []
    for index, (array, as_bytes) in enumerate(zip(sent, binaries, strict=False)):
        datatype = next(name for name, dtype in DATATYPES.items() if dtype == array.dtype)
        tensors.append(Tensor(f"t{index}", datatype, array.shape))
        questions.append(triton.InferInput(f"t{index}", list(array.shape), datatype))
        questions[-1].set_data_from_numpy(array, binary_data=as_bytes)
    wanted = [triton.InferRequestedOutput(t.name, binary_data=b) for t, b in zip(tensors, binaries[3:], strict=False)]
    if binaries[6]:
        wanted = None
    body, length = triton.InferenceServerClient.generate_request_body(questions, wanted, request_id=identity)
    request = protocol.decode(body, None if length is None else str(length), tensors, tensors)
    assert request.id == (identity or None)
    content, length = protocol.encode(request, "echo", "1", tensors, request.inputs)
    answer = triton.InferenceServerClient.parse_response_body(content, header_length=length)
    for tensor, array in zip(tensors, sent, strict=True):
        np.testing.assert_array_equal(answer.as_numpy(tensor.name), array, strict=True)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.none() | st.text(max_size=5))
def test_noise_is_refused_and_never_crashes(body, length):
    with pytest.raises(BadRequest):
        protocol.decode(body, length, [Tensor("image", "FP32", (-1, 4))], [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["x", "FP32"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["inputs", "outputs", "name", "shape", "datatype", "data", "parameters", "id"]), inner
        )
    ),
)


@settings(deadline=None, max_examples=100)
@given(JSON)
def test_any_json_is_understood_or_refused(value):
    """Wrong structure at every depth ends in a BadRequest, or in a request; in no other exception."""
    inputs = [Tensor("x", "FP32", (-1, 2))]
    as_data = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": value}]}
    for message in (as_data, value):
        with contextlib.suppress(BadRequest):
            assert protocol.decode(json.dumps(message).encode(), None, inputs, []).inputs["x"].shape == (1, 2)


def test_inputs_of_different_numbers_of_rows_are_refused():
    tensors = [Tensor("a", "INT8", (-1,)), Tensor("b", "INT8", (-1,))]
    entries = [{"name": n, "shape": [s], "datatype": "INT8", "data": [1] * s} for n, s in (("a", 1), ("b", 2))]
    with pytest.raises(BadRequest, match="different numbers of rows"):
        protocol.decode(request(*entries), None, tensors, [])


def test_an_answer_that_is_not_finite_is_the_servers_fault():
    answer = protocol.Request({}, {"y": True})
    with pytest.raises(BadRequest, match="NaN") as refusal:
        protocol.encode(answer, "m", "1", [Tensor("y", "FP32", (-1,))], {"y": np.array([np.nan], "f4")})
    assert refusal.value.status == 500
