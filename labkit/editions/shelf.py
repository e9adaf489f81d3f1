"""Where the editions of the notebooks lie, and how a person names one."""

from dataclasses import dataclass
from pathlib import Path

from labkit.errors import WrongUse
from labkit.home import course


@dataclass(frozen=True)
class Edition:
    """A notebook: its text form (the source of truth) and its executed edition, either of which may be missing."""

    name: str
    text: Path
    notebook: Path


def shelf() -> list[Edition]:
    """Every notebook of the course, in order."""
    folder = course() / "notebooks"
    names = {path.stem for path in [*folder.glob("text/*.py"), *folder.glob("*.ipynb")]}
    return [Edition(name, folder / "text" / f"{name}.py", folder / f"{name}.ipynb") for name in sorted(names)]


def find(names: list[str]) -> list[Edition]:
    """The notebooks by name, number or path; all if none is named. Raises WrongUse for an unknown one."""
    editions = shelf()
    if not editions:
        raise WrongUse(f"There is no notebook in {course() / 'notebooks'}.")
    return [_one(name, editions) for name in names] or editions


def _one(name: str, editions: list[Edition]) -> Edition:
    wanted = Path(name).stem
    for edition in editions:
        number = edition.name.split("_")[0]
        if wanted in (edition.name, number) or (wanted.isdigit() and number.isdigit() and int(wanted) == int(number)):
            return edition
    raise WrongUse(f"There is no notebook {name}. There are: {', '.join(edition.name for edition in editions)}.")
