"""The bench of grading, with a class of one and a class of two."""

import pytest

from labkit.bench import grading
from labkit.bench.grading import cohort
from tests.needs import needs_sandbox


def test_it_measures_both_graders_on_work_that_nobody_has_done_before(monkeypatch):
    needs_sandbox()
    monkeypatch.setattr(grading, "FEW", 1)
    monkeypatch.setattr(grading, "MANY", 2)
    result = grading.measure()
    assert set(result["summary"]) == {"stock_s", "judge_s", "ratio", "per_submission_s", "cohort_300_s"}
    assert sorted(row["grader"] for row in result["rows"]) == ["judge", "judge", "judge", "judge_300", "stock"]
    assert all(row["seconds"] > 0 and row["peak_mb"] > 10 for row in result["rows"])


def test_no_two_submissions_are_the_same_and_a_lost_grade_is_noticed(tmp_path):
    course = cohort.make(tmp_path / "course")
    ready = cohort.with_submissions(course, tmp_path / "class", 3)
    texts = {path.read_text() for path in ready.glob("submitted/*/lab/lab.ipynb")}
    assert len(texts) == 3
    assert all("NotImplementedError" not in text and "YOUR CODE" not in text for text in texts)
    with pytest.raises(RuntimeError, match="not everybody got 12 points"):
        cohort._check(ready)
