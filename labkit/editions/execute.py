"""`python -m labkit.editions.execute IN.ipynb OUT.ipynb`: execute a notebook once, in a process that can be ended.

Exit status 1 with a sentence on standard error where a cell fails.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from labkit.editions.rules import code_cells, where
from labkit.editions.run import CELL_SECONDS

WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Execute every cell in `folder`, and keep neither times nor the state of widgets."""
    metadata = dict(notebook.metadata)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    notebook.metadata = NotebookNode(metadata)
    for cell in code_cells(notebook):
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET, None)  # without its state, a page could only say that it cannot show it
    return notebook


def main(source: Path, target: Path) -> int:
    """Execute one file into another. Returns the exit status."""
    notebook = nbformat.read(source, as_version=4)
    try:
        execute(notebook, Path.cwd())
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        done = [cell for cell in code_cells(notebook) if cell.execution_count is not None or cell.outputs]
        last = where(len(done), done[-1]) if done else "the first code cell"
        said = getattr(error, "evalue", "") or str(error).strip().splitlines()[0]
        print(f"{last}: {getattr(error, 'ename', type(error).__name__)}: {said}", file=sys.stderr)
        return 1
    nbformat.write(notebook, target)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2])))
