"""Inputs seeded by a student's name: everybody's numbers are different, and the same again tomorrow."""

import hashlib
import unicodedata

import numpy as np

from labkit.notebook.stops import NotQuite

# What stands where a name should be. Two people who leave it there would share their numbers.
PLACEHOLDERS = {"name", "my name", "your name", "student", "me", "test", "none", "nobody", "anonymous"}


def dice(name: str, exercise: str) -> np.random.Generator:
    """The random numbers of one student in one exercise. Raises NotQuite where there is no name yet."""
    digest = hashlib.sha256(f"{exercise}\n{normal(name)}".encode()).digest()
    return np.random.default_rng(list(digest))


def normal(name: str) -> str:
    """A name without regard to capitals, spaces, and how an accent is encoded."""
    if not isinstance(name, str) or not any(letter.isalpha() for letter in name):
        raise NotQuite('Write your name in quotes into the cell under "Your name" first: your numbers come from it.')
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def is_own(name: str) -> bool:
    """Whether this can be somebody's name, and is no placeholder."""
    return normal(name) not in PLACEHOLDERS
