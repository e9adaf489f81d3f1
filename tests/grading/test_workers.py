"""Problem set 07: many workers do what one does, planted faults show where they should, clusters are fair."""

import re

import pytest
import torch

from labkit.errors import WrongUse
from labkit.grading import alibis
from labkit.grading.alibis import disguised, fault_of, right
from labkit.grading.clusters import CLEAR, WORKERS, cluster_for
from labkit.grading.ranked import on_ranks
from labkit.grading.suspects import FAULTS, SUSPECTS, suspect_for
from labkit.grading.workers import alone, begun, given, gradient_bytes, model_for, start, train

EVEN, UNEVEN = (8, 8), (5, 9, 2)
# Where a fault cannot be seen, and why: Adam cancels a factor, even means are one mean, SGD is linear, a first step has
# none before it.
HIDDEN = {
    "sum": (UNEVEN, {"optimizer": "adam"}),
    "mean of means": (EVEN, {}),
    "late": (UNEVEN, {"steps": 1}),
    "weights": (UNEVEN, {"optimizer": "sgd"}),
}


def gap(step, sizes, **asked) -> float:
    arguments = given(sizes, **asked)
    one = alone(arguments)["parameters"]
    results = on_ranks([train, start, step], arguments).results
    return max((found["parameters"] - one).abs().max().item() for found in results)


@pytest.mark.parametrize("model", ["plain", "tied", "frozen"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_right_step_is_that_of_one_worker(model, optimizer):
    assert gap(right, UNEVEN, model=model, optimizer=optimizer) < 1e-12


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_shows(fault):
    asked = {"optimizer": "adam"} if fault == "weights" else {}
    assert gap(SUSPECTS[fault], UNEVEN, **asked) > 1e-3


@pytest.mark.parametrize("fault", HIDDEN)
def test_a_fault_hides(fault):
    sizes, asked = HIDDEN[fault]
    assert gap(SUSPECTS[fault], sizes, **asked) < 1e-4


def test_everybody_has_a_suspect_and_all_faults_are_met():
    met = {fault_of(suspect_for(f"student {number}")) for number in range(60)}
    assert met == set(FAULTS)
    assert suspect_for("Grace  Hopper") is suspect_for("grace hopper")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_disguise_does_the_same_and_is_found_by_name(fault):
    twin = disguised(SUSPECTS[fault])
    assert twin is getattr(alibis, twin.__qualname__)
    assert twin not in SUSPECTS.values()
    assert gap(twin, UNEVEN, optimizer="adam") == gap(SUSPECTS[fault], UNEVEN, optimizer="adam")


def test_ranks_draw_weights_of_their_own_until_they_begin_together():
    apart = on_ranks([begun, lambda model: None], [("plain", rank) for rank in range(2)]).results
    together = on_ranks([begun, start], [("plain", rank) for rank in range(2)]).results
    assert not torch.equal(*apart)
    assert torch.equal(*together)
    assert torch.equal(together[0], apart[0])


def test_what_is_frozen_has_no_gradient_and_what_is_tied_counts_once():
    assert gradient_bytes("frozen") == gradient_bytes("plain") - 8 * sum(
        p.numel() for p in model_for("plain", 0)[2].parameters()
    )
    tied = model_for("tied", 0)
    assert tied.back.weight is tied.there.weight
    assert gradient_bytes("tied") == 8 * (12 * 12 + 12 + 12 + 12 + 1)


def test_a_models_weights_leave_the_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    model_for("plain", 7)
    assert torch.equal(torch.rand(1), expected)


def test_a_cluster_has_one_fewest_and_one_fastest():
    for number in range(200):
        cluster = cluster_for(f"student {number}")
        hours = {n: cluster["steps"] * step_seconds(cluster, n) / 3600 for n in WORKERS}
        fastest = min(hours, key=hours.get)
        fewest = min(n for n in WORKERS if hours[n] <= cluster["hours"])
        assert 1 < fewest < fastest
        assert all(took > CLEAR * hours[fastest] for n, took in hours.items() if n != fastest)
        assert all(abs(took / cluster["hours"] - 1) > 0.9 * (CLEAR - 1) for took in hours.values())


def step_seconds(cluster: dict, n: int) -> float:
    message = cluster["gradients"] / n / cluster["bandwidth"]
    return cluster["seconds"] / n + 2 * (n - 1) * (cluster["latency"] + message)


def test_names_draw_other_clusters():
    drawn = {re.sub(r"\s", "", str(cluster_for(f"student {number}"))) for number in range(50)}
    assert len(drawn) == 50


@pytest.mark.parametrize("asked", [{"optimizer": "Adam"}, {"model": "nope"}])
def test_what_there_is_not_is_refused(asked):
    with pytest.raises(WrongUse, match="is one of"):
        given(EVEN, **asked)
