"""What an executed edition must be: each planted fault is found by the rule that it breaks."""

import copy
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from labkit.editions.compared import is_compared
from labkit.editions.rules import broken
from labkit.editions.text import METADATA


def cell(count, source="print(1)", *outputs, tags=()):
    return new_code_cell(source, execution_count=count, outputs=list(outputs), metadata={"tags": list(tags)})


PRINTED = new_output("stream", name="stdout", text="1\n")
FIGURE = new_output("display_data", {"image/png": "iVBORw0=", "text/plain": "<Figure size 900x420 with 1 Axes>"})


def notebook(*cells):
    return new_notebook(cells=list(cells), metadata=copy.deepcopy(METADATA))


def test_a_sound_notebook_has_no_problem():
    assert broken(notebook(cell(1, "print(1)", PRINTED), cell(2, "x = 1"))) == []


def error():
    return new_output("error", ename="ValueError", evalue="x", traceback=[])


FAULTS = {
    "ended in an error": notebook(cell(1, "print(1)", PRINTED), cell(2, "f()", error())),
    "an assert": notebook(cell(1, "print(1)\nassert True", PRINTED)),
    "16 lines": notebook(cell(1, "\n".join(["print(1)"] * 16), PRINTED)),
    "not executed": notebook(cell(1, "print(1)", PRINTED), cell(None)),
    "in order": notebook(cell(2, "print(1)", PRINTED), cell(1, "x = 1")),
    "only 1 of 3": notebook(cell(1, "print(1)", PRINTED), cell(2, "plot()", FIGURE), cell(3, "x = 1")),
    "does not know: nbval-ignore-outputs": notebook(cell(1, "print(1)", PRINTED, tags=["nbval-ignore-outputs"])),
    "a path of this machine": notebook(cell(1, "p", new_output("stream", text=f"{Path.home()}/x.py: warning"))),
    "not Python": notebook(cell(1, "print(", PRINTED)),
}


@pytest.mark.parametrize("words", FAULTS)
def test_a_planted_fault_is_found(words):
    (problem,) = broken(FAULTS[words])
    assert words in problem


def test_faults_of_the_file_itself():
    without = notebook(cell(1, "print(1)", PRINTED))
    without.metadata = {"widgets": {}}
    assert [words.split()[1] for words in broken(without)] == ["kernelspec", "state"]


def test_an_error_on_purpose_is_tagged():
    assert broken(notebook(cell(1, "f()", error(), PRINTED, tags=["raises-exception"]))) == []


MARKDOWN = new_output(
    "display_data", {"text/markdown": "words", "text/plain": "<IPython.core.display.Markdown object>"}
)
STDERR = new_output("stream", name="stderr", text="remark")


@pytest.mark.parametrize(
    ("made", "compared"),
    [
        (cell(1, "x", PRINTED), True),
        (cell(1, "x", STDERR), True),
        (cell(1, "x", MARKDOWN), True),
        (cell(1, "x", FIGURE), False),
        (cell(1, "x"), False),
        (cell(1, "x", new_output("stream", text=" \n")), False),
        (cell(1, "x", PRINTED, tags=["nbval-ignore-output"]), False),
        (cell(1, "x", PRINTED, tags=["nbval-skip"]), False),
        (cell(1, "# NBVAL_IGNORE_OUTPUT\nx", PRINTED), False),
        (cell(None, "x", PRINTED), False),
    ],
)
def test_what_nbval_compares(made, compared):
    assert is_compared(made) is compared
