"""The student's own copies."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from labkit.editions.student import copy_notebooks


def edition(tiny, source):
    cell = new_code_cell(source, id="c", execution_count=1, outputs=[new_output("stream", text="1\n")])
    nbformat.write(new_notebook(cells=[cell]), tiny / "00_tiny.ipynb")


@pytest.fixture
def folder(tiny):
    edition(tiny, "print(1)")
    return copy_notebooks()[0]


def test_a_copy_has_no_outputs(folder):
    cell = nbformat.read(folder / "00_tiny.ipynb", as_version=4).cells[0]
    assert (cell.outputs, cell.execution_count) == ([], None)


def test_a_copy_is_never_overwritten_and_a_new_edition_lies_beside_it_once(folder, tiny):
    (folder / "00_tiny.ipynb").write_text("mine")
    assert copy_notebooks() == (folder, [])
    edition(tiny, "print(2)")
    _, (remark,) = copy_notebooks()
    assert "Yours is untouched" in remark
    assert copy_notebooks()[1] == []
    edition(tiny, "print(3)")
    assert "00_tiny (new edition 2).ipynb" in copy_notebooks()[1][0]
    assert (folder / "00_tiny.ipynb").read_text() == "mine"
    assert sorted(path.name for path in folder.glob("*.ipynb")) == [
        "00_tiny (new edition 2).ipynb",
        "00_tiny (new edition).ipynb",
        "00_tiny.ipynb",
    ]
    assert [path.name for path in folder.glob(".*")] == [".editions.json"]


def test_other_outputs_are_no_new_edition(folder, tiny):
    notebook = nbformat.read(tiny / "00_tiny.ipynb", as_version=4)
    notebook.cells[0].outputs = []
    nbformat.write(notebook, tiny / "00_tiny.ipynb")
    assert copy_notebooks()[1] == []


def test_a_lost_list_of_editions_spoils_nothing(folder):
    (folder / "00_tiny.ipynb").write_text("mine")
    (folder / ".editions.json").write_text("{")
    assert copy_notebooks()[1] == []
    assert (folder / "00_tiny.ipynb").read_text() == "mine"
