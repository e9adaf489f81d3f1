"""The ring as a picture."""

import re
from typing import NamedTuple

import pytest

from labkit.notebook import NotQuite, figures
from labkit.notebook import ring as ring_module
from labkit.notebook.ring import draw_ring


class Move(NamedTuple):
    source: int
    to: int
    shard: int


@pytest.fixture
def shown(monkeypatch):
    """The pictures that would be on the page, with their words."""
    pages = []
    monkeypatch.setattr(figures, "show_picture", lambda png, words: pages.append((png, words)))
    return pages


@pytest.fixture
def drawn(monkeypatch, shown):
    """What was written into the axes, by place: names of ranks, shards in their boxes, shards on arrows."""
    found = []
    original = ring_module.figure

    def watched(*arguments, **named):
        manager = original(*arguments, **named)
        axes = manager.__enter__()
        found.append(axes)

        class Same:
            __enter__ = staticmethod(lambda: axes)
            __exit__ = manager.__exit__

        return Same()

    monkeypatch.setattr(ring_module, "figure", watched)
    return found


def test_it_is_a_stamped_picture_with_words(shown):
    draw_ring([[{0}, {0, 1}], [{1}, {1}]], [Move(0, 1, 1), Move(1, 0, 0)], "1 of 2 steps")
    ((png, words),) = shown
    assert png.startswith(b"\x89PNG")
    assert words == "Figure (simulated): 1 of 2 steps"


def test_a_box_is_darker_the_more_is_summed_in_it(drawn):
    draw_ring([[{0}, {0, 1, 2}], [{1}, {1}], [{2}, {1, 2}]], [], "darker")
    shades = [sum(patch.get_facecolor()[:3]) for patch in drawn[0].patches]
    one, two, three = shades[0], shades[5], shades[1]
    assert one > two > three
    assert shades[2] == shades[3] == one


@pytest.mark.parametrize("n", [2, 3, 8])
def test_ranks_and_moves_are_named_and_nothing_lies_on_another(drawn, n):
    moves = [Move(rank, (rank + 1) % n, (rank + 2) % n) for rank in range(n)]
    draw_ring([[{rank} for _ in range(n)] for rank in range(n)], moves, "named")
    (axes,) = drawn
    texts = [(text.get_text(), text.get_position()) for text in axes.texts if text.get_text()]
    assert [said for said, _ in texts if said.startswith("rank")] == [f"rank {rank}" for rank in range(n)]
    assert sorted(said for said, _ in texts if re.fullmatch(r"\d+", said)) == sorted(
        [str(shard) for _ in range(n) for shard in range(n)] + [str(move.shard) for move in moves]
    )
    boxes = [patch.get_bbox() for patch in axes.patches]
    assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])


def overlap(a, b, touch=1e-9):
    return min(a.x1, b.x1) - max(a.x0, b.x0) > touch and min(a.y1, b.y1) - max(a.y0, b.y0) > touch


@pytest.mark.parametrize("holds", [[], [[{0}]], [[{0}, {0}], [{1}]]])
def test_what_is_no_ring(holds):
    with pytest.raises(NotQuite, match="at least two ranks"):
        draw_ring(holds, [], "no ring")
