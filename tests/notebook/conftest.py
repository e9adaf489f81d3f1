import pytest

from labkit.notebook import explanations, predictions, session, stops


@pytest.fixture(autouse=True)
def lab(monkeypatch):
    """A lab is open, nobody answers for the student, and no earlier test has asked anything."""
    monkeypatch.delenv("LABKIT_EXAMPLE_STUDENT", raising=False)
    monkeypatch.setattr(predictions, "_asked", {})
    monkeypatch.setattr(session, "_lab", "00_questions")


@pytest.fixture
def in_a_notebook(monkeypatch):
    """Stops are raised, as IPython would show them."""
    monkeypatch.setattr(stops, "get_ipython", lambda: object())


@pytest.fixture
def ours(tmp_path, monkeypatch):
    """A course whose lab 00 explains one thing."""
    folder = tmp_path / "course" / "notebooks" / "explanations"
    folder.mkdir(parents=True)
    (folder / "00_questions.md").write_text("# Ours\n\n## Who carries what?\nThe *imports*.\n\n## other\nelse\n")
    monkeypatch.setattr(explanations, "course", lambda: tmp_path / "course")
