"""The course's own assignments: their text forms, the notebooks built from them, their wrong solutions."""

from dataclasses import dataclass
from pathlib import Path

from labkit.course.text import written
from labkit.errors import WrongUse
from labkit.home import course


@dataclass(frozen=True)
class Assignment:
    """One problem set: text form (the source of truth), notebook, wrong solutions."""

    name: str
    text: Path
    notebook: Path
    wrong: Path


def shelf(names: list[str]) -> list[Assignment]:
    """The assignments of the clone by name, all if none is named. Raises WrongUse for an unknown one."""
    folder = course() / "assignments"
    known = sorted(path.stem for path in folder.glob("text/*.py"))
    if not known:
        raise WrongUse(f"There is no assignment in {folder / 'text'}.")
    if unknown := [name for name in names if name not in known]:
        raise WrongUse(f"There is no assignment {unknown[0]}. There are: {', '.join(known)}.")
    return [_assignment(folder, name) for name in names or known]


def build(names: list[str]) -> list[Path]:
    """Write the notebooks that the text forms say. Returns those that changed."""
    changed = []
    for one in shelf(names):
        text = written(one.text)
        if not one.notebook.exists() or one.notebook.read_text(encoding="utf-8") != text:
            one.notebook.parent.mkdir(parents=True, exist_ok=True)
            one.notebook.write_text(text, encoding="utf-8")
            changed.append(one.notebook)
    return changed


def stale(names: list[str]) -> list[str]:
    """The assignments whose notebook does not say what its text form says."""
    return [
        one.name
        for one in shelf(names)
        if not one.notebook.exists() or one.notebook.read_text(encoding="utf-8") != written(one.text)
    ]


def _assignment(folder: Path, name: str) -> Assignment:
    notebook = folder / "source" / name / f"{name}.ipynb"
    return Assignment(name, folder / "text" / f"{name}.py", notebook, folder / "wrong_solutions" / f"{name}.py")
