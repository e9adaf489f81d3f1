"""Runs one of nbgrader's own steps, and says in a sentence why it failed."""

import re

from nbgrader.utils import capture_log

from labkit.errors import WrongUse


def step(app: object, **settings: object) -> str:
    """Run a converter or an exchange action. Returns "" or why it failed, and lets Ctrl-C through."""
    for name, value in settings.items():
        setattr(app, name, value)
    return why(capture_log(app))


def why(result: dict) -> str:
    """Why a step of nbgrader's API failed; "" where it did not."""
    if result["success"]:
        return ""
    error = result.get("error", "").strip().splitlines() or ["unknown"]
    if error[-1].startswith("KeyboardInterrupt"):
        raise KeyboardInterrupt
    return _cause(result.get("log", "")) or error[-1]


def must(problem: str) -> None:
    """Stop where a step that everything else needs has failed."""
    if problem:
        raise WrongUse(f"nbgrader could not do it: {problem}")


def _cause(log: str) -> str:
    """The error behind an error: nbgrader logs it as a traceback, and raises another that points to the log."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", log)
    raised = [line for line in plain.splitlines() if re.match(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt)\b", line)]
    said = [line.partition("] ")[2] for line in plain.splitlines() if line.startswith(("[ERROR]", "[CRITICAL]"))]
    return (raised or said or [""])[0].strip()
