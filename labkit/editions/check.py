"""`labkit notebooks`: the text form and the executed edition agree, and the edition says what it runs to say."""

import os
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from labkit.editions.compared import is_compared
from labkit.editions.rules import broken, code_cells
from labkit.editions.run import NOTEBOOK_SECONDS, TooSlow, fresh_environment, run
from labkit.editions.shelf import Edition, find
from labkit.editions.style import reformat, style_problems
from labkit.editions.text import build, differences
from labkit.editions.validate import validate


@dataclass
class Report:
    """What was found about one notebook. `seconds` is the time of its execution, `compared` counts code cells."""

    name: str
    ok: bool = False
    seconds: float = 0.0
    compared: int = 0
    cells: int = 0
    problems: list[str] = field(default_factory=list)


def check(names: list[str]) -> list[Report]:
    """Check notebooks by name or number (all if none), changing nothing. Raises WrongUse for an unknown name."""
    return [_check(edition) for edition in find(names)]


def rewrite(names: list[str]) -> list[Report]:
    """Format the text forms, execute them into the executed editions, and check those."""
    return [_rewrite(edition) for edition in find(names)]


def as_dict(reports: list[Report]) -> dict:
    """The reports as JSON says them."""
    return {"ok": all(report.ok for report in reports), "notebooks": [asdict(report) for report in reports]}


def as_text(reports: list[Report]) -> str:
    """The reports as people read them."""
    return "\n".join(_as_text(report) for report in reports)


def _as_text(report: Report) -> str:
    head = f"{'well  ' if report.ok else 'FAILED'} {report.name}: {report.compared} of {report.cells} code cells "
    return "\n       - ".join([f"{head}compared, {report.seconds:.0f} s", *report.problems])


def _check(edition: Edition) -> Report:
    report = Report(edition.name)
    built = _built(edition, report.problems)
    stored = _stored(edition, report.problems)
    if built is not None:
        report.problems += style_problems(edition.text, built)
    if stored is not None:
        report.cells = len(code_cells(stored))
        report.compared = sum(map(is_compared, code_cells(stored)))
        report.problems += [*(differences(built, stored) if built is not None else []), *broken(stored)]
        _say(f"{edition.name}: executing and comparing")
        failed, seconds = validate(edition.notebook, stored)
        report.problems += failed
        report.seconds = round(seconds, 1)
    report.ok = not report.problems
    return report


def _rewrite(edition: Edition) -> Report:
    if not edition.text.exists():
        return Report(edition.name, problems=[f"there is no text form {edition.text.name} to build it from"])
    reformat(edition.text)
    problems: list[str] = []
    built = _built(edition, problems)
    if built is not None:
        _say(f"{edition.name}: executing the text form")
        problems += _execute(built, edition.notebook)
    return Report(edition.name, problems=problems) if problems else _check(edition)


def _built(edition: Edition, problems: list[str]) -> NotebookNode | None:
    try:
        return build(edition.text)
    except FileNotFoundError:
        problems.append(f"there is no text form {edition.text.name}: it is the source of truth")
    except Exception as error:  # jupytext's parser raises many kinds
        problems.append(f"the text form cannot be read: {error}")
    return None


def _stored(edition: Edition, problems: list[str]) -> NotebookNode | None:
    try:
        return nbformat.read(edition.notebook, as_version=4)
    except FileNotFoundError:
        problems.append("there is no executed edition yet (labkit notebooks --fix makes it)")
    except Exception as error:  # nbformat raises many kinds
        problems.append(f"the executed edition cannot be read: {error}")
    return None


def _execute(notebook: NotebookNode, target: Path) -> list[str]:
    """Execute a notebook in a process of its own and put it at `target`, whole or not at all. Returns problems."""
    with fresh_environment(target.parent) as env, tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "source.ipynb", Path(folder) / "result.ipynb"
        nbformat.write(notebook, source)
        arguments = (str(source), str(result))
        try:
            status, said = run(
                "labkit.editions.execute", *arguments, env=env, cwd=target.parent, seconds=NOTEBOOK_SECONDS
            )
        except TooSlow as error:
            return [str(error)]
        if status:
            return [(said.strip().splitlines() or ["it could not be executed"])[-1]]
        beside = target.with_suffix(".new")
        beside.write_bytes(result.read_bytes())
        os.replace(beside, target)
    return []


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
