"""Photos for a network: crop, mirror, planes instead of pixels, and normalise, in one pass.

prepare_images(p)[n, c, i, j] = (p[n, top + i, left + j, c] / 255 - mean_c) / std_c, columns reversed where mirrored.

A byte read and four written for a value, and two operations: nothing but getting the bytes of one colour next to each
other costs anything. The ladder: `reference` -> `value_by_value` -> `shuffled`.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from labkit.kernels.arguments import check_array, output
from labkit.kernels.jit import jit
from labkit.kernels.simd import FLOAT, INT, LINE

UINT8 = np.dtype(np.uint8)


def reference(images, size, mean, std, top, left, flip) -> np.ndarray:
    """The oracle. images: (n, H, W, C); top, left, flip: (n,). Returns float64 (n, C, h, w)."""
    height, width = size
    out = np.empty((len(images), images.shape[3], height, width))
    for n, image in enumerate(images):
        crop = image[top[n] : top[n] + height, left[n] : left[n] + width]
        crop = crop[:, ::-1] if flip[n] else crop
        out[n] = ((crop / 255 - np.asarray(mean)) / np.asarray(std)).transpose(2, 0, 1)
    return out


@jit
def value_by_value(images, top, left, flip, scale, shift, out):
    """The definition, one value at a time. images: uint8 (n, H, W, C); scale, shift: (C,); out: (n, C, h, w)."""
    count, channels, height, width = out.shape
    for n in range(count):
        for channel in range(channels):
            for i in range(height):
                for j in range(width):
                    col = width - 1 - j if flip[n] else j
                    value = np.float32(images[n, top[n] + i, left[n] + col, channel])
                    out[n, channel, i, j] = value * scale[channel] + shift[channel]


@intrinsic(prefer_literal=True)
def _shuffle_line(typingctx, row, at, channels, channel, mirrored, scale, shift, plane, j):
    """LINE pixels' values of one channel, from the bytes at row[at:], times scale plus shift, to plane[j:].

    LLVM makes of the shuffle what the processor has: one permutation of bytes, or a few.
    """
    if not all(isinstance(number, types.Literal) for number in (channels, channel, mirrored)):
        return None
    step, first, backwards = channels.literal_value, channel.literal_value, mirrored.literal_value
    order = [step * pixel + first for pixel in range(LINE)][:: -1 if backwards else 1]

    def generate(context, builder, signature, values):
        def address(array, index, vector):
            data = context.make_array(signature.args[array])(context, builder, values[array]).data
            return builder.bitcast(builder.gep(data, [values[index]]), vector.as_pointer())

        def repeated(value):
            one = builder.insert_element(ir.Constant(floats, ir.Undefined), value, INT(0))
            return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(INT, LINE), [0] * LINE))

        pixels, ints, floats = (
            ir.VectorType(*kind) for kind in ((ir.IntType(8), step * LINE), (INT, LINE), (FLOAT, LINE))
        )
        loaded = builder.load(address(0, 1, pixels))
        loaded.align = 1
        chosen = builder.shuffle_vector(loaded, loaded, ir.Constant(ir.VectorType(INT, LINE), order))
        numbers = builder.uitofp(builder.zext(chosen, ints), floats)
        scaled = builder.fmul(numbers, repeated(values[5]), flags=["contract"])
        stored = builder.store(builder.fadd(scaled, repeated(values[6]), flags=["contract"]), address(7, 8, floats))
        stored.align = 4
        return context.get_dummy_value()

    arguments = (row, types.intp, channels, channel, mirrored, types.float32, types.float32, plane, types.intp)
    return types.void(*arguments), generate


@jit
def _row_of_three(pixels, begin, mirrored, scale, shift, out, red, plane, width):
    """One row of `width` RGB pixels, LINE or more, from pixels[begin:] to out[red:], and as far on as `plane` says."""
    green, blue = red + plane, red + 2 * plane
    # A store across two cache lines costs as much as two. So all but the first and the last, which overlap their
    # neighbours, begin where a line does.
    j, following = 0, LINE - (out.ctypes.data // 4 + red) % LINE
    while True:
        if mirrored:
            at = begin + 3 * (width - LINE - j)
            _shuffle_line(pixels, at, 3, 0, True, scale[0], shift[0], out, red + j)
            _shuffle_line(pixels, at, 3, 1, True, scale[1], shift[1], out, green + j)
            _shuffle_line(pixels, at, 3, 2, True, scale[2], shift[2], out, blue + j)
        else:
            at = begin + 3 * j
            _shuffle_line(pixels, at, 3, 0, False, scale[0], shift[0], out, red + j)
            _shuffle_line(pixels, at, 3, 1, False, scale[1], shift[1], out, green + j)
            _shuffle_line(pixels, at, 3, 2, False, scale[2], shift[2], out, blue + j)
        if j == width - LINE:
            return
        j, following = min(following, width - LINE), following + LINE


@jit
def _row_of_any(pixels, begin, mirrored, scale, shift, out, first, plane, width):
    """The same for any number of channels and any width."""
    for channel in range(scale.size):
        for j in range(width):
            at = begin + scale.size * (width - 1 - j if mirrored else j) + channel
            out[first + channel * plane + j] = np.float32(pixels[at]) * scale[channel] + shift[channel]


@jit(parallel=True)
def shuffled(images, top, left, flip, scale, shift, out):
    """Sixteen pixels at a time, one shuffle a colour; the output is written in order, a row of each plane in turn."""
    (count, rows, cols, channels), (height, width) = images.shape, out.shape[2:]
    pixels, values = images.reshape(images.size), out.reshape(out.size)
    for number in prange(count * height):
        n, i = number // height, number % height
        begin = ((n * rows + top[n] + i) * cols + left[n]) * channels
        first = (n * channels * height + i) * width
        if channels == 3 and width >= LINE:
            _row_of_three(pixels, begin, flip[n], scale, shift, values, first, height * width, width)
        else:
            _row_of_any(pixels, begin, flip[n], scale, shift, values, first, height * width, width)


LADDER = (value_by_value, shuffled)


def prepare_images(
    images: np.ndarray,
    size: tuple[int, int],
    mean,
    std,
    top: int | np.ndarray | None = None,
    left: int | np.ndarray | None = None,
    flip: bool | np.ndarray | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """images: uint8 (n, H, W, C); size: (h, w). Returns float32 (n, C, h, w), (x / 255 - mean) / std.

    mean, std: a number a channel. top, left: where each crop starts, (n,) or one for all; None: centred, rounded down.
    flip: which are mirrored, left to right, (n,) or one for all. Raises TypeError or ValueError for what does not fit.
    """
    check_array("images", images, 4, UINT8)
    count, rows, cols, channels = images.shape
    height, width = crop_size(size, rows, cols)
    top = per_image("top", top, (rows - height) // 2, count, rows - height)
    left = per_image("left", left, (cols - width) // 2, count, cols - width)
    flip = per_image("flip", flip, 0, count, 1).astype(np.bool_)
    mean, std = per_channel("mean", mean, channels), per_channel("std", std, channels)
    if not (std > 0).all():
        raise ValueError(f"std is {std.tolist()}; a deviation is above zero.")
    out = output(out, (count, channels, height, width), images=images)
    shuffled(images, top, left, flip, (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32), out)
    return out


def crop_size(size: tuple[int, int], rows: int, cols: int) -> tuple[int, int]:
    """Raises TypeError where size is not two integers, ValueError where such a crop does not lie inside the images."""
    try:
        height, width = map(operator.index, size)
    except (TypeError, ValueError) as error:
        raise TypeError(f"size is {size!r}; it is two integers, (height, width).") from error
    if not (1 <= height <= rows and 1 <= width <= cols):
        raise ValueError(f"size is {(height, width)}, and the images are {rows} x {cols}: a crop lies inside.")
    return height, width


def per_image(name: str, value, otherwise: int, count: int, most: int) -> np.ndarray:
    """An int64 for each image. Raises TypeError for another kind of number, ValueError for one that is out of range."""
    given = np.asarray(otherwise if value is None else value)
    if given.dtype.kind not in "iub":
        raise TypeError(f"{name} holds {given.dtype}; it takes {'booleans' if name == 'flip' else 'integers'}.")
    if given.shape not in ((), (count,)):
        raise ValueError(f"{name} has shape {given.shape}; it takes one number, or one for each of {count} images.")
    if given.size and not (given.min() >= 0 and given.max() <= most):
        raise ValueError(f"{name} has values from {given.min()} to {given.max()}; they may be 0 to {most}.")
    return np.ascontiguousarray(np.broadcast_to(given, (count,)), np.int64)


def per_channel(name: str, value, channels: int) -> np.ndarray:
    """A float64 for each channel. Raises ValueError for another shape, and for what is not finite."""
    given = np.asarray(value, np.float64)
    if given.shape not in ((), (channels,)):
        raise ValueError(f"{name} has shape {given.shape}; the images have {channels} channels.")
    if not np.isfinite(given).all():
        raise ValueError(f"{name} is {given.tolist()}; it takes finite numbers.")
    return np.broadcast_to(given, (channels,))
