"""Whose submission it is, by the name that a learning platform's bulk download gives its folder or file."""

import csv
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import WrongUse

# "Ann Lee_12345_assignsubmission_file_" (Moodle), "leeann_LATE_12345_67890_" (Canvas)
PLATFORMS = (
    re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_\w*"),
    re.compile(r"(?P<name>[^_]+)(?:_LATE)?_(?P<number>\d+)_\d+_?"),
)
STUDENT = re.compile(r"[\w@][\w.@-]{0,99}")


@dataclass(frozen=True)
class Person:
    """A name as the platform gives it, and the platform's number for the person, where it gives one."""

    name: str
    number: str = ""


def person(label: str) -> Person:
    """Who a folder's or file's name means."""
    for pattern in PLATFORMS:
        if found := pattern.fullmatch(label):
            return Person(found["name"], found["number"])
    return Person(label.strip(" _-"))


def label_of(file_name: str, notebook: str) -> str:
    """What stands before the notebook's name in `name_ps00.ipynb`, `name_ps00-1.ipynb` or `name_ps00 (1).ipynb`."""
    found = re.fullmatch(rf"(.*?)[ _-]*{re.escape(notebook)}(-\d+| \(\d+\))?\.ipynb", file_name)
    return found[1] if found else ""


def as_student(who: Person) -> str:
    """A student id from a name, where no roster gives one."""
    return re.sub(r"[^\w.@-]+", "_", unicodedata.normalize("NFC", who.name)).strip("._-")[:100]


def read_roster(path: Path) -> dict[str, str]:
    """A CSV with the columns `name` (the platform's name or number of a person) and `student` (the id here)."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"name", "student"} <= set(rows.fieldnames or []):
                raise WrongUse(f"{path}: the first line of a roster names its columns: name,student")
            found = {}
            for line, row in enumerate(rows, start=2):
                student = (row["student"] or "").strip()
                if not STUDENT.fullmatch(student):
                    raise WrongUse(f'{path}, line {line}: "{student}" is no student id (letters, digits, . _ @ -).')
                found[folded(row["name"] or "")] = student
            return found
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WrongUse(f"The roster {path} cannot be read: {error}") from error


def folded(name: str) -> str:
    """A name as it is compared: without case, and with any run of signs as one space."""
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", name).casefold()).strip()


def student_of(who: Person, roster: dict[str, str] | None) -> str:
    """The student id of a person, or "" where the roster does not know them."""
    if roster is None:
        student = as_student(who)
        return student if STUDENT.fullmatch(student) else ""
    return roster.get(who.number) or roster.get(folded(who.name), "")
