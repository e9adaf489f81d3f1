"""One course as nbgrader sees it: its settings, its API, and the surroundings in which its kernels run."""

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbgrader.apps.api import NbGraderAPI
from traitlets.config import Config, PyFileConfigLoader

from labkit.errors import WrongUse
from labkit.home import course as clone

CONFIG = "nbgrader_config.py"
QUIET = ["--IPKernelApp.log_level=40"]  # ipykernel warns at each start that 127.0.0.1 is not encrypted


@dataclass(frozen=True)
class Course:
    """A folder with an nbgrader_config.py. `root` puts everything that is written elsewhere (`course check`)."""

    folder: Path
    root: Path | None = None

    def config(self) -> Config:
        """The course's own settings; those of the person who grades are not read."""
        try:
            config = PyFileConfigLoader(CONFIG, path=str(self.folder)).load_config()
        except Exception as error:  # it is a program, and may fail in any way
            raise WrongUse(f"{self.folder / CONFIG} cannot be read: {error}") from error
        config.CourseDirectory.root = str(self.folder / config.CourseDirectory.get("root", ""))
        config.Execute.setdefault("extra_arguments", list(QUIET))
        if self.root:
            config.CourseDirectory.root = str(self.root)
            config.CourseDirectory.source_directory = "source"
            config.Exchange.root, config.Exchange.cache = str(self.root / "exchange"), str(self.root / "cache")
        return config

    def api(self) -> NbGraderAPI:
        """nbgrader's own interface, for this course."""
        return NbGraderAPI(config=self.config())

    def notebooks(self) -> Path:
        """Where the student's copies lie: where the settings say, else here."""
        return Path(self.config().Exchange.get("assignment_dir", ".")).absolute()


def find(folder: Path | None) -> Course:
    """The course in a folder, or the one-person course of the clone. Raises WrongUse where there is none."""
    chosen = (folder or clone() / "assignments").absolute()
    if not (chosen / CONFIG).is_file():
        raise WrongUse(f"There is no {CONFIG} in {chosen}: --course wants the folder of an nbgrader course.")
    return Course(chosen)


@contextlib.contextmanager
def surroundings() -> Iterator[None]:
    """nbgrader finds this environment's programs and kernel, and nobody's personal settings."""
    with tempfile.TemporaryDirectory(prefix="labkit-", ignore_cleanup_errors=True) as folder:
        ours = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel called python3 is this environment's
            "JUPYTER_CONFIG_DIR": folder,
            "JUPYTER_RUNTIME_DIR": f"{folder}/runtime",
            "IPYTHONDIR": f"{folder}/ipython",
        }
        with _environment(ours), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SQLAlchemy's, three for each student of nbgrader's
            yield


@contextlib.contextmanager
def empty_home() -> Iterator[None]:
    """A student's notebook that is graded finds a LABKIT_HOME of its own, not that of the person who grades."""
    with (
        tempfile.TemporaryDirectory(prefix="labkit-", ignore_cleanup_errors=True) as folder,
        _environment({"LABKIT_HOME": folder}),
    ):
        yield


@contextlib.contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
