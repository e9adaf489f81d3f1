"""Honest notebooks that were worked in: cells added, copied, moved, split, deleted; saved by other programs."""

import copy
import json

from tests.attacks.attack import cell_of, honest, own_cell, tests_of
from tests.attacks.course import RIGHT

MAGICS = """
%time sum(range(10))
%timeit -n1 -r1 sum(range(10))
%matplotlib inline
!ls
%who
x = %sx echo hello
?print
"""
CELL_MAGIC = "%%timeit -n1 -r1\nsum(range(10))"
BASH = "%%bash\necho hello\nexit 3"
WRITE = "%%writefile notes.txt\nwritten by a cell"
PLOT = """
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.plot([1, 2, 4])
axes.set_title("growth")
plt.show()
"""
TABLE = """
import csv
with open("numbers.csv") as file:
    numbers = [float(row["x"]) for row in csv.DictReader(file)]
assert sum(numbers) == 6.0
def mean(xs):
    with open("numbers.csv") as file:
        assert file.readline().strip() == "x"
    return sum(xs) / len(xs)
"""
MAIN = "if __name__ == '__main__':\n    print('at last')\nassert __name__ == '__main__'"
CHDIR = "import os\nos.makedirs('elsewhere', exist_ok=True)\nos.chdir('elsewhere')\nprint(os.getcwd())"
SLOW = "import time\ntime.sleep(0.5)\nimport sqlite3, xml.dom.minidom, unittest.mock, decimal, zoneinfo"
AWAIT = "import asyncio\nawait asyncio.sleep(0)\nasync def later():\n    return 5\nprint(await later())"
BROKEN = [
    "1 / 0",
    "this is no Python",
    "    indented",
    "print(undefined_name)",
    "raise SystemExit",
    "assert False",
    "def f(:",
]
WIDGET = "import ipywidgets\nslider = ipywidgets.IntSlider()\nslider"
SHOWN = """
from IPython.display import display, HTML, Markdown
display(Markdown('**fine**'))
display({'a': 1})
HTML('<b>x</b>')
"""
RERUN = "print(_, __, In[-1], Out)"
HUGE_PRINT = "print('x' * 200_000)\nlist(range(3000))"


def failing_cells(notebook: dict) -> None:
    """Cells that fail, everywhere."""
    for number, source in enumerate(BROKEN):
        notebook["cells"].insert(2 + 4 * number, own_cell(source))


def copied(kind: str, source: str = "") -> object:
    """Cells that were copied with all they are: each copy stands behind its original."""

    def change(notebook: dict) -> None:
        for cell in list(notebook["cells"]):
            if cell["metadata"].get("nbgrader", {}).get(kind):
                copy_of = {**copy.deepcopy(cell), "id": f"{cell.get('id')}-2"}
                notebook["cells"].insert(notebook["cells"].index(cell) + 1, copy_of)

    return change


def without(*kinds: str) -> object:
    """Cells that were deleted."""

    def change(notebook: dict) -> None:
        def named(cell: dict) -> bool:
            marks = cell["metadata"].get("nbgrader", {})
            is_locked = bool(marks) and not marks["solution"] and not marks["grade"] and not marks["task"]
            return any({"locked": is_locked, "plain": not marks}.get(kind, marks.get(kind)) for kind in kinds)

        notebook["cells"] = [cell for cell in notebook["cells"] if not named(cell)]

    return change


def answers_first(notebook: dict) -> None:
    """All answers were moved before all tests."""
    tests = tests_of(notebook)
    notebook["cells"] = [*(cell for cell in notebook["cells"] if cell not in tests), *tests]


def split(notebook: dict) -> None:
    """The class was split off into a cell of its own, behind its cell."""
    cell = cell_of(notebook, "account")
    notebook["cells"].insert(notebook["cells"].index(cell) + 1, own_cell(cell["source"]))
    cell["source"] = "# see below"


def split_before(notebook: dict) -> None:
    """Helpers were split off, before."""
    cell = cell_of(notebook, "primes")
    notebook["cells"].insert(notebook["cells"].index(cell), own_cell("def divides(k, n):\n    return n % k == 0"))
    cell["source"] = cell["source"].replace("all(n % k for", "not any(divides(k, n) for")


def merged(notebook: dict) -> None:
    """Two answers were merged into one cell."""
    first, second = cell_of(notebook, "squares"), cell_of(notebook, "sum_of_squares")
    first["source"] += "\n\n" + second["source"]
    notebook["cells"].remove(second)


def replaced(notebook: dict) -> None:
    """An answer was written into a new cell, its own was deleted."""
    cell = cell_of(notebook, "double")
    notebook["cells"].insert(notebook["cells"].index(cell), own_cell(cell["source"]))
    notebook["cells"].remove(cell)


def extended_test(notebook: dict) -> None:
    """Tests were extended, and one is broken."""
    for cell in tests_of(notebook):
        cell["source"] += "\nprint('mine passes too')\nassert True"
    tests_of(notebook)[-1]["source"] = "assert mean([1, 2]) == 1.5\n1 / 0"


def commented_locked(notebook: dict) -> None:
    """The locked imports have more imports and a remark."""
    cell_of(notebook, "imports")["source"] += "\nimport math  # I need it below"


def windows(notebook: dict) -> str:
    """Windows' line ends, in the sources and in the file."""
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n") if cell["cell_type"] == "code" else cell["source"]
    return json.dumps(notebook, indent=1).replace("\n", "\r\n")


def lines(notebook: dict) -> None:
    """Sources as lists of lines, as Jupyter saves them."""
    for cell in notebook["cells"]:
        source = cell["source"]
        cell["source"] = source.splitlines(keepends=True) if isinstance(source, str) else source


def older(minor: int) -> object:
    """An older format, which has no ids of cells."""

    def change(notebook: dict) -> None:
        notebook["nbformat_minor"] = minor
        if minor < 5:
            for cell in notebook["cells"]:
                cell.pop("id", None)

    return change


def with_outputs(notebook: dict) -> None:
    """Outputs are there, old ones and errors."""
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
            cell["outputs"] = [
                {"output_type": "stream", "name": "stderr", "text": "a warning\n"},
                {"output_type": "error", "ename": "ValueError", "evalue": "old", "traceback": ["old"]},
            ]


def damaged_outputs(notebook: dict) -> None:
    """Outputs that a program has damaged."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "text": None}, {"data": 5}]


def from_other_programs(notebook: dict) -> None:
    """What Colab, VS Code and JupyterLab leave behind."""
    notebook["metadata"]["colab"] = {"provenance": [], "toc_visible": True}
    notebook["metadata"]["vscode"] = {"interpreter": {"hash": "abc"}}
    notebook["metadata"]["kernelspec"] = {"name": "venv", "display_name": "my venv", "language": "python"}
    notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2}}
    for cell in notebook["cells"]:
        cell["metadata"] |= {"id": "abc", "colab": {"base_uri": "x"}, "collapsed": True, "tags": ["mine"]}


def renamed_kernel(notebook: dict) -> None:
    """No word on the kernel."""
    notebook["metadata"] = {}


def byte_order(notebook: dict) -> bytes:
    """A byte order mark."""
    return b"\xef\xbb\xbf" + json.dumps(notebook, ensure_ascii=False).encode()


def worked(name: str, tries: str, **more: object) -> object:
    """Right answers, in a notebook like this."""
    return honest(f"honest_{name}", tries, **more)


ATTACKS = [
    worked("magics", "magics and shell commands", first=MAGICS),
    worked("cell_magic", "a cell magic", first=CELL_MAGIC),
    worked("bash", "a cell of shell script that fails", first=BASH),
    worked("writes_file", "writes a file", first=WRITE, last="assert open('notes.txt').read()"),
    worked("plot", "a plot", first=PLOT),
    worked("widget", "a widget", first=WIDGET),
    worked("displays", "shows this and that", first=SHOWN),
    worked("history", "uses the history", last=RERUN),
    worked("long_output", "long outputs", last=HUGE_PRINT),
    worked("input", "asks for input", first="name = input('your name? ')\nprint(name)"),
    worked("main", "if __name__ == '__main__'", first=MAIN),
    worked("chdir", "changes the folder", first=CHDIR),
    worked("slow_import", "a slow import", first=SLOW),
    worked("await", "await at the top", first=AWAIT),
    worked("exits", "sys.exit() at the end", last="import sys\nsys.exit()"),
    worked("failing_cells", "cells of its own that fail", change=failing_cells),
    worked("module", "a module beside the notebook", files={"helper.py": "def twice(x):\n    return x + x\n"},
           answers={"double": "from helper import twice\ndouble = twice"}),
    worked("package", "a package in a folder", files={"tools/__init__.py": "", "tools/means.py": RIGHT["mean"]},
           answers={"mean": "from tools.means import mean"}),
    worked("table", "reads a table that was handed in", files={"numbers.csv": "x\n1\n2\n3\n"}, answers={"mean": TABLE}),
    worked("pictures", "a picture beside the notebook", files={"picture.png": b"\x89PNG" + bytes(100)}),
    worked("copied_answers", "copied answers", change=copied("solution")),
    worked("copied_tests", "copied tests", change=copied("grade")),
    worked("copied_task", "a copied question", change=copied("task")),
    worked("deleted_tests", "deleted tests", change=without("grade")),
    worked("deleted_locked", "deleted imports", change=without("locked")),
    worked("deleted_plain", "deleted texts", change=without("plain")),
    worked("only_answers", "only the answers are left", change=without("plain", "locked", "grade", "task")),
    worked("answers_first", "all answers before all tests", change=answers_first),
    worked("split", "an answer in a cell of its own", change=split),
    worked("split_before", "a helper in a cell of its own", change=split_before),
    worked("merged", "two answers in one cell", change=merged),
    worked("replaced", "an answer in a new cell", change=replaced),
    worked("extended_tests", "tests that were extended and broken", change=extended_test),
    worked("extended_imports", "imports that were extended", change=commented_locked),
    worked("windows", "Windows' line ends", change=windows),
    worked("lines", "sources as lists of lines", change=lines),
    *(worked(f"format_{minor}", f"nbformat 4.{minor}", change=older(minor)) for minor in range(6)),
    worked("outputs", "old outputs", change=with_outputs),
    worked("damaged_outputs", "damaged outputs", change=damaged_outputs),
    worked("other_programs", "what other programs leave", change=from_other_programs),
    worked("no_kernel", "no word on the kernel", change=renamed_kernel),
    worked("byte_order", "a byte order mark", change=byte_order),
]  # fmt: skip
