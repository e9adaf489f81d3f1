"""Problem set 05: a row in slow memory, which comes and goes by blocks, and every transfer is counted."""

from collections.abc import Callable

import numpy as np


def run(program: Callable, row: list[float] | np.ndarray, sizes: list[int]) -> "SlowMemory":
    """Let program(read, write, count) work on a row that lies in blocks of these sizes."""
    memory = SlowMemory(row, sizes)
    program(memory.read, memory.write, len(sizes))
    return memory


class SlowMemory:
    """A row of float64 numbers in blocks of these sizes. `read` and `write` are what a student's code is given.

    reads, writes: for each block, how often it came and went.
    """

    def __init__(self, row: list[float] | np.ndarray, sizes: list[int]):
        row = np.asarray(row, np.float64)
        if sum(sizes) != len(row) or min(sizes, default=0) < 1:
            raise ValueError(f"blocks of {sizes} numbers are no row of {len(row)}")
        self.blocks = np.split(row, np.cumsum(sizes)[:-1])
        self.written: list[np.ndarray | None] = [None] * len(sizes)
        self.reads, self.writes = [0] * len(sizes), [0] * len(sizes)

    def read(self, block: int) -> np.ndarray:
        """A block of the row, as it was from the beginning."""
        number = self._number(block)
        self.reads[number] += 1
        return self.blocks[number].copy()

    def write(self, block: int, values: np.ndarray) -> None:
        """Put a block of the result in its place."""
        number = self._number(block)
        values = np.array(values, np.float64)
        asked = self.blocks[number].shape
        assert values.shape == asked, f"block {number} has shape {asked}, and values of shape {values.shape} came"
        self.writes[number] += 1
        self.written[number] = values

    @property
    def result(self) -> np.ndarray:
        """The row that was written. Raises AssertionError where blocks are missing."""
        missing = [number for number, values in enumerate(self.written) if values is None]
        assert not missing, f"nothing was written to block {missing[0]} of {len(self.written)}"
        return np.concatenate(self.written)

    def _number(self, block: int) -> int:
        blocks = len(self.blocks)
        whole = isinstance(block, int | np.integer) and not isinstance(block, bool)
        assert whole, f"a block has a whole number, and {str(block)[:40]} came"
        assert 0 <= block < blocks, f"there is no block {block}: the {blocks} blocks are numbered from 0"
        return int(block)
