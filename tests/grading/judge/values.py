"""Values of all kinds that cross, and what it means that two of them are the same."""

from collections import namedtuple

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

Point = namedtuple("Point", "x y")


class Thing:
    """No data."""

    def __init__(self, token=None):
        self.token = token


def same(one, other):
    """Equal and of equal types all the way down, NaN equal to NaN, 0.0 not to -0.0."""
    if isinstance(one, np.ndarray | np.generic | torch.Tensor):
        return type(one) is type(other) and same_array(one, other)
    if isinstance(one, dict):
        return type(other) is dict and same(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple):
        return _shell(one) == _shell(other) and all(map(same, one, other))
    if isinstance(one, set | frozenset):
        return type(one) is type(other) and _sorted(one) == _sorted(other)
    if isinstance(one, float | complex):
        return type(one) is type(other) and repr(one) == repr(other)
    return type(one) is type(other) and one == other


def _shell(value):
    """What a sequence is without its elements. A namedtuple's class is another, with the same name and fields."""
    fields = getattr(value, "_fields", None)
    return (type(value).__name__, fields) if fields else type(value), len(value)


def _sorted(value):
    """A text for a hashable value that does not depend on the order of sets inside."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_sorted, value))})"
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}({sorted(map(_sorted, value))})"
    return repr(value)


def same_array(one, other):
    if isinstance(one, torch.Tensor):
        alike = (one.dtype, one.shape, one.requires_grad) == (other.dtype, other.shape, other.requires_grad)
        return alike and torch.equal(_bits(one), _bits(other))
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def _bits(tensor):
    # PyTorch notes a conjugate or a sign for later, and the bytes do not have it yet. A copy has no odd strides.
    plain = tensor.detach().resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
    return plain.reshape(-1).view(torch.uint8)


plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    st.complex_numbers(),
    st.text(st.characters(), max_size=12),  # lone surrogates are among them
    st.binary(max_size=12),
)
hashable = st.recursive(plain, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4), max_leaves=6)
numpy_things = st.one_of(
    hnp.arrays(st.sampled_from(["b1", "i1", ">i4", "u8", "f2", "<f8", "c16", "S3", "U2", "M8[us]", "m8[D]"]), (2, 3)),
    hnp.arrays("f4", hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)),
)
values = st.recursive(
    hashable | numpy_things | st.builds(Thing, st.integers(-(2**63), 2**63 - 1)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=10),
        st.lists(st.floats() | st.integers(), max_size=12),
        st.tuples(inner, inner),
        st.builds(Point, inner, inner),
        st.dictionaries(hashable, inner, max_size=4),
        st.sets(hashable, max_size=4),
    ),
    max_leaves=12,
)
