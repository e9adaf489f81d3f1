"""One plot style: colours that colour-blind eyes tell apart, type that a projector shows, a stamp on every claim.

Every figure states in a corner what it is: measured here, throttled (under a limit that we set) or simulated.
"""

import contextlib
import io
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from labkit.notebook.show import show_picture
from labkit.notebook.stops import NotQuite
from labkit.notebook.wording import amount

STAMPS = ("measured", "throttled", "simulated")
# Okabe & Ito (2008), the dark ones first; their yellow is too pale for a line on white, so it comes last.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
STYLE = {
    "figure.figsize": (9, 4.2),  # inches; with the dpi below as wide as a cell on a laptop
    "figure.dpi": 100,
    "font.size": 12,
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "lines.linewidth": 2.2,
    "lines.markersize": 7,
    "legend.frameon": False,
    "image.cmap": "viridis",
    "grid.alpha": 0.3,
}


def use_style() -> None:
    """Give matplotlib the course's style, also for figures that a notebook draws by itself."""
    matplotlib.rcParams.update(STYLE)


@contextlib.contextmanager
def figure(title: str, x: str, y: str, stamp: str, size: tuple[float, float] | None = None) -> Iterator[Axes]:
    """Draw on the axes it yields, and show them when the block ends. `title` is the finding, `x` and `y` name their
    unit in brackets, as in "time [ms]"; an axis of names takes "". `size` in inches. Raises NotQuite.
    """
    _check(title, stamp)
    for axis, label in (("x", x), ("y", y)):
        if label and not re.search(r"\[.+\]", label):
            raise NotQuite(f'The {axis} axis says "{label}" but not in which unit: write it as "time [ms]".')
    with matplotlib.rc_context(STYLE):
        fig = Figure(figsize=size, layout="constrained")
        axes = fig.subplots()
        axes.set(xlabel=verbatim(x), ylabel=verbatim(y))
        yield axes
        _show(fig, title, stamp)


def bars(values: Mapping[str, float], title: str, x: str, stamp: str, log: bool = False) -> None:
    """One horizontal bar a name, its value at its end; `x` says what they count, as in "memory [MB]"."""
    _need_units(x)
    if not values:
        raise NotQuite("There is nothing to draw: `values` is empty.")
    names = [verbatim(str(name)) for name in values]
    with figure(title, x, "", stamp, size=(9, 1.5 + 0.4 * len(values))) as axes:
        drawn = axes.barh(range(len(names)), list(values.values()), color=COLOURS[0])
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.bar_label(drawn, [amount(value) for value in values.values()], padding=5)
        axes.margins(x=0.12)
        if log:
            axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))


def line(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
    x: str,
    y: str,
    stamp: str,
    log: str = "",
) -> None:
    """One line a name through its (xs, ys); `log` is "x", "y" or "xy". Raises NotQuite."""
    _need_units(x, y)
    with figure(title, x, y, stamp) as axes:
        for name, (xs, ys) in series.items():
            axes.plot(xs, ys, marker="o" if len(xs) <= 40 else None, label=verbatim(str(name)))
        for axis in log:
            axes.set(**{f"{axis}scale": "log"})
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))
        axes.grid(True)
        if len(series) > 1:
            axes.legend()


def histogram(
    values: Sequence[float], title: str, x: str, stamp: str, bins: int = 40, marks: Mapping[str, float] | None = None
) -> None:
    """How often each value came. `marks` draws named lines, as in {"p99": 3.1}; the axis says how many samples."""
    _need_units(x)
    if not len(values):
        raise NotQuite("There is nothing to count: `values` is empty.")
    with figure(title, x, f"samples [of {len(values):,}]", stamp) as axes:
        axes.hist(np.asarray(values), bins=bins, color=COLOURS[0])
        for colour, (name, value) in zip(COLOURS[1:], (marks or {}).items(), strict=False):
            axes.axvline(value, color=colour, label=verbatim(f"{name}: {amount(value)}"))
        if marks:
            axes.legend()


def pictures(images: Sequence, titles: Sequence[str], title: str, stamp: str | None = None, columns: int = 6) -> None:
    """A grid of pictures, grey (h, w) or RGB (h, w, 3), uint8 or floats in [0, 1]. Data as it is needs no stamp."""
    _check(title, stamp)
    if not len(images) or len(images) != len(titles):
        raise NotQuite(f"{len(images)} pictures with {len(titles)} titles: give each picture one.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    with matplotlib.rc_context(STYLE):
        fig = Figure(figsize=(9, 0.7 + rows * 9.6 / columns), layout="constrained")
        for axes in (grid := fig.subplots(rows, columns, squeeze=False)).flat:
            axes.axis("off")
        for axes, image, name in zip(grid.flat, images, titles, strict=False):
            # Fixed limits: matplotlib would stretch each picture, and show one that is nearly black as a good one.
            white = 255 if np.asarray(image).dtype == np.uint8 else 1
            axes.imshow(np.asarray(image), cmap="gray", interpolation="nearest", vmin=0, vmax=white)
            axes.set_title(verbatim(str(name)), size=11, weight="normal", loc="center")
        _show(fig, title, stamp)


def _need_units(*labels: str) -> None:
    if not all(re.search(r"\[.+\]", label) for label in labels):
        raise NotQuite('Each axis needs a label with its unit, as in "time [ms]".')


def _check(title: str, stamp: str | None) -> None:
    if not isinstance(title, str) or not title.strip():
        raise NotQuite("A figure needs a title: the finding, in a sentence computed from the data.")
    if stamp is not None and stamp not in STAMPS:
        raise NotQuite(f'The stamp is "{stamp}"; every figure is one of {", ".join(STAMPS)}.')


def verbatim(text: str) -> str:
    """A text that means its dollar signs: matplotlib would read a formula between two."""
    return text.replace("$", r"\$")


def _show(fig: Figure, title: str, stamp: str | None) -> None:
    """Show a figure as PNG; its plain text is its title, for a terminal, a screen reader and nbval."""
    lines = textwrap.fill(verbatim(title), 90)
    fig.suptitle(lines, x=0.01, ha="left", size=14, weight="bold")
    if stamp:
        fig.supxlabel(stamp, x=0.995, ha="right", size=10, color="#555555", style="italic")
    show_picture(png(fig), f"Figure ({stamp}): {title}" if stamp else f"Figure: {title}")


def png(fig: Figure) -> bytes:
    """A figure as the bytes of a PNG file."""
    picture = io.BytesIO()
    FigureCanvasAgg(fig).print_png(picture)
    return picture.getvalue()
