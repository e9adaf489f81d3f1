"""Which cells nbval really compares, by nbval 0.11's own rules (`nbval.plugin`: markers, `IPyNbFile.skip_compare`).

nbval compares stream text (both streams) and every format of an output but pictures and widget views. A cell whose
outputs are all of those, that prints nothing, or whose plain text is only `<Figure size ...>` is executed and compared
with nothing: it does not count here.
"""

import re

from nbformat import NotebookNode
from nbval.plugin import find_comment_markers, find_metadata_tags, metadata_tags

UNCOMPARED = ("image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json")
BARE = re.compile(r"<[^\n]*>")  # a repr that says a type and a size, no content


def is_compared(cell: NotebookNode) -> bool:
    """Whether a changed result would make nbval fail this code cell."""
    options = {**dict(find_metadata_tags(cell.metadata)), **dict(find_comment_markers(cell.source))}
    if options.get("skip") or not options.get("check", True) or cell.execution_count is None:
        return False
    return any(_has_content(output) for output in cell.outputs)


def unknown_tags(cell: NotebookNode) -> list[str]:
    """Tags that look like nbval's and are none, as a misspelled `nbval-ignore-outputs`."""
    return [tag for tag in cell.metadata.get("tags", []) if tag.startswith("nbval") and tag not in metadata_tags]


def _has_content(output: NotebookNode) -> bool:
    if output.output_type == "stream":
        return bool(output.text.strip())
    texts = {kind: str(value).strip() for kind, value in output.get("data", {}).items() if kind not in UNCOMPARED}
    return any(text and not (kind == "text/plain" and BARE.fullmatch(text)) for kind, text in texts.items())
