"""Where things lie: what belongs to the student, and what belongs to the course."""

import os
from pathlib import Path

import platformdirs

from labkit.errors import WrongUse


def home() -> Path:
    """The student's folder: `$LABKIT_HOME`, or the platform's user data folder. Made if missing."""
    chosen = os.environ.get("LABKIT_HOME")
    folder = Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("labkit", appauthor=False))
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUse(
            f"The folder for your work cannot be made: {error}. Set LABKIT_HOME to one you may write."
        ) from error
    return folder


def course() -> Path:
    """The clone of the course that this package runs from, the folder that holds `notebooks/`.

    `$LABKIT_COURSE` names another one (tests check small courses so). Raises WrongUse where there is no course.
    """
    chosen = os.environ.get("LABKIT_COURSE")
    folder = Path(chosen).absolute() if chosen else Path(__file__).resolve().parent.parent
    if not (folder / "notebooks").is_dir():
        raise WrongUse(f"There is no notebooks/ folder in {folder}. Run labkit from a clone of the course (make lab).")
    return folder
