"""`labkit notebooks`: a rewritten edition passes, and planted faults are found in words."""

import json
import time

import nbformat
import psutil
import pytest

from labkit.editions import check, run
from labkit.errors import WrongUse


def test_a_rewritten_edition_passes_and_its_faults_are_found(tiny):
    (report,) = check.rewrite(["0"])
    assert (report.problems, report.ok, report.compared, report.cells) == ([], True, 3, 4)
    assert report.seconds > 0
    said = json.loads(json.dumps(check.as_dict([report])))
    assert set(said["notebooks"][0]) == {"name", "ok", "seconds", "compared", "cells", "problems"}
    _plant(tiny)
    (report,) = check.check(["00_tiny"])
    words = "\n".join(report.problems)
    assert "the text form is not formatted" in words
    assert "F401" in words
    assert "cell 2: source is not that of the text form" in words
    assert "code cell 1 (import os): stored is \"['a', 'c']\", this run gave \"['a', 'b']\"" in words
    assert "code cell 2 (print(os.getpid())): stored is" in words
    assert not report.ok
    assert "FAILED 00_tiny" in check.as_text([report])


def _plant(tiny):
    """A stale text form with a style fault, a wrong stored output and a missing tag."""
    text = tiny / "text" / "00_tiny.py"
    text.write_text(text.read_text().replace("import os\n", "import os\nimport  sys\n"))
    path = tiny / "00_tiny.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].outputs[0].text = "['a', 'c']\n"
    del notebook.cells[2].metadata["tags"]
    nbformat.write(notebook, path)


def test_a_failing_cell_leaves_the_edition_as_it_was(tiny):
    (tiny / "00_tiny.ipynb").write_text("the edition of before")
    text = tiny / "text" / "00_tiny.py"
    text.write_text("# %%\nprint(1)\n\n# %%\nopen('nowhere')\n")
    (report,) = check.rewrite([])
    assert report.problems == [
        "code cell 2 (open(\"nowhere\")): FileNotFoundError: [Errno 2] No such file or directory: 'nowhere'"
    ]
    assert (tiny / "00_tiny.ipynb").read_text() == "the edition of before"


def test_a_notebook_that_never_ends_is_stopped_with_its_kernel(tiny, monkeypatch):
    monkeypatch.setattr(check, "NOTEBOOK_SECONDS", 6)
    (tiny / "text" / "00_tiny.py").write_text("# %%\nimport time\n\ntime.sleep(600)\n")
    began = time.monotonic()
    (report,) = check.rewrite([])
    assert "longer than 6 s" in report.problems[0]
    assert time.monotonic() - began < 20
    alive = [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    assert [child for child in alive if "ipykernel" in " ".join(child.cmdline())] == []


def test_a_text_form_without_edition_and_an_edition_without_text_form(tiny):
    (report,) = check.check([])
    assert "no executed edition yet" in report.problems[0]
    (tiny / "text" / "00_tiny.py").rename(tiny / "00_tiny.ipynb")
    (report,) = check.check([])
    assert "no text form" in report.problems[0]
    assert "cannot be read" in report.problems[1]


def test_an_unknown_name_says_what_there_is(tiny):
    with pytest.raises(WrongUse, match="There are: 00_tiny"):
        check.check(["07"])


def test_a_process_left_behind_does_not_hold_the_run(tmp_path):
    code = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(8)']); print('said')"
    )
    (tmp_path / "leaves.py").write_text(code)
    began = time.monotonic()
    assert run.run("leaves", env={"PATH": ""}, cwd=tmp_path, seconds=30) == (0, "said\n")
    assert time.monotonic() - began < 6
