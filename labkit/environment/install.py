"""Make or update `.venv`: `python3 labkit/environment/install.py`, which is what `make env` runs.

This file runs under whatever Python there is, and its grammar is that of the oldest ones (no f-string, no annotation),
because a person with an old Python must read one sentence and not a SyntaxError. It answers two questions: is `.venv`
already what the lock says, and if not, which Python makes it. The work is in `build.py`, under a supported Python.
"""

import hashlib
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
SUPPORTED = ((3, 11), (3, 12), (3, 13))
# A Python built without one of these makes an environment in which pip, JupyterLab or nbgrader fails much later.
MODULES = ("venv", "ensurepip", "ssl", "sqlite3", "ctypes", "lzma", "bz2")
# What decides how .venv is made; a change in any of them makes `make env` run again.
SOURCES = (
    "requirements.lock",
    "pyproject.toml",
    "labkit/environment/install.py",
    "labkit/environment/build.py",
    "labkit/environment/torch_source.py",
    "labkit/environment/parts.py",
)
STAMP = "labkit-stamp.json"
PROBE = """
import importlib, sys
lacks = []
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        lacks.append(name)
print(".".join(map(str, sys.version_info[:3])) + " " + (",".join(lacks) or "-"))
"""


def fingerprint(root):
    """One hash over everything that decides what `.venv` holds."""
    total = hashlib.sha256()
    for name in SOURCES:
        with open(os.path.join(root, *name.split("/")), "rb") as source:
            total.update(name.encode() + b"\0" + source.read() + b"\0")
    return total.hexdigest()


def read_stamp(root):
    """What the last whole installation wrote, or {} where there was none."""
    try:
        with open(os.path.join(root, ".venv", STAMP)) as source:
            stamp = json.load(source)
    except (EnvironmentError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def is_current(root, python="", torch=""):
    """Whether `.venv` is whole and is what the lock says: made here, from these sources, with its Python still there.

    `python` (as "3.12") and `torch` ("cpu" or "cuda") are what the person asked for, empty for no wish.
    """
    stamp = read_stamp(root)
    return (
        stamp.get("fingerprint") == fingerprint(root)
        and stamp.get("root") == root  # scripts hold absolute paths: a moved or copied clone needs its own
        and os.path.exists(os.path.join(root, ".venv", "bin", "python"))
        and python in ("", stamp.get("python"))
        and torch in ("", stamp.get("torch"))
    )


class Found(object):
    """One interpreter that was really run: its version as (3, 11, 7), and the modules that it lacks."""

    def __init__(self, path, version, lacks):
        self.path, self.version, self.lacks = path, version, lacks
        self.suits = version[:2] in SUPPORTED and not lacks
        self.minor = "{}.{}".format(*version[:2])


def probe(path):
    """Run an interpreter and ask it; None where it cannot be run (a pyenv shim exists, and fails when called)."""
    try:
        process = subprocess.Popen(
            [path, "-I", "-c", PROBE] + list(MODULES), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        answer = process.communicate()[0].decode("utf-8", "replace").split()
    except OSError:
        return None
    if process.returncode or len(answer) != 2:
        return None
    version = tuple(int(part) for part in answer[0].split("."))
    return Found(path, version, [] if answer[1] == "-" else answer[1].split(","))


def candidates(wish=""):
    """Interpreters worth trying, best first: the one that the person named, or this one and then those on PATH."""
    if wish:
        return [wish]
    # Never the Python inside .venv: it may be deleted while it runs.
    mine = getattr(sys, "_base_executable", None) or sys.executable
    return [mine, "python3", "python3.12", "python3.11", "python3.13"]


def find_python(paths):
    """The first interpreter that suits, and all that could be run."""
    seen = []
    for path in paths:
        found = probe(path)
        if found:
            seen.append(found)
            if found.suits:
                return found, seen
    return None, seen


def complaint(seen, paths):
    """One sentence on why no Python suits, and what to do."""
    right = [found for found in seen if found.version[:2] in SUPPORTED]
    if right:
        found = right[0]
        lacks = " and ".join(found.lacks)
        if found.lacks == ["ensurepip"]:
            do = "install it (Debian and Ubuntu: sudo apt install python{0}-venv)".format(found.minor)
        else:
            do = "install a complete Python {0} (python.org, apt, brew or pyenv)".format(found.minor)
        return "Python {0} ({1}) comes without its module {2}: {3}, then run the same command again.".format(
            found.minor, found.path, lacks, do
        )
    here = ", ".join("{0} is {1}".format(found.path, ".".join(map(str, found.version))) for found in seen)
    return (
        "The course needs Python 3.11, 3.12 or 3.13, and there is none here ({0}): install one (python.org, apt, brew "
        "or pyenv), or name it with `make env PYTHON=/path/to/python3.12`."
    ).format(here or "none of {0} runs".format(", ".join(paths)))


def main(environ=os.environ, root=ROOT):
    """Nothing where `.venv` is current; else find a Python and build. Returns the exit status, if at all."""
    wish, torch = environ.get("LABKIT_PYTHON", ""), environ.get("LABKIT_TORCH", "")
    if torch not in ("", "cpu", "cuda"):
        sys.stderr.write("LABKIT_TORCH is cpu or cuda, not {0}.\n".format(torch))
        return 2
    if not wish and is_current(root, torch=torch):
        return 0
    paths = candidates(wish)
    found, seen = find_python(paths)
    if not found:
        sys.stderr.write(complaint(seen, paths) + "\n")
        return 1
    if is_current(root, found.minor if wish else "", torch):
        return 0
    return become_build(found, root, torch, bool(wish))


def become_build(found, root, torch, wished):
    """Turn this process into `build.py` under the Python that was found: whoever stops us stops the installation."""
    command = [found.path, "-I", os.path.join(root, "labkit", "environment", "build.py"), root]
    command += ["--torch", torch] if torch else []
    command += ["--python", found.minor] if wished else []
    os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
