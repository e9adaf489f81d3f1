"""From the text form to a notebook."""

import nbformat

from labkit.editions.text import build, differences


def test_a_build_depends_on_the_text_alone(tiny):
    path = tiny / "text" / "00_tiny.py"
    first = build(path)
    assert nbformat.writes(first) == nbformat.writes(build(path))
    nbformat.validate(first)
    assert first.metadata.kernelspec.name == "python3"
    assert [cell.metadata for cell in first.cells][2] == {"tags": ["nbval-ignore-output"]}
    assert "jupytext" not in nbformat.writes(first)


def test_an_edit_changes_the_id_of_that_cell_only(tiny):
    path = tiny / "text" / "00_tiny.py"
    before = build(path)
    path.write_text(path.read_text().replace("import os", "import os  # changed"))
    after = build(path)
    changed = [old.id != new.id for old, new in zip(before.cells, after.cells, strict=True)]
    assert changed == [False, True, False, False, False]
    assert len(differences(after, before)) == 1


def test_equal_cells_have_ids_of_their_own(tmp_path):
    path = tmp_path / "twice.py"
    path.write_text("# %%\nprint(1)\n\n# %%\nprint(1)\n")
    assert len({cell.id for cell in build(path).cells}) == 2
