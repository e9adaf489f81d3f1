"""A course into which all attacks are handed in at once, honest classmates between them."""

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from labkit.course import exchange, shelf
from labkit.course.room import Course, find
from tests.attacks.attack import Attack, honest, namespace, write
from tests.attacks.course import NAME, make

CLASSMATES = ("ann", "mia", "zoe")  # graded first, in the middle and last
# Seconds that a cell may run. Nothing honest here needs more than two, and every attack that hangs takes all of them.
CELL_S = 6
SETTINGS = Path(__file__).resolve().parents[2] / "assignments" / "nbgrader_config.py"
LEFT = ("attack-marker", "dropped-by-accomplice")  # what attacks call the files that they leave


@dataclass(frozen=True)
class Cohort:
    """Where the course lies, and what must stay as it is."""

    folder: Path  # everything of it
    root: Path  # gradebook.db, submitted/, release/
    home: Path  # of the person who grades, with a secret in it

    @property
    def course(self) -> Course:
        """For labkit."""
        return find(None)

    def hand_in(self, attacks: list[Attack], port: int) -> None:
        """Write every submission, and the classmates'."""
        released = json.loads((self.root / "release" / NAME / f"{NAME}.ipynb").read_text())
        values = {"COURSE": str(self.root), "HOME": str(self.home), "PORT": str(port), "NAMESPACE": namespace()}
        for attack in [*attacks, *(honest(name, "a classmate") for name in CLASSMATES)]:
            folder = self.root / "submitted" / attack.name / NAME
            folder.mkdir(parents=True)
            write(attack, folder, released, values)

    def kept(self) -> dict[str, str]:
        """A digest of everything that grading has no business to change."""
        folders = [self.root / "submitted", self.root / "release", self.folder / "clone", self.home]
        found = {}
        for path in [path for folder in folders for path in sorted(folder.rglob("*"))]:
            with contextlib.suppress(OSError):  # some submissions hold what cannot be read
                plain = path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts
                if plain and path.stat().st_size < 1 << 28:
                    found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    def left(self) -> list[str]:
        """Files of attacks, wherever an attack may have tried to leave them."""
        import numpy

        places = [Path(place) for place in ("/", "/tmp", "/var/tmp", "/dev/shm", "/run", "/usr", "/var/lock")]
        places += [Path(numpy.__file__).parent, Path(numpy.__file__).parent / "__pycache__"]
        shallow = [entry for place in places if place.is_dir() for entry in os.listdir(place)]
        deep = [name for place in (self.folder, self.home) for _, _, names in os.walk(place) for name in names]
        return [name for name in {*shallow, *deep} if name.startswith(LEFT)]


def prepare(folder: Path) -> Cohort:
    """Make the course, its gradebook, its release. The environment must name it already (`environment`)."""
    make(folder / "clone", SETTINGS, f"c.ExecutePreprocessor.timeout = {CELL_S}\n")
    home = folder / "person"
    home.mkdir()
    (home / ".secret").write_text("secret-of-the-instructor")
    shelf.build([])
    exchange.release(find(None), NAME)
    root = Path(find(None).config().CourseDirectory.root)
    if not (root / "source").exists():
        (root / "source").symlink_to(folder / "clone" / "assignments" / "source")
    return Cohort(folder, root, home)


def environment(folder: Path) -> dict[str, str]:
    """What a process must have in its environment to grade this course."""
    return {"LABKIT_COURSE": str(folder / "clone"), "LABKIT_HOME": str(folder / "home"), "HOME": str(folder / "person")}
