from pathlib import Path

import pytest

from labkit.editions import check

TEXT = """# %% [markdown]
# # How large is it?

# %%
from labkit.notebook import decision, explain, finding, measured, open_lab, predict

open_lab("00_questions")

# %%
predict("file size", "MB", low=..., best=..., high=...)

# %%
measured("file size", 1.69)

# %%
explain("who carries what", ...)

# %%
finding("The file costs {mb:.2f} MB.", mb=1.69)

# %%
decision(
    title="Which box?",
    context=...,
    options={"small": "5 EUR", "large": "20 EUR"},
    decision=...,
    evidence=["file size"],
    would_change_if=...,
)
"""
ANSWERS = """[00_questions.predictions]
"file size" = [1, 2, 4]
[00_questions.explanations]
"who carries what" = "The imports carry more than the model does."
[00_questions.decisions."Which box?"]
decision = "small"
context = "The shop has one box."
would_change_if = "the model grows"
"""


@pytest.fixture(scope="session")
def small_course(tmp_path_factory) -> Path:
    """A course of one short notebook, executed."""
    folder = tmp_path_factory.mktemp("course")
    for name, text in {
        "text/00_questions.py": TEXT,
        "example_student.toml": ANSWERS,
        "explanations/00_questions.md": "## who carries what\nThe *imports*.\n",
    }.items():
        path = folder / "notebooks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_COURSE", str(folder))
        (report,) = check.rewrite([])
    assert report.ok, report.problems
    return folder
