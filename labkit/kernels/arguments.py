"""Checks of what a caller hands to a kernel: compiled code believes what it is told about memory.

A small kernel takes three microseconds, and checks in Python as many. So some ops have a door (see `jit.door`), which
checks in compiled code; the checks here then are for what did not get in.
"""

import numpy as np

from labkit.kernels.jit import jit

FLOAT32 = np.dtype(np.float32)


def check_array(name: str, value: object, dimensions: int, dtype: np.dtype = FLOAT32) -> None:
    """Raise TypeError for another kind or element type, ValueError for another number of dimensions or layout."""
    if type(value) is not np.ndarray:
        raise TypeError(f"{name} is a {type(value).__name__}, not a NumPy array: pass {_as_array(value, name)}.")
    if value.dtype != dtype:
        raise TypeError(f"{name} holds {value.dtype}, and the kernel takes {dtype}: pass {name}.astype(np.{dtype}).")
    if value.ndim != dimensions:
        raise ValueError(f"{name} has shape {value.shape}, and the kernel takes {dimensions} dimensions.")
    if not (value.flags.c_contiguous and value.flags.aligned):
        raise ValueError(f"{name} does not lie row by row in memory: pass np.ascontiguousarray({name}).")


def check_shape(name: str, value: np.ndarray, shape: tuple, because: str) -> None:
    """Raise ValueError where an array's shape is not what another argument asks for."""
    if value.shape != shape:
        raise ValueError(f"{name} has shape {value.shape}, and {because} asks for {shape}.")


def check_writable(name: str, value: np.ndarray) -> None:
    if not value.flags.writeable:
        raise ValueError(f"{name} is read-only, and the kernel writes to it: pass {name}.copy().")


def check_apart(name: str, value: np.ndarray, **others: np.ndarray) -> None:
    """Raise ValueError where a written array shares memory with another one."""
    for other, read in others.items():
        if np.may_share_memory(value, read):  # it compares bounds, which is exact for arrays without gaps
            raise ValueError(f"{name} shares memory with {other}: the result would be wrong. Pass an own array.")


def all_plain(*values: object) -> bool:
    """Whether all are arrays and nothing more. A door does not ask: it would not see the mask of a masked array."""
    for value in values:  # noqa: SIM110, as `all` of a generator takes three times as long
        if type(value) is not np.ndarray:
            return False
    return True


@jit
def apart(a, b):
    """Whether two arrays without gaps share no memory, asked in compiled code."""
    first, second = a.ctypes.data, b.ctypes.data
    return first + a.nbytes <= second or second + b.nbytes <= first


def check_output(out: object, shape: tuple, name: str = "out", **inputs: np.ndarray) -> None:
    """Raise TypeError or ValueError where a float32 result of this shape cannot be written to `out`."""
    check_array(name, out, len(shape))
    check_shape(name, out, shape, "the result")
    check_writable(name, out)
    check_apart(name, out, **inputs)


def check_outputs(out: object, shapes: tuple, **inputs: np.ndarray) -> None:
    """The same for several results, which may not share memory with each other either."""
    if not isinstance(out, (tuple, list)) or len(out) != len(shapes):
        raise TypeError(f"out is {type(out).__name__}; it takes a tuple of {len(shapes)} arrays.")
    taken = dict(inputs)
    for index, (array, shape) in enumerate(zip(out, shapes, strict=True)):
        check_output(array, shape, f"out[{index}]", **taken)
        taken[f"out[{index}]"] = array


def output(out: object, shape: tuple, name: str = "out", **inputs: np.ndarray) -> np.ndarray:
    """The array to write: a new one for None, else the caller's, checked. It may not share memory with the inputs."""
    if out is None:
        return np.empty(shape, FLOAT32)
    check_output(out, shape, name, **inputs)
    return out


def _as_array(value: object, name: str) -> str:
    if np.ma.isMaskedArray(value):
        return f"{name}.filled()"
    if isinstance(value, np.ndarray):
        return f"np.asarray({name})"
    return f"{name}.numpy()" if hasattr(value, "numpy") else f"np.array({name}, dtype=np.float32)"
