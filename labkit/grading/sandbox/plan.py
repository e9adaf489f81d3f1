"""What the warm process is told at its start. It crosses as JSON on the command line, for inmates can read that."""

import json
from dataclasses import asdict, dataclass

PRELOAD = ("numpy", "torch", "numba", "matplotlib.pyplot", "IPython.core.interactiveshell")
SERVE = "labkit.grading.judge.student"


@dataclass(frozen=True)
class Plan:
    """How the warm process forks inmates: in which way, after which imports, to run which module's `serve`."""

    way: str  # "root", "user", "landlock" or "plain"
    preload: tuple[str, ...] = PRELOAD
    wanted: tuple[str, ...] = ()  # imported too, where they can be
    serve: str = SERVE
    folder: str = ""  # where inmates have their folders, in the ways that have no tmpfs of their own
    door: int = 0  # the file descriptor over which admissions come

    @property
    def walled(self) -> bool:
        """Whether inmates get namespaces of their own."""
        return self.way in ("root", "user")

    def text(self) -> str:
        """As it stands on the command line."""
        return json.dumps(asdict(self))


def read(text: str) -> Plan:
    """The plan of a command line."""
    values = json.loads(text)
    return Plan(**{**values, "preload": tuple(values["preload"]), "wanted": tuple(values["wanted"])})
