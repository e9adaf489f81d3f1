"""Dynamic batching: requests that wait together are computed together, and each gets its own rows back."""

import json
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tritonclient.http as triton
from prometheus_client.parser import text_string_to_metric_families

from tests.serving.cpp.conftest import ask, labels_of, question, write_model


def samples(text: str) -> dict[str, float]:
    """Every sample of a Prometheus page: `name{label="value"}` -> number."""
    return {
        sample.name + json.dumps(sample.labels, sort_keys=True): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def many(server, bodies: list[bytes], clients: int) -> list[tuple[int, dict]]:
    """The answers to all bodies, asked by so many clients at once, each on one connection."""

    def of_one(mine: list[bytes]) -> list[tuple[int, dict]]:
        connection = server.connect()
        return [ask(connection, body) for body in mine]

    with ThreadPoolExecutor(clients) as pool:
        parts = list(pool.map(of_one, (bodies[start::clients] for start in range(clients))))
    answers = [None] * len(bodies)
    for start, part in enumerate(parts):
        answers[start::clients] = part
    return answers


def test_each_request_gets_its_own_rows_back(serve):
    dice = random.Random(1)
    rows = [[float(dice.randrange(4)) for _ in range(dice.choice([1, 1, 1, 2, 7, 40, 70]))] for _ in range(150)]
    with serve(service_ms=1, max_batch=32) as server:
        answers = many(server, [question(*each) for each in rows], clients=12)
        page = samples(server.get("/metrics"))
    assert [status for status, _ in answers] == [200] * len(rows)
    for each, (_, answer) in zip(rows, answers, strict=True):
        assert labels_of(answer) == each
        assert answer["outputs"][0] == {"name": "y", "datatype": "FP32", "shape": [len(each), 2], "data": [
            value for row in each for value in (row, row)
        ]}  # fmt: skip
    total = sum(map(len, rows))
    assert page['labkit_batch_rows_sum{"model": "tiny"}'] == total
    assert page['labkit_requests_total{"model": "tiny", "status": "200"}'] == len(rows)
    assert page['labkit_queue_seconds_count{"model": "tiny"}'] == len(rows)
    counted = {label: sum(each.count(float(index)) for each in rows) for index, label in enumerate(("zero", "one"))}
    for label, count in counted.items():
        assert page[f'labkit_predictions_total{{"label": "{label}", "model": "tiny"}}'] == count


@pytest.mark.parametrize(("options", "batches"), [({"max_batch": 1}, 24), ({"max_batch": 4}, 6)])
def test_a_batch_holds_no_more_rows_than_it_may(serve, options, batches):
    with serve(max_delay_ms=2000, **options) as server:
        answers = many(server, [question(1.0)] * 24, clients=24)
        page = samples(server.get("/metrics"))
    assert [status for status, _ in answers] == [200] * 24
    assert page['labkit_batch_rows_count{"model": "tiny"}'] == batches


def test_what_arrives_while_the_engine_computes_is_computed_together(serve):
    with serve(service_ms=300) as server:
        answers = many(server, [question(2.0)] * 17, clients=17)
        page = samples(server.get("/metrics"))
    assert [labels_of(answer) for _, answer in answers] == [[2]] * 17
    assert page['labkit_batch_rows_count{"model": "tiny"}'] <= 4  # one or more alone at first, then the others
    assert page['labkit_compute_seconds_sum{"model": "tiny"}'] >= 0.3


def test_the_service_time_is_the_engines_own(serve):
    with serve(service_ms=20, service_per_row_ms=10, service="exponential", seed=3) as server:
        connection = server.connect()
        for _ in range(20):
            assert ask(connection, question(1.0, 1.0, 1.0))[0] == 200
        page = samples(server.get("/metrics"))
    mean = page['labkit_compute_seconds_sum{"model": "tiny"}'] / 20
    assert 0.02 < mean < 0.15  # 0.05 in the mean, exponentially distributed


def test_several_models_and_several_inputs(serve, tmp_path):
    from labkit.serving.tensors import Tensor

    directory = write_model(tmp_path / "two")
    write_model(
        directory,
        "pair",
        inputs=(Tensor("a", "INT8", (-1, 2)), Tensor("b", "FP64", (-1,))),
        outputs=(Tensor("sum", "FP16", (-1, 1, 3)),),
        labels=(),
    )
    with serve(directory) as server, triton.InferenceServerClient(server.url.removeprefix("http://")) as client:
        assert client.get_model_metadata("pair")["outputs"] == [
            {"name": "sum", "datatype": "FP16", "shape": [-1, 1, 3]}
        ]
        a, b = np.array([[3, 0], [-4, 0]], np.int8), np.array([1.0, 2.0])
        for binary in (True, False):
            asked = [triton.InferInput("b", [2], "FP64"), triton.InferInput("a", [2, 2], "INT8")]
            for each, array in zip(asked, (b, a), strict=True):
                each.set_data_from_numpy(array, binary_data=binary)
            wanted = [triton.InferRequestedOutput("sum", binary_data=binary)]
            answer = client.infer("pair", asked, outputs=wanted).as_numpy("sum")
            np.testing.assert_array_equal(answer, np.full((2, 1, 3), [[[3]], [[-4]]], np.float16), strict=True)
        assert labels_of(ask(server.connect(), question(3.0))[1]) == [3]
