"""Ranks in a check that runs in the student's own kernel; the judge's side of it is in judge/ranked_hearings.py."""

import pytest
import torch

from labkit.grading.ranked import on_ranks, travels
from labkit.parallel import link

GIVEN = [(torch.arange(3.0) + rank,) for rank in range(3)]


def onwards(x: torch.Tensor) -> torch.Tensor:
    into = torch.empty_like(x)
    return link.sendrecv(x, (link.rank() + 1) % link.size(), into, (link.rank() - 1) % link.size())


def deaf(x: torch.Tensor) -> torch.Tensor:
    onwards(x)
    return x


def test_what_came_of_it():
    ran = on_ranks(onwards, GIVEN)
    assert [result[0].item() for result in ran.results] == [2, 0, 1]
    assert (ran.steps, ran.bytes_sent, ran.messages_sent) == (1, [12, 12, 12], [1, 1, 1])
    assert {(move.source, move.to) for move in ran.moves} == {(0, 1), (1, 2), (2, 0)}


def test_a_function_that_is_given_another():
    def program(function, x):
        return function(x) * 10

    assert on_ranks([program, onwards], GIVEN).results[1].tolist() == [0, 10, 20]


def test_the_tests_own_tensors_stay_as_they_are():
    def doubled(x):
        x *= 2
        return x

    given = [(torch.ones(2),)]
    assert on_ranks(doubled, given).results[0].tolist() == [2, 2]
    assert given[0][0].tolist() == [1, 1]


def test_messages_that_matter():
    travels(onwards, GIVEN, range(3))


def test_messages_that_do_not():
    with pytest.raises(AssertionError, match="message 0 was changed on its way"):
        travels(deaf, GIVEN, [0])


def test_a_message_that_is_not_sent_is_no_proof():
    with pytest.raises(AssertionError, match="no message 3"):
        travels(onwards, GIVEN, [3])


def test_a_message_that_nobody_receives():
    def program(x):
        link.start_send(x, 1 - link.rank())

    with pytest.raises(AssertionError, match="that it never received"):
        on_ranks(program, GIVEN[:2])


def test_what_is_no_function():
    with pytest.raises(TypeError, match="a function was expected"):
        on_ranks(3, GIVEN)
