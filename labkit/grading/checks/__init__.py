"""What a test cell calls. Each check raises an AssertionError that tells a student what was asked and what came.

same(got, expected)            equal data: types, structure and values
close(got, expected)           equal numbers, but for rounding; guesses what went wrong
within(seconds, f, *args)      what f returns, if it does so in time
raises(ValueError, f, *args)   f refuses these arguments, and says why
counted(f)                     f, with the calls that it got
awkward_sizes(16, 32)          sizes that do not fit tiles of 16 and 32
awkward_arrays(array)          the same numbers, otherwise laid out in memory
points((1, "name", check))     partial credit: the last line of a cell

Nothing here calls a method that a student could have written: an object whose `__eq__` is always true is refused, and a
subclass of a builtin is read as that builtin, as it is when it crosses to the judge.
"""

from labkit.grading.checks.calls import counted, raises, within
from labkit.grading.checks.equality import same
from labkit.grading.checks.nearness import close
from labkit.grading.checks.parts import points
from labkit.grading.checks.sizes import awkward_arrays, awkward_sizes

__all__ = ["awkward_arrays", "awkward_sizes", "close", "counted", "points", "raises", "same", "within"]
