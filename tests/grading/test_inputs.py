"""The inputs of the problem sets: every student's are fair, and every planted mistake can be found."""

from itertools import pairwise
from math import inf

import numpy as np
import pytest
import torch

from labkit.data import LABELS, photos, prepare
from labkit.grading import clients, tiny_tagger
from labkit.grading.flops import torch_flops
from labkit.grading.orders import order_for
from labkit.grading.seeds import dice
from labkit.grading.tiny_tagger import MISTAKES, pool, tag
from labkit.grading.traces import trace_for
from labkit.models import Cnn, Gpt, GptConfig

NAMES = [f"student {i}" for i in range(200)]


def test_an_order_needs_several_machines_and_no_deadline_falls_on_a_step():
    for name in NAMES:
        order = order_for(name)
        steps_an_epoch = order["deadline_s"] * order["efficiency"] / (order["step_s"] * order["epochs"])
        assert abs(steps_an_epoch - round(steps_an_epoch)) > 1e-6
        assert 2 <= order["samples"] / (order["batch"] * steps_an_epoch) <= 30


def test_a_trace_shows_customers_what_a_tool_omits():
    for name in NAMES:
        log, every_ms = trace_for(name)
        assert [row["request"] for row in log] == list(range(len(log)))
        assert all(after["sent"] >= before["sent"] for before, after in pairwise(log))
        quick = sorted(row["answered"] - row["sent"] for row in log if row["answered"] is not None)
        meant = [log[0]["sent"] + row["request"] * every_ms for row in log]
        real = sorted(
            inf if row["answered"] is None else row["answered"] - at for row, at in zip(log, meant, strict=True)
        )
        p99 = real[int(0.99 * len(real))]
        assert real[0] > 0
        assert 2 <= sum(wait == inf for wait in real) <= 4
        assert 20 * quick[int(0.99 * len(quick))] < p99 < inf


def test_the_tiny_tagger_names_the_garments_as_the_course_does():
    assert tiny_tagger.LABELS == LABELS


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_shows_on_coloured_photos(mistake):
    shots = pool(dice("anybody", "shots"), ["coloured"] * 200)
    right, wrong = tag(shots), tag(shots, mistake, swapped=(8, 9))
    gap = np.abs(right["probabilities"] - wrong["probabilities"]).max(1)
    if mistake == "swapped labels":
        assert (gap == 0).all()
        assert (right["label"] != wrong["label"]).any()
    else:
        assert gap.min() > 1e-3


def test_rounding_is_no_mistake():
    shots = pool(dice("anybody", "shots"), ["coloured"] * 200)
    right, other = tag(shots), tag(shots, "other rounding")
    assert 0 < np.abs(right["probabilities"] - other["probabilities"]).max() < 1e-5
    assert (right["label"] == other["label"]).all()


@pytest.mark.parametrize(
    ("kind", "blind_to"),
    [
        ("grey", {"swapped channels"}),
        ("purple", {"swapped channels"}),
        ("mirrored", {"wrong layout"}),
        ("plain", {"wrong layout"}),
        ("black", {"swapped channels", "wrong layout", "wrong scale"}),
        ("coloured", set()),
    ],
)
def test_a_kind_of_photo_is_blind_to_what_it_says(kind, blind_to):
    shots = pool(dice("anybody", kind), [kind] * 3)
    unseen = {
        one for one in MISTAKES[:4] if np.array_equal(tag(shots, one)["probabilities"], tag(shots)["probabilities"])
    }
    assert unseen - {"swapped labels"} == blind_to


def test_every_client_changes_what_the_network_sees():
    shots = photos(112, "test")[:20]
    right = prepare(shots)
    kinds = [clients.darker, clients.gamma, clients.shifted, clients.enlarged, clients.exchanged_channels]
    for make in kinds:
        seen = make(np.random.default_rng(1))(shots)
        assert (seen.shape, seen.dtype) == (right.shape, right.dtype)
        assert np.abs(seen - right).mean() > 0.02
        assert -0.001 <= seen.min() <= seen.max() <= 1.001


def test_all_clients_are_met_by_some_student():
    shots = photos(112, "test")[:4]
    seen = {round(float(clients.client_for(name)(shots).mean()), 4) for name in NAMES[:60]}
    assert len(seen) > 10


def test_torch_counts_what_the_formulas_say():
    assert torch_flops(torch.nn.Linear(3, 5), torch.zeros(2, 3)) == 2 * 2 * 3 * 5
    one, step = (
        torch_flops(Gpt(GptConfig(9, 6, 1, 1, 4)), torch.zeros(1, 6, dtype=torch.int64), way) for way in (0, 1)
    )
    assert step == 3 * one == 3 * 6 * (2 * (12 * 16 + 9 * 4) + 4 * 6 * 4)
    image = torch.zeros(1, 1, 28, 28)
    first = 2 * 28 * 28 * 32 * 9  # the gradient of the photo, which nobody needs
    assert torch_flops(Cnn(), image, training=True) == 3 * torch_flops(Cnn(), image) - first
