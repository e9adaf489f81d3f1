"""Where the one-person course lies: one person plays student and instructor, with no root.

    $LABKIT_HOME/notebooks/psNN/      the student's copy, where JupyterLab's assignment list puts it too
    $LABKIT_HOME/notebooks/grading/   the instructor's desk: release, submitted, earlier, autograded, feedback,
                                      gradebook.db; below JupyterLab's root, because its formgrader needs that
    $LABKIT_HOME/course/exchange/     what nbgrader hands over between the two
    $LABKIT_HOME/course/cache/        the student's copies of what was submitted
    $LABKIT_HOME/course/source        points to assignments/source of the clone

`assignments/nbgrader_config.py` says so to nbgrader, whoever starts it: labkit, `nbgrader`, or JupyterLab.
"""

import contextlib
import os
from pathlib import Path

from labkit.errors import WrongUse
from labkit.home import home

SOURCE = "../../course/source"  # from the desk: nbgrader reads this as a regular expression, so no path of a person's


def notebooks() -> Path:
    """The folder that `labkit lab` opens."""
    return _made(home() / "notebooks")


def root() -> Path:
    """The instructor's desk."""
    return _made(notebooks() / "grading")


def exchange() -> Path:
    """nbgrader makes this folder writable for all; the one around it is the person's alone."""
    return _made(_private() / "exchange")


def cache() -> Path:
    """The student's copies of their submissions."""
    return _made(_private() / "cache")


def point_to(source: Path) -> None:
    """Let `course/source` be this clone's assignments/source, also after the clone was moved."""
    link = _private() / "source"
    if link.is_symlink() and Path(os.readlink(link)) == source:
        return
    with contextlib.suppress(FileNotFoundError):
        link.unlink()
    with contextlib.suppress(FileExistsError):  # another labkit was quicker
        link.symlink_to(source, target_is_directory=True)


def _private() -> Path:
    folder = _made(home() / "course")
    folder.chmod(0o700)
    return folder


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise WrongUse(
            f"{folder} cannot be made: {error.strerror}. Set LABKIT_HOME to a folder you may write."
        ) from error
    return folder
