"""Why a test failed, in its author's words. What running code said is only compared with them, and never quoted."""

import ast
import builtins
import re

from nbformat import NotebookNode

COLOUR = re.compile(r"\x1b\[[\d;]*m")
LINE = re.compile(r"(?:Cell In\[\d+\], line |<ipython-input-[^>]*> in |^-+> )(\d+)", re.MULTILINE)
VALUE = "\N{HORIZONTAL ELLIPSIS}"
# What graders call their own errors. Their messages may quote the student's code, so these stand for them.
TOO_LONG = "your code ran too long and was stopped"
GRADERS = {
    "CellTimeoutError": TOO_LONG,
    "TimeoutError": TOO_LONG,
    "NotRun": "it could not run, because your code's process had ended",
    "NoScore": "it counts points, and with your values the count is no number",
    "CannotCross": "your code handed over something that is no plain data, and so cannot be checked",
}


def why(error: NotebookNode, source: str, hidden: set[int]) -> str:
    """Why a test cell failed, with neither the text nor the values of its hidden lines."""
    found = LINE.search(COLOUR.sub("", "\n".join(error.traceback)))
    line = int(found[1]) if found else 0
    statement = _statement(source, line)
    is_hidden = not _is_visible(source, line, statement, hidden)
    if error.ename != "AssertionError":
        start = "a hidden check does not hold" if is_hidden else f"this check does not hold: {_quoted(source, line)}"
        return f"{start}: {_of_type(error.ename)}".rstrip(" :") + "."
    parts = _message(statement)
    # The student's code may have raised an AssertionError of its own while the test ran it.
    parts = parts if _could_say(parts, error.evalue) else []
    if is_hidden:
        return " ".join(["a hidden check does not hold.", *(parts if None not in parts else [])]).strip()
    written = "".join(VALUE if part is None else part for part in parts).strip()
    return written or f"this check does not hold: {_quoted(source, line)}"


def is_builtin_error(name: str) -> bool:
    """Whether this is the name of one of Python's own errors, and none that a student's code made up."""
    found = getattr(builtins, name, None)
    return isinstance(found, type) and issubclass(found, BaseException)


def _of_type(name: str) -> str:
    return GRADERS.get(name) or (f"your code raised {name}" if is_builtin_error(name) else "")


def _is_visible(source: str, line: int, statement: ast.stmt | None, hidden: set[int]) -> bool:
    """Whether students have this line, and all of the statement that it belongs to."""
    if not 0 < line <= source.count("\n") + 1 or line in hidden:
        return False
    return statement is None or not hidden & set(range(statement.lineno, (statement.end_lineno or line) + 1))


def _statement(source: str, line: int) -> ast.stmt | None:
    """The innermost statement at a line."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # a cell with IPython's own commands
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    around = [node for node in statements if node.lineno <= line <= (node.end_lineno or node.lineno)]
    return max(around, key=lambda node: (node.lineno, -(node.end_lineno or 0)), default=None)


def _quoted(source: str, line: int) -> str:
    """A visible statement as it is written, on one line; of one that holds others, the line."""
    statement = _statement(source, line)
    whole = ast.get_source_segment(source, statement) if statement and not hasattr(statement, "body") else None
    return " ".join((whole or source.split("\n")[line - 1]).split())[:300]


def _message(statement: ast.stmt | None) -> list[str | None]:
    """The texts of an assert's message, with None for each value in it; empty where there is no such message."""
    message = statement.msg if isinstance(statement, ast.Assert) else None
    if isinstance(message, ast.Constant) and isinstance(message.value, str):
        return [message.value]
    if isinstance(message, ast.JoinedStr):
        return [part.value if isinstance(part, ast.Constant) else None for part in message.values]
    return []


def _could_say(parts: list[str | None], said: str) -> bool:
    """Whether a message with these texts, and any values between them, could be what was said."""
    if None not in parts:
        return "".join(parts).strip() == said.strip()
    first, last = parts[0] or "", parts[-1] or ""
    return said.strip().startswith(first.strip()) and said.strip().endswith(last.strip())
