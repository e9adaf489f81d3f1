"""What is fuzzed: for each target a function that takes bytes, and raises where they are read in a wrong way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.fuzz import crossing, notebooks


@dataclass(frozen=True)
class Target:
    """`check` reads bytes. `unpack` and `pack` are for changes that keep the JSON whole: (tree, rest), and back.

    `words`: texts that mean something in it.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    unpack: Callable[[bytes], tuple[object, bytes]]
    pack: Callable[[object, bytes], bytes]
    words: tuple[str, ...]


TARGETS = {
    "codec": Target(
        crossing.codec_check, crossing.codec_seeds, crossing.codec_unpack, crossing.codec_pack, crossing.TAGS
    ),
    "wire": Target(crossing.wire_check, crossing.wire_seeds, crossing.wire_unpack, crossing.wire_pack, crossing.TAGS),
    "submission": Target(notebooks.check, notebooks.seeds, notebooks.unpack, notebooks.pack, notebooks.WORDS),
}
