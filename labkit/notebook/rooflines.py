"""The roofline of a machine, with points for the programs that ran under it (Williams, Waterman & Patterson 2009)."""

from collections.abc import Mapping

import numpy as np

from labkit.notebook.figures import COLOURS, figure, png, verbatim
from labkit.notebook.records import folder
from labkit.notebook.stops import NotQuite

SPAN = 16.0  # how far the axis reaches beyond the ridge, and beyond the outermost points


def roofline(
    points: Mapping[str, tuple[float, float]], peak: float, bandwidth: float, title: str, stamp: str = "measured"
) -> None:
    """Draw the roof min(peak, bandwidth * intensity), and each program at its (intensity, speed) below it.

    peak and speeds in GFLOP/s, bandwidth in GB/s, intensities in FLOP per byte. The picture is kept for the portfolio.
    Raises NotQuite for what cannot lie on logarithmic axes.
    """
    if not all(value > 0 for value in (peak, bandwidth, *(number for point in points.values() for number in point))):
        raise NotQuite("A roofline has logarithmic axes: every number has to be larger than 0.")
    ridge = peak / bandwidth
    intensities = [ridge, *(intensity for intensity, _ in points.values())]
    xs = np.geomspace(min(intensities) / SPAN, max(intensities) * SPAN, 200)
    with figure(title, "arithmetic intensity [FLOP/byte]", "speed [GFLOP/s]", stamp) as axes:
        axes.plot(xs, np.minimum(peak, bandwidth * xs), color="black")
        axes.axvline(ridge, color="#999999", linewidth=1, linestyle=":")
        by_speed = sorted(points.items(), key=lambda point: point[1][1])
        for number, (name, at) in enumerate(by_speed):
            axes.plot(*at, "o", color=COLOURS[number % len(COLOURS)])
            side = 1 if number % 2 == 0 else -1  # neighbours are named on different sides: they often lie close
            place = {"xytext": (9 * side, -4), "textcoords": "offset points", "ha": "left" if side > 0 else "right"}
            axes.annotate(verbatim(name), at, **place)
        axes.set(xscale="log", yscale="log")
        axes.grid(True)
    with open(folder() / "roofline.png", "wb") as picture:
        picture.write(png(axes.figure))
