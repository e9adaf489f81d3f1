"""Ranks in a ring, what each holds of a vector, and what travels next: one step of a collective as a picture."""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from labkit.notebook.figures import COLOURS, figure
from labkit.notebook.stops import NotQuite

BOX = 0.5  # side of a shard, in the units of the axes
SHORTEN = 34  # points between an arrow's ends and the middles of its ranks
DARK = 0.6  # of the way from one summand to all of them, from which on a box is dark


class Moves(Protocol):
    """A shard that goes from one rank to another."""

    source: int
    to: int
    shard: int


def draw_ring(
    holds: Sequence[Sequence[Collection[int]]], moves: Iterable[Moves], title: str, stamp: str = "simulated"
) -> None:
    """Draw the ranks in a circle, rank 0 on top, and an arrow for each move that comes next, with its shard's number.

    holds[rank][shard]: the ranks whose numbers are summed there. The more of them, the darker the box. Raises NotQuite.
    """
    n = len(holds)
    if n < 2 or any(len(shards) != len(holds[0]) for shards in holds):
        raise NotQuite("A ring has at least two ranks, and each holds equally many shards.")
    with figure(title, "", "", stamp, size=(7, 6.4)) as axes:
        radius = max(3.0, 0.75 * n)  # neighbours at the top lie nearly beside each other, and each is n boxes wide
        places = [_place(rank, n, radius) for rank in range(n)]
        for rank, shards in enumerate(holds):
            _rank(axes, places[rank], rank, [len(summed) / n for summed in shards])
        for move in moves:
            _arrow(axes, places[move.source], places[move.to], str(move.shard))
        wide, high = radius + BOX * (len(holds[0]) / 2 + 0.5), radius + 2 * BOX
        axes.set(xlim=(-wide, wide), ylim=(-high, high), aspect="equal")
        axes.axis("off")


def _place(rank: int, n: int, radius: float) -> tuple[float, float]:
    """Clockwise from the top."""
    angle = math.pi / 2 - 2 * math.pi * rank / n
    return radius * math.cos(angle), radius * math.sin(angle)


def _rank(axes: Axes, place: tuple[float, float], rank: int, shares: list[float]) -> None:
    """A row of boxes, one a shard. shares: how much of the sum is in each, 0 to 1."""
    x, y = place
    left = x - BOX * len(shares) / 2
    axes.text(x, y + 0.75 * BOX, f"rank {rank}", ha="center", va="bottom", size=12)
    for shard, share in enumerate(shares):
        at = left + shard * BOX, y - BOX / 2
        axes.add_patch(Rectangle(at, BOX, BOX, facecolor=colormaps["Blues"](share), edgecolor="black", zorder=2))
        colour = "white" if share > DARK else "black"
        axes.text(at[0] + BOX / 2, y, str(shard), ha="center", va="center", size=10, color=colour, zorder=3)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], label: str) -> None:
    """Bent outwards, so that two ranks' arrows to each other do not lie on one another."""
    style = {
        "arrowstyle": "-|>",
        "color": COLOURS[1],
        "linewidth": 2,
        "shrinkA": SHORTEN,
        "shrinkB": SHORTEN,
        "connectionstyle": "arc3,rad=-0.15",
    }
    axes.annotate("", end, start, arrowprops=style)
    (x, y), (dx, dy) = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), (end[0] - start[0], end[1] - start[1])
    out = 0.075  # of the chord: where the middle of its arc lies
    axes.text(
        x - out * dy, y + out * dx, label, ha="center", va="center", size=12, color=COLOURS[1], backgroundcolor="w"
    )
