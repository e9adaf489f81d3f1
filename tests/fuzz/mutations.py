"""Small random changes: to bytes, and to JSON so that it stays JSON."""

import copy
import random

from tests.fuzz.targets import Target

ATOMS = [
    *(None, True, False, 0, 1, -1, 2, 8, 65536, 2**31, 2**62, 2**63, 10**19, 0.0, -0.0, 1.5, 1e308, [], {}),
    *("", "a", "nan", "-ff", "\ud800", "class", "_x", "bool", "bfloat16"),
    *("<f8", "|b1", "<f16", ">c32", "<U2", "<U0", "<M8[ns]", "|S0", "O"),
]
PIECES = [b"\n", b'"', b"[", b"]", b"{", b"}", b",", b"null", b"-", b"1e", b"\\u", b"\xff" * 8, b"\0" * 8, b"LKJ1"]


def mutated(data: bytes, target: Target, rng: random.Random) -> bytes:
    """The bytes with a change or a few."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = _json_changed(data, target, rng) if rng.random() < 0.7 else _bytes_changed(data, rng)
    return data


def _bytes_changed(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    end = min(len(data), at + rng.choice((0, 1, 1, 4, 16)))
    piece = rng.choice((b"", rng.choice(PIECES), rng.randbytes(1), rng.randbytes(4), data[at:end] * 2))
    return data[:at] + piece + data[end:]


def _json_changed(data: bytes, target: Target, rng: random.Random) -> bytes:
    try:
        tree, rest = target.unpack(data)
        holder = [copy.deepcopy(tree)]
        _change(holder, target.words, rng)
        return target.pack(holder[0], rest)
    except Exception:  # it is no JSON any more
        return _bytes_changed(data, rng)


def _change(holder: list, words: tuple[str, ...], rng: random.Random) -> None:
    """Changes one place somewhere in a list of JSON values."""
    places = list(_places(holder))
    inside, key = rng.choice(places)
    other_inside, other_key = rng.choice(places)
    other = copy.deepcopy(other_inside[other_key])
    if inside is not holder and rng.random() < 0.3:
        _rebuild(inside, key, other, words, rng)
        return
    if rng.random() < 0.1:
        inside[key] = [rng.choice(words), inside[key], inside[key]]
    else:
        inside[key] = rng.choice((rng.choice(words), rng.choice(ATOMS), other, _nudged(inside[key], rng)))


def _rebuild(inside: list | dict, key: object, other: object, words: tuple[str, ...], rng: random.Random) -> None:
    """Takes a member out of a list or a dict, or puts one in."""
    if rng.random() < 0.5:
        del inside[key]
    elif isinstance(inside, dict):
        inside[rng.choice(words)] = other
    else:
        inside.insert(key, other)


def _nudged(value: object, rng: random.Random) -> object:
    return value + rng.choice((-1, 1, 7)) if isinstance(value, int | float) else value


def _places(tree: object) -> list:
    keys = range(len(tree)) if isinstance(tree, list) else list(tree) if isinstance(tree, dict) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])
