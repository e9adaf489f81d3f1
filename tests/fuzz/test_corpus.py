"""Every input that fuzzing has kept, and a few thousand random changes to them, read without atheris."""

import random
from pathlib import Path

import pytest

from tests.fuzz.mutations import mutated
from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
CHANGES = 2000


def inputs(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


@pytest.mark.parametrize("name", TARGETS)
def test_what_fuzzing_has_kept_is_read_or_refused(name):
    assert len(inputs(name)) > 5
    for data in inputs(name):
        TARGETS[name].check(data)


@pytest.mark.parametrize("name", TARGETS)
def test_random_changes_of_it_are_read_or_refused(name):
    target, rng = TARGETS[name], random.Random(7)
    known = [*inputs(name), *target.seeds()]
    for _ in range(CHANGES):
        data = mutated(rng.choice(known), target, rng)
        try:
            target.check(data)
        except Exception as problem:
            pytest.fail(f"{data!r}: {problem!r}")


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_right_is_read_as_it_is(name):
    for data in TARGETS[name].seeds():
        TARGETS[name].check(data)
