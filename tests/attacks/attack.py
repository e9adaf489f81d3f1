"""What an attack is, and the submission that it makes: the wrong answers, and what it adds to them."""

import copy
import json
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.attacks.course import MOST, NAME, RIGHT, WRONG

# Harmful attacks refuse to run in the process namespace of whoever started the suite: there is no sandbox then.
GUARD = """\
import os as _os
if _os.path.exists("/proc/self/ns/pid") and _os.readlink("/proc/self/ns/pid") == "@NAMESPACE@":
    _os._exit(77)
del _os
"""


@dataclass(frozen=True)
class Attack:
    """One submission. It is built on wrong answers, so that any gain shows; `right` names those that are right."""

    name: str
    tries: str
    first: str = ""  # a cell of its own before all others
    last: str = ""  # one after all others
    each: str = ""  # at the end of each solution cell
    answers: dict[str, str] = field(default_factory=dict)  # solution cells instead of the wrong ones
    right: tuple[str, ...] = ()
    change: Callable[[dict], object] | None = None  # changes the notebook, or returns what the file holds instead
    files: dict[str, str | bytes] = field(default_factory=dict)  # beside the notebook
    place: Callable[[Path], object] | None = None  # works on the submission's folder itself
    earns: float = 0.0  # what it may honestly get
    at_most: bool = False  # less is right, too
    after: str = ""  # the accomplice's name: graded earlier, in the same course
    harmful: bool = False  # must never run outside a sandbox
    slow: bool = False  # goes on until a limit ends it
    honest: bool = False
    kind: str = ""  # the class it belongs to


def honest(name: str, tries: str, **more: object) -> Attack:
    """An unusual submission that is worth all points."""
    return Attack(name, tries, **{"right": tuple(RIGHT), "earns": MOST, "honest": True, **more})


def returning(expression: str, *names: str) -> dict[str, str]:
    """Answers that all give the same."""
    given = f"(*args, **more):\n    return {expression}"
    functions = {name: f"def {name}{given}" for name in RIGHT if name not in ("account", "data")}
    all_of_them = {**functions, "account": f"def Account{given}", "data": f"GIGABYTE = {expression}"}
    return {name: all_of_them[name] for name in names or all_of_them}


def of_kind(kind: str, attacks: list[Attack]) -> list[Attack]:
    """The attacks of one class, as that class's."""
    return [replace(attack, kind=kind) for attack in attacks]


def own_cell(source: str, kind: str = "code") -> dict:
    """A cell that a student adds."""
    cell = {
        "cell_type": kind,
        "id": f"own-{zlib.crc32(source.encode('utf-8', 'replace'))}",
        "metadata": {},
        "source": source,
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def cell_of(notebook: dict, name: str) -> dict:
    """The cell of that name."""
    return next(cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == name)


def tests_of(notebook: dict) -> list[dict]:
    """The cells with points that a machine gives."""
    return [cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade")]


def files_of(attack: Attack, released: dict, values: dict[str, str]) -> dict[str, bytes]:
    """What is handed in, by relative path. `@COURSE@` and the like are replaced by what an attacker could know."""
    notebook = copy.deepcopy(released)
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])  # files hold lists of lines
    for name in RIGHT:
        answer = RIGHT[name] if name in attack.right else WRONG[name]
        cell_of(notebook, name)["source"] = "\n".join(filter(None, [attack.answers.get(name, answer), attack.each]))
    if attack.first or attack.harmful:
        guard = GUARD if attack.harmful else ""
        notebook["cells"].insert(1, own_cell(guard + attack.first))
    if attack.last:
        notebook["cells"].append(own_cell(attack.last))
    content: object = attack.change(notebook) if attack.change else None
    content = notebook if content is None else content
    if not isinstance(content, bytes):
        content = (content if isinstance(content, str) else json.dumps(content)).encode()
    given = {"ME": attack.name, **values}
    files = {f"{NAME}.ipynb": content, **attack.files}
    return {path: _filled(text, given) for path, text in files.items()}


def write(attack: Attack, folder: Path, released: dict, values: dict[str, str]) -> None:
    """Put the submission into a folder."""
    for path, content in files_of(attack, released, values).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "timestamp.txt").write_text("2026-11-23 10:00:00.000000 UTC")
    if attack.place:
        attack.place(folder)


def namespace() -> str:
    """The process namespace of this process, which the guard compares with."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return "none"


def _filled(content: str | bytes, values: dict[str, str]) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    for name, value in values.items():
        content = content.replace(f"@{name}@".encode(), value.encode())
    return content
