"""A timeline as a figure: one row a rank, what it computed in full height, what it sent in a thin bar below.

What a thread received while the rank went on is a thinner one, below that.
"""

from labkit.notebook.figures import COLOURS, figure
from labkit.notebook.stops import NotQuite
from labkit.parallel.timeline import Timeline

LOOKS = {  # kind: colour, height, distance below the middle of the row
    "compute": (COLOURS[0], 0.5, -0.1),
    "wait": (COLOURS[4], 0.5, -0.1),
    "send": (COLOURS[1], 0.16, 0.26),
    "receive": (COLOURS[2], 0.08, 0.4),
}
LABELS = {"compute": "computes", "wait": "waits", "send": "sends", "receive": "receives meanwhile"}


def draw_timeline(timeline: Timeline, title: str, stamp: str = "throttled") -> None:
    """Show it: time [ms] from left to right, rank 0 on top. Raises NotQuite for a timeline without events."""
    spans = {kind: _spans(timeline, kind) for kind in LOOKS}
    if not any(spans.values()):
        raise NotQuite("There is nothing to draw: use `compute`, `link.send` and `link.recv`, and timeline=True.")
    with figure(title, "time [ms]", "", stamp, size=(9, 1.8 + 0.5 * timeline.n)) as axes:
        for kind, (colour, height, below) in LOOKS.items():
            label = LABELS[kind]
            for rank, pieces in spans[kind].items():
                low = rank + below - height / 2
                axes.broken_barh(pieces, (low, height), facecolor=colour, edgecolor="white", linewidth=0.5, label=label)
                label = None  # the legend names a kind once
        axes.set_yticks(range(timeline.n), [f"rank {rank}" for rank in range(timeline.n)])
        axes.set_ylim(timeline.n - 0.5, -0.5)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(LOOKS))


def _spans(timeline: Timeline, kind: str) -> dict[int, list[tuple[float, float]]]:
    """By rank, (start, length) in milliseconds."""
    found: dict[int, list[tuple[float, float]]] = {}
    for event in timeline.events:
        if event.kind == kind:
            found.setdefault(event.rank, []).append((1e3 * event.start, 1e3 * (event.end - event.start)))
    return found
