"""From the text form (`notebooks/text/NN_name.py`, jupytext's py:percent) to a notebook.

What is built depends on the text alone: a cell's id is a hash of what it says, and the metadata is the same on every
machine, so that a diff of the executed edition shows content.
"""

import hashlib
from collections import Counter
from pathlib import Path

import jupytext
from nbformat import NotebookNode

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def build(path: Path) -> NotebookNode:
    """The notebook that a text form says, without outputs."""
    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    notebook.metadata = NotebookNode({name: NotebookNode(value) for name, value in METADATA.items()})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        cell.metadata = NotebookNode({"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {})
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return notebook


def differences(built: NotebookNode, stored: NotebookNode) -> list[str]:
    """Where the executed edition does not say what its text form says, one sentence a cell."""
    found = []
    if len(built.cells) != len(stored.cells):
        found.append(f"the text form has {len(built.cells)} cells, the notebook {len(stored.cells)}")
    for number, (ours, theirs) in enumerate(zip(built.cells, stored.cells, strict=False), start=1):
        for part in ("cell_type", "source", "tags", "id"):
            if _part(ours, part) != _part(theirs, part):
                found.append(f"cell {number}: {part} is not that of the text form (labkit notebooks --fix rewrites it)")
                break
    return found[:5]


def _part(cell: NotebookNode, part: str):
    return cell.metadata.get("tags", []) if part == "tags" else cell.get(part)
