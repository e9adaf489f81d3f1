import numpy as np
import pytest

from labkit.grading.slow_memory import SlowMemory, run


def test_every_transfer_is_counted_and_what_is_written_lies_elsewhere():
    def program(read, write, count):
        for block in range(count):
            write(block, [0.0] * len(read(block)))
            assert read(block)[0] != 0

    memory = run(program, [1.0, 2.0, 3.0, 4.0], [1, 3])
    assert (memory.reads, memory.writes) == ([2, 2], [1, 1])
    assert memory.result.tolist() == [0.0] * 4


def test_a_block_that_was_read_can_be_changed_without_harm():
    memory = SlowMemory([1.0, 2.0], [2])
    memory.read(0)[:] = 7
    assert memory.read(0).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("block", [-1, 2, 0.0, "0", True, None])
def test_there_are_no_other_blocks(block):
    with pytest.raises(AssertionError, match="block"):
        SlowMemory([1.0, 2.0], [1, 1]).read(block)


def test_a_block_has_as_many_numbers_as_its_place():
    memory = SlowMemory([1.0, 2.0, 3.0], [1, 2])
    with pytest.raises(AssertionError, match=r"block 1 has shape \(2,\)"):
        memory.write(1, np.zeros(3))
    memory.write(np.int64(1), [5, 6])
    with pytest.raises(AssertionError, match="nothing was written to block 0 of 2"):
        _ = memory.result


@pytest.mark.parametrize("sizes", [[], [3, 0], [1, 1], [4]])
def test_blocks_make_the_row(sizes):
    with pytest.raises(ValueError, match="no row of 3"):
        SlowMemory([1.0, 2.0, 3.0], sizes)
