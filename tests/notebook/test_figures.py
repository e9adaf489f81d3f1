"""One plot style, and what every figure must say."""

import pytest

from labkit.notebook import NotQuite, bars, figure, figures, histogram, line, pictures, roofline


@pytest.fixture
def shown(monkeypatch):
    """The pictures that would be on the page, with their words."""
    pages = []
    monkeypatch.setattr(figures, "show_picture", lambda png, words: pages.append((png, words)))
    return pages


def test_each_figure_is_a_stamped_picture_with_words(shown):
    bars({"a $5": 1.0, "b $6": 200.0}, title="b costs $6", x="memory [MB]", stamp="measured", log=True)
    line(
        {"a": ([1, 2], [3, 4]), "b": ([1], [2])},
        title="Grows",
        x="n [images]",
        y="time [ms]",
        stamp="simulated",
        log="xy",
    )
    histogram([1.0, 2.0, 9.0], title="Far", x="time [ms]", stamp="throttled", marks={"p99": 9.0})
    pictures([[[0, 1], [1, 0]]] * 3, ["a", "b", "c"], title="Three", columns=2)
    assert [words for _, words in shown] == [
        "Figure (measured): b costs $6",
        "Figure (simulated): Grows",
        "Figure (throttled): Far",
        "Figure: Three",
    ]
    assert all(png.startswith(b"\x89PNG") for png, _ in shown)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": " "}, "needs a title"),
        ({"x": "time"}, "unit"),
        ({"stamp": "guessed"}, "measured, throttled, simulated"),
    ],
)
def test_a_figure_without_title_unit_or_stamp_is_refused(change, words, shown):
    wanted = {"title": "t", "x": "time [ms]", "y": "n [images]", "stamp": "measured"} | change
    with pytest.raises(ValueError, match=words), figure(**wanted) as axes:
        axes.plot([1], [1])
    assert shown == []


def test_a_helper_is_as_strict(shown):
    with pytest.raises(ValueError, match="unit"):
        bars({"a": 1}, title="t", x="", stamp="measured")
    with pytest.raises(ValueError, match="empty"):
        histogram([], title="t", x="time [ms]", stamp="measured")
    with pytest.raises(ValueError, match="give each picture one"):
        pictures([[[1]]], [], title="t")


def test_a_roofline_is_drawn_and_kept_for_the_portfolio(shown, tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    roofline({"naive": (85.3, 0.5), "softmax": (0.6, 9.0)}, 100, 20, "Far below the roof")
    assert [words for _, words in shown] == ["Figure (measured): Far below the roof"]
    assert (tmp_path / "records" / "roofline.png").read_bytes() == shown[0][0]
    with pytest.raises(NotQuite, match="larger than 0"):
        roofline({"nothing": (0, 1)}, 100, 20, "Nothing")
