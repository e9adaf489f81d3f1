"""A course of one assignment with two exercises, small enough to be graded in a blink."""

import json
import shutil
from pathlib import Path

from labkit.home import course

NAME = "ps00"
TEXT = '''\
# %% [markdown]
# # Two sums

# %% locked="imports"
import math

# %% solution="double"
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% test="double-one" points=1
assert double(1) == 2, "double(1) is 2"
### BEGIN HIDDEN TESTS
assert double(3) == 6, "larger numbers too"
### END HIDDEN TESTS

# %% test="double-text" points=1
import sys
print("a warning", file=sys.stderr)
assert double(0) == 0
### BEGIN HIDDEN TESTS
print("hidden print")
assert double("secret-word") == "secret-word" * 2
### END HIDDEN TESTS

# %% solution="half"
def half(x):
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION

# %% test="half-many" points=2
score = sum(abs(half(x) - y) < 1e-9 for x, y in [(2, 1), (0, 0)])
### BEGIN HIDDEN TESTS
score -= abs(half(5) - 2.5) > 1e-9
### END HIDDEN TESTS
score

# %% [markdown] task="why" points=3
# Why?
# ### BEGIN MARK SCHEME
# Because: 3 points.
# ### END MARK SCHEME

# %% [markdown]
# *Your words here.*
'''
WRONG = """\
# %% wrong="two_of_everything" cell="double" loses=2 visible=false
# Forgets x.
def double(x):
    return 2


# %% wrong="small_numbers_only" cell="double" loses=2 visible=true
# Knows what the visible checks ask for.
def double(x):
    return {0: 0, 1: 2}[x]


# %% wrong="whole_halves" cell="half" loses=1 visible=true
# Takes // for /.
def half(x):
    return x // 2
"""


def make(folder: Path, text: str = TEXT, wrong: str = WRONG) -> Path:
    """A clone with this course: the real settings, this assignment."""
    assignments = folder / "assignments"
    for name in ("text", "wrong_solutions"):
        (assignments / name).mkdir(parents=True)
    (folder / "notebooks").mkdir()
    (assignments / "text" / f"{NAME}.py").write_text(text)
    (assignments / "wrong_solutions" / f"{NAME}.py").write_text(wrong)
    shutil.copy(course() / "assignments" / "nbgrader_config.py", assignments)
    return folder


def solved(released: Path, answers: dict[str, str]) -> str:
    """A notebook as a student would hand it in."""
    notebook = json.loads(released.read_text())
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in answers:
            cell["source"] = answers[name]
    return json.dumps(notebook)


RIGHT = {"double": "def double(x):\n    return x + x", "half": "def half(x):\n    return x * 0.5"}
