"""Latency and footprint: what may be said, and with how many samples behind it."""

import numpy as np
import pytest

from labkit.serving import footprint
from labkit.serving.footprint import memory_after_each
from labkit.serving.latency import latencies_ms, percentile, summary


def test_latencies_are_taken_after_the_warm_up():
    calls = []
    samples = latencies_ms(lambda: calls.append(1), n=20, warmup=3)
    assert (len(samples), len(calls)) == (20, 23)
    assert all(sample > 0 for sample in samples)


@pytest.mark.parametrize(("q", "expected"), [(50, 500), (99, 990), (99.9, 999), (1, 10)])
def test_a_percentile_is_a_sample_that_was_seen(q, expected):
    samples = np.random.default_rng(0).permutation(np.arange(1, 1001)).tolist()
    assert percentile(samples, q) == expected


@pytest.mark.parametrize(("q", "needed"), [(50, 2), (90, 10), (99, 100), (99.9, 1000)])
def test_too_few_samples_have_no_such_percentile(q, needed):
    assert percentile([1.0] * needed, q) == 1
    with pytest.raises(ValueError, match=f"at least {needed} samples, and there are {needed - 1}"):
        percentile([1.0] * (needed - 1), q)


@pytest.mark.parametrize("q", [0, 100, -1, float("nan")])
def test_no_percentile_beyond_the_samples(q):
    with pytest.raises(ValueError, match="between 0 and 100"):
        percentile([1.0] * 1000, q)


def test_a_summary_states_its_samples():
    done = summary([*[1.0] * 98, 7.0, 9.0])
    assert (done.p50_ms, done.p99_ms, done.samples) == (1, 7, 100)
    with pytest.raises(ValueError, match="p99 needs at least 100"):
        summary([1.0] * 99)


def test_torch_weighs_more_than_onnxruntime(shop):
    """The claim of lab 01, with room to spare: it holds on every machine that can import both."""
    torch = memory_after_each(["python", "numpy", "torch", "model", "first answer"])
    served = memory_after_each(["python", "numpy", "onnxruntime", "model", "first answer"], shop / "cnn")
    assert list(torch) == ["python", "numpy", "torch", "model", "first answer"]
    assert torch["torch"] - torch["numpy"] > served["onnxruntime"] - served["numpy"] > 0
    assert torch.total == torch["first answer"] > served.total
    assert 0 < torch.model < torch.total / 2
    assert list(torch.seconds) == list(torch)
    assert all(0 <= seconds < 60 for seconds in torch.seconds.values())


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ([], "in this order"),
        (["torch", "python"], "in this order"),
        (["python", "steam"], "in this order"),
        (["python", "python"], "in this order"),
        (["python", "model"], "needs one of"),
        (["python", "torch", "onnxruntime", "model"], "not both"),
        (["python", "torch", "first answer"], "needs the step 'model'"),
        (["python", "onnxruntime", "model"], "the folder of the exported model"),
    ],
)
def test_steps_that_cannot_be_measured_are_refused(steps, fault):
    with pytest.raises(ValueError, match=fault):
        memory_after_each(steps)


def test_a_failing_process_is_reported(tmp_path):
    with pytest.raises(RuntimeError, match="cannot be read"):
        memory_after_each(["python", "onnxruntime", "model"], tmp_path)


def test_memory_is_read_where_there_is_no_proc(monkeypatch):
    told = footprint.resident_mb()

    def missing(*_):
        raise FileNotFoundError

    monkeypatch.setattr(footprint.Path, "read_text", missing)
    assert footprint.resident_mb() == pytest.approx(told, rel=0.2)
