"""The page of a student's work."""

import re

from labkit.notebook import decision, explain, measured, portfolio, predict


def test_an_empty_portfolio_says_where_to_begin():
    assert "None yet" in portfolio.write().read_text(encoding="utf-8")


def test_the_page_holds_everything_escaped_and_fetches_nothing():
    for name, value in (("size <b>$x$</b>", 2), ("speed", 90)):
        predict(name, "MB", low=1, best=2, high=4)
        measured(name, value)
    predict("cost", "EUR", low=None, best=None, high=None)
    explain("why", "Because of <script>alert(1)</script>", ours="Ours.")
    box = {"context": "c", "options": {"a": 1, "b": 2}, "evidence": ["speed"], "would_change_if": "x"}
    decision(title="Old & first", decision="a", **box)
    decision(title="New", decision="b", supersedes="Old & first", **box)
    page = portfolio.write().read_text(encoding="utf-8")
    assert "1 of 2 intervals held the truth; you aimed at nine in ten, here 2." in page
    assert "<script>" not in page
    assert "size &lt;b&gt;$x$&lt;/b&gt;" in page
    assert "superseded by 0002-new.md" in page
    assert "given up" in page
    assert page.count("data:image/png;base64,") == 1
    assert not re.search(r"(src|href)=.http", page)


def test_a_roofline_has_its_place_once_it_was_recorded(tmp_path):
    (tmp_path / "home" / "records").mkdir(parents=True)
    (tmp_path / "home" / "records" / "roofline.png").write_bytes(b"\x89PNG")
    assert "Roofline" in portfolio.write().read_text(encoding="utf-8")
