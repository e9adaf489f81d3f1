"""Which lab this kernel runs. Records carry its name, so that two labs may ask about the same thing."""

import re

from labkit.notebook import figures
from labkit.notebook.stops import NotQuite

_lab = ""


def open_lab(lab: str) -> None:
    """Begin a lab by its file name, as in `open_lab("00_questions")`: its records, and the course's plot style."""
    global _lab
    if not isinstance(lab, str) or not re.fullmatch(r"\w+", lab):
        raise NotQuite(f'{lab!r} is no lab. Write the notebook\'s name, as in open_lab("00_questions").')
    _lab = lab
    figures.use_style()


def current_lab() -> str:
    """The lab that this kernel opened, or an empty string."""
    return _lab
