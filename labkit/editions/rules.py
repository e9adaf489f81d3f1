"""What an executed edition must be, before it is run again. Each rule yields sentences on what does not hold."""

import ast
from collections.abc import Iterator
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from labkit.editions.compared import is_compared, unknown_tags
from labkit.home import course

MOST_LINES = 15
RAISES = {"raises-exception", "nbval-raises-exception"}


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def broken(notebook: NotebookNode) -> list[str]:
    """Everything that is wrong with a notebook as it is stored."""
    rules = (_form, _length, _asserts, _tags, _execution, _outputs, _share)
    return [problem for rule in rules for problem in rule(notebook)]


def where(number: int, cell: NotebookNode) -> str:
    """A code cell as a person finds it: its number, counted from 1, and its first line."""
    lines = [line for line in cell.source.splitlines() if line.strip()] or ["empty"]
    return f"code cell {number} ({lines[0][:60]})"


def _numbered(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    for number, cell in enumerate(code_cells(notebook), start=1):
        yield where(number, cell), cell


def _form(notebook: NotebookNode) -> Iterator[str]:
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        yield f"the file is no valid notebook: {str(error).splitlines()[0]}"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernelspec is not python3: JupyterLab would ask which kernel to take"
    if "widgets" in notebook.metadata:
        yield "the state of widgets is saved in the notebook"


def _length(notebook: NotebookNode) -> Iterator[str]:
    for name, cell in _numbered(notebook):
        if (lines := len(cell.source.splitlines())) > MOST_LINES:
            yield f"{name} has {lines} lines, more than {MOST_LINES}"


def _asserts(notebook: NotebookNode) -> Iterator[str]:
    for name, cell in _numbered(notebook):
        try:
            tree = ast.parse(TransformerManager().transform_cell(cell.source))
        except SyntaxError:
            yield f"{name} is not Python"
        else:
            if any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
                yield f"{name} has an assert: a check belongs into tests/, not into a lecture"


def _tags(notebook: NotebookNode) -> Iterator[str]:
    for name, cell in _numbered(notebook):
        yield from (f"{name} has a tag that nbval does not know: {tag}" for tag in unknown_tags(cell))


def _execution(notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if None in counts:
        yield f"{counts.count(None)} code cells were not executed (labkit notebooks --fix executes them)"
    elif counts != list(range(1, len(counts) + 1)):
        yield "the code cells were not executed once each, in order"


def _outputs(notebook: NotebookNode) -> Iterator[str]:
    private = {str(course()), f"{Path.home()}/"} - {"//"}
    for name, cell in _numbered(notebook):
        if any(output.output_type == "error" for output in cell.outputs) and not RAISES & set(_tags_of(cell)):
            yield f"{name} ended in an error"
        shown = str(cell.outputs)
        yield from (f"{name} shows a path of this machine: {path}" for path in private if path in shown)


def _tags_of(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _share(notebook: NotebookNode) -> Iterator[str]:
    cells = code_cells(notebook)
    compared = sum(map(is_compared, cells))
    if 2 * compared < len(cells):
        yield f"only {compared} of {len(cells)} code cells are compared with what they printed; at least half must be"
