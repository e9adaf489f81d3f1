"""Strict nbval over one notebook, its failures in words."""

import re
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

from nbformat import NotebookNode

from labkit.editions.rules import code_cells, where
from labkit.editions.run import CELL_SECONDS, NOTEBOOK_SECONDS, TooSlow, fresh_environment, run


def validate(path: Path, notebook: NotebookNode) -> tuple[list[str], float]:
    """Execute a stored notebook and compare. Returns what failed, one sentence a cell, and the seconds it took."""
    with fresh_environment(path.parent) as env, tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        options = ["-q", "--color=no", "-p", "no:cacheprovider", f"--junitxml={results}"]
        limit = f"--nbval-cell-timeout={CELL_SECONDS}"
        began = time.perf_counter()
        try:
            status, said = run(
                "pytest", "--nbval", limit, *options, str(path), env=env, cwd=path.parent, seconds=NOTEBOOK_SECONDS
            )
        except TooSlow as error:
            return [str(error)], time.perf_counter() - began
        seconds = time.perf_counter() - began
        problems = _failures(results, notebook) if results.exists() else []
    if status and not problems:
        problems = [f"pytest --nbval could not run it: {said.strip()[-400:]}"]
    return problems, seconds


def _failures(results: Path, notebook: NotebookNode) -> list[str]:
    cells, problems = code_cells(notebook), []
    for case in ElementTree.parse(results).iter("testcase"):
        failure = case.find("failure") if case.find("failure") is not None else case.find("error")
        number = re.fullmatch(r"Cell (\d+)", case.get("name", ""))
        if failure is not None:
            name = where(int(number[1]) + 1, cells[int(number[1])]) if number else "the notebook"
            problems.append(f"{name}: {_in_words(failure.text or failure.get('message', ''))}")
    return problems


def _in_words(text: str) -> str:
    """What nbval reports, as a sentence: it marks the stored text with +, this run's with -."""
    text = re.sub(r"#x1B\[[\d;]*m|\x1b\[[\d;]*m", "", text)
    report = text.partition("Traceback:")[2] or text
    if fields := re.search(r"(Missing|Unexpected) output fields from running code: (.*)", report):
        verb = "is missing" if fields[1] == "Missing" else "is new"
        return f"the output {fields[2]} {verb} in this run"
    if "dissimilar number of outputs" in report:
        return "this run had another number of outputs than are stored"
    stored, now = (re.search(rf"^\s*\{sign} (?!\s*$)(.*)", report, re.MULTILINE) for sign in "+-")
    if "mismatch" in report:
        return f"stored is {_first(stored)}, this run gave {_first(now)}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if "exception" in text else " ".join(lines[1:2])


def _first(found: re.Match | None) -> str:
    return f'"{found[1][:200]}"' if found else "nothing in its place"
