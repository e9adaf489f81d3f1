"""Runs the student's cells as a notebook does: magics, displays, the last line's value, errors that end one cell."""

import contextlib
from collections.abc import Iterator

from IPython.core.displayhook import DisplayHook
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets import Type
from traitlets.config import Config

MOST_TEXT = 100_000  # characters of one stream of a cell, or of a picture's text form
MOST_PICTURES = 20  # of a cell
PICTURES = ("image/png", "image/jpeg")
CUT = "\n[cut: a cell's output goes on]"


class Results(DisplayHook):
    """Keeps the value of a cell's last line, as a front end would show it."""

    def quiet(self) -> bool:
        """A semicolon at the end hides the value, as in a kernel."""
        return self.shell.silent or super().quiet()

    def write_output_prompt(self) -> None:
        """A notebook has no prompt."""

    def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
        """Keep it."""
        self.shell.said.append({"output_type": "execute_result", "data": shown(format_dict)})

    def finish_displayhook(self) -> None:
        """Nothing to end."""


class NotebookShell(InteractiveShell):
    """IPython's shell, which keeps values and errors instead of printing them."""

    displayhook_class = Type(Results)
    silent = False

    def _showtraceback(self, etype: type, evalue: BaseException, stb: list[str]) -> None:
        self.said.append(
            {
                "output_type": "error",
                "ename": etype.__name__,
                "evalue": _cut(_text(evalue)),
                "traceback": [_cut("\n".join(stb))],
            }
        )


class Shell:
    """One notebook's kernel, without the kernel. `names` is the notebook's namespace."""

    def __init__(self) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        self.shell = NotebookShell.instance(config=config)
        self.shell.said = []
        self.names = self.shell.user_ns

    def run(self, source: str, silent: bool = False) -> dict:
        """Run a cell. Returns its outputs, as nbformat has them."""
        self.shell.said, self.shell.silent = [], silent
        with capture_output() as captured:
            self.shell.run_cell(source, store_history=not silent)
        outputs = [_stream("stdout", captured.stdout), _stream("stderr", captured.stderr)]
        outputs += [
            {"output_type": "display_data", "data": shown(one.data)} for one in captured.outputs[:MOST_PICTURES]
        ]
        outputs += self.shell.said
        return {"outputs": [] if silent else [one for one in outputs if one]}

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """What the student's code prints during a test could be a hidden test's numbers: it is not kept."""
        with capture_output():
            yield


def shown(data: dict) -> dict:
    """Of a value's forms those that can carry no script: text and pictures."""
    kept = {"text/plain": _cut(str(data.get("text/plain", "")))}
    return kept | {kind: data[kind] for kind in PICTURES if isinstance(data.get(kind), str)}


def _stream(name: str, text: str) -> dict | None:
    return {"output_type": "stream", "name": name, "text": _cut(text)} if text else None


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # its author may have written __str__
        return ""


def _cut(text: str) -> str:
    return text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + CUT
