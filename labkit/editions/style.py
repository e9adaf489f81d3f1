"""What ruff says about a notebook's text form. Format and lint follow the course's own pyproject.toml."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from labkit.errors import WrongUse


def reformat(path: Path) -> None:
    """Format a text form in place."""
    _ruff("format", "--quiet", str(path), text=None)


def style_problems(path: Path, built: NotebookNode) -> list[str]:
    """Whether the text form is formatted, and what the linter finds in its cells."""
    problems = []
    if _ruff("format", "--check", "--quiet", str(path), text=None).returncode:
        problems.append("the text form is not formatted (labkit notebooks --fix formats it)")
    # Linted as a notebook: its cells may import where they need to, and end in an expression.
    name = str(path.parent.parent / f"{path.stem}.ipynb")
    arguments = ("check", "--no-cache", "--quiet", "--output-format=concise", f"--stdin-filename={name}", "-")
    found = _ruff(*arguments, text=nbformat.writes(built)).stdout
    return problems + [line.partition(f"{path.stem}.ipynb:")[2] or line for line in found.splitlines() if line.strip()]


def _ruff(*arguments: str, text: str | None) -> subprocess.CompletedProcess:
    """Run ruff, of this Python's environment before others."""
    program = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
    if program is None:
        raise WrongUse("Checking notebooks needs ruff, which is not installed here. `make env` installs it.")
    return subprocess.run([program, *arguments], input=text, capture_output=True, text=True)
