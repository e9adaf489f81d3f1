"""The example student, who answers where a cell still says `...`.

The executed edition of the notebooks and the tests run with these answers; they are sometimes wrong, as people are.
Nothing happens unless `$LABKIT_EXAMPLE_STUDENT` names a TOML file. Its format stands at its head.
"""

import os
import tomllib
from pathlib import Path

from labkit.notebook.session import current_lab
from labkit.notebook.stops import NotQuite

EXAMPLE = "the example student"
STUDENT = "you"


def present() -> bool:
    """Whether the example student answers in this process."""
    return bool(os.environ.get("LABKIT_EXAMPLE_STUDENT"))


def answer(kind: str, name: str):
    """The example student's answer of a kind (`predictions`, `explanations`, `decisions`), or None without one."""
    if not present():
        return None
    path = Path(os.environ["LABKIT_EXAMPLE_STUDENT"])
    try:
        answers = tomllib.loads(path.read_text(encoding="utf-8"))
        found = answers.get(current_lab(), {}).get(kind, {}).get(name)
    except (OSError, ValueError, AttributeError) as error:
        raise NotQuite(f"The example student's answers in {path} cannot be read: {error}.") from error
    if found is None:
        raise NotQuite(f'The example student has no answer: add "{name}" to [{current_lab()}.{kind}] in {path.name}.')
    return found
