"""Grades one attack with nbgrader's own autograde, in a course and on a machine of its own that are thrown away.

The machine is a bubblewrap sandbox: no network, no other processes, nothing to write but the course, the home and the
temporary folders; an unprivileged user; limits on memory, processes and files; and a time after which all of it ends.
"""

import atexit
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from tests.attacks.attack import Attack, honest, write
from tests.attacks.course import NAME, make
from tests.attacks.run import Row
from tests.attacks.suite import everything

NOBODY = 64_123  # a user that has nothing
CELL_S = 10
WHOLE_S = 150
PORT = 8765
LIMITS = ["--as=7000000000", "--nproc=400", "--fsize=300000000", "--core=0", "--cpu=120"]
CLASSMATES = ("ann", "zoe")  # ann is graded before the attack, zoe would be graded after it
OWN = {"gradebook.db", "nbgrader_config.py"}


def graded(attack: Attack) -> Row:
    """What stock nbgrader gives."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="stock-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        shutil.copytree(template(), place / "course", symlinks=True)
        (place / "home").mkdir()
        (place / "home" / ".secret").write_text("secret")
        crowd = [everything()[attack.after]] if attack.after else []
        for one in [*crowd, attack]:
            hand_in(one, place / "course")
        said = inside(place, [one.name for one in [*crowd, attack]])
        score, remark = looked_at(place, attack, said)
    return Row(attack, score, "", remark, time.perf_counter() - began)


def hand_in(attack: Attack, course: Path) -> None:
    """Write a submission. What is checked for harm lies in another process namespace than the runner's."""
    released = json.loads((course / "release" / NAME / f"{NAME}.ipynb").read_text())
    folder = course / "submitted" / attack.name / NAME
    folder.mkdir(parents=True)
    values = {
        "COURSE": "/course",
        "HOME": "/home/grader",
        "PORT": str(PORT),
        "NAMESPACE": os.readlink("/proc/self/ns/pid"),
    }
    write(attack, folder, released, values)


def inside(place: Path, students: list[str]) -> dict:
    """Run nbgrader in the private place. What it says is {} where it was ended."""
    if os.getuid() == 0:
        subprocess.run(["chown", "-Rh", f"{NOBODY}:{NOBODY}", str(place)], check=True)
    arguments = [sys.executable, "/inside.py", str(PORT), str(CELL_S), *students]
    command = ["nice", "-n", "19", "prlimit", *LIMITS, *wrapped(place), *user(), *arguments]
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
        try:
            process.wait(WHOLE_S)
        except subprocess.TimeoutExpired:
            process.kill()  # and with it everything inside: --die-with-parent, and a process namespace
            process.wait()
        out.seek(0)
        lines = [
            line for line in out.read(1 << 20).decode("utf-8", "replace").splitlines() if line.startswith('{"said"')
        ]
    return json.loads(lines[-1]) if lines else {}


def wrapped(place: Path) -> list[str]:
    """bubblewrap's arguments."""
    python = {sys.prefix, sys.base_prefix, os.path.dirname(os.path.realpath(sys.executable))}
    libraries = [
        path
        for path in ("/usr", "/etc/ld.so.cache", "/etc/alternatives", "/etc/passwd", "/etc/group")
        if os.path.exists(path)
    ]
    kit = Path(__file__).resolve().parents[2] / "labkit"
    command = [
        "bwrap",
        "--die-with-parent",
        "--new-session",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
        "--unshare-uts",
    ]
    command += [] if os.getuid() == 0 else ["--unshare-user"]
    for path in ("/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
    bound = [*libraries, *sorted(python), str(kit), "/home/grader"]
    for above in sorted({str(parent) for path in bound for parent in Path(path).parents} - {"/"}):
        command += ["--perms", "0755", "--dir", above]  # bubblewrap would make them for root alone
    for path in bound[:-1]:
        command += ["--ro-bind", path, path]
    command += [
        "--ro-bind",
        str(Path(__file__).with_name("stock_inside.py")),
        "/inside.py",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
    ]
    for path in ("/tmp", "/var/tmp", "/dev/shm"):
        command += ["--perms", "1777", "--tmpfs", path]
    command += ["--bind", str(place / "course"), "/course", "--bind", str(place / "home"), "/home/grader"]
    command += ["--chdir", "/course", "--clearenv", "--setenv", "HOME", "/home/grader", "--setenv", "LANG", "C.UTF-8"]
    command += [
        "--setenv",
        "PATH",
        f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "--setenv",
        "PYTHONWARNINGS",
        "ignore",
    ]
    return [*command, "--"]


def user() -> list[str]:
    """Become nobody, where we are root."""
    if os.getuid():
        return []
    return [
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all",
    ]


def looked_at(place: Path, attack: Attack, said: dict) -> tuple[float | None, str]:
    """The score in the gradebook, and what else happened."""
    course, remarks = place / "course", []
    if not said:
        remarks.append("the whole run was ended")
    elif said["said"].get(attack.name):
        remarks.append("dropped with an error")
    if said.get("heard"):
        remarks.append("sent data out")
    if said.get("left"):
        remarks.append(f"left {len(said['left'])} processes")
    score, classmate, known = None, None, scores(course / "gradebook.db")
    if known is None:
        remarks.append("gradebook damaged")
    else:
        score, classmate = known.get(attack.name), known.get("ann")
    if known is not None and classmate != 24:
        remarks.append("a classmate lost points")
    changed = [
        name for name in ("submitted/zoe", "submitted/ann", "source", "release") if digest(course / name) != stood(name)
    ]
    if changed:
        remarks.append(f"changed {', '.join(changed)}")
    for folder in (course, place / "home"):
        found = [path.name for path in folder.rglob("*") if path.name.startswith(("attack-marker", "dropped-"))]
        found += [path.name for path in folder.glob(".*/**/*") if path.is_file() and _marked(path)]
        if found:
            remarks.append(f"wrote {sorted(set(found))[0]} into {'the course' if folder == course else 'the home'}")
    return score, "; ".join(remarks)


def scores(gradebook: Path) -> dict[str, float] | None:
    """What each student got from the machine, or by having got at the gradebook."""
    query = """select s.student_id, sum(coalesce(g.manual_score, g.auto_score, 0) + coalesce(g.extra_credit, 0)),
               count(g.auto_score) from grade g join submitted_notebook n on g.notebook_id = n.id
               join submitted_assignment s on n.assignment_id = s.id group by s.student_id"""
    try:
        with sqlite3.connect(f"file:{gradebook}?mode=ro", uri=True) as db:
            return {student: score for student, score, count in db.execute(query) if count or score}
    except sqlite3.Error:
        return None


@cache
def template() -> Path:
    """The course, released, with the classmates' work; ann's is graded."""
    place = Path(tempfile.mkdtemp(prefix="stock-template-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    from nbgrader.apps.api import NbGraderAPI
    from traitlets.config import Config

    from labkit.course.exchange import generate
    from labkit.course.text import written

    settings = place / "settings.py"
    settings.write_text("")
    make(place / "clone", settings)
    course = place / "course"
    (course / "source" / NAME).mkdir(parents=True)
    (course / "source" / NAME / f"{NAME}.ipynb").write_text(
        written(place / "clone" / "assignments" / "text" / f"{NAME}.py")
    )
    config = Config()
    config.CourseDirectory.root = str(course)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    generate(NbGraderAPI(config=config), NAME)
    for name in CLASSMATES:
        hand_in(honest(name, "a classmate"), course)
    (place / "home").mkdir()
    said = inside(place, ["ann"])
    if said.get("said") != {"ann": ""} or scores(course / "gradebook.db") != {"ann": 24}:
        raise RuntimeError(f"nbgrader does not grade an honest submission here: {said}")
    return course


@cache
def stood(name: str) -> str:
    """What a part of the course was like before."""
    return digest(template() / name)


def digest(folder: Path) -> str:
    """Names and contents of a folder's files."""
    return repr(
        [(str(path.relative_to(folder)), path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()]
    )


def _marked(path: Path) -> bool:
    try:
        return b"attack-marker" in path.read_bytes()[:10_000] or path.name == "00-first.py"
    except OSError:
        return False
