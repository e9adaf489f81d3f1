from pathlib import Path

import pytest

TEXT = """# %% [markdown]
# # A small lab

# %%
import os

print(sorted({"b", "a"}))

# %% tags=["nbval-ignore-output"]
print(os.getpid())

# %%
from labkit.notebook import finding, measured, predict

predict("size", "MB", low=..., best=..., high=...)
measured("size", 1.69)

# %%
finding("It weighs {mb:.1f} MB.", mb=1.69)
"""
# This lab opens no lab by name, so its answers stand under the empty one.
ANSWERS = '["".predictions]\n"size" = [1, 2, 4]\n'


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Path:
    """The notebooks' folder of a course with one short text form, not built yet."""
    folder = tmp_path / "course" / "notebooks"
    (folder / "text").mkdir(parents=True)
    (folder / "text" / "00_tiny.py").write_text(TEXT)
    (folder / "example_student.toml").write_text(ANSWERS)
    monkeypatch.setenv("LABKIT_COURSE", str(tmp_path / "course"))
    return folder
