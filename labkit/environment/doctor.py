"""Examines this machine: what the course needs, what some parts use, and what to do about what is missing.

Required: Python, the packages, torch, memory, disk. Optional: cores, compiler, GPU, sandbox, browser; where one of
these is missing the check stays ok, `found` says so, and `advice` says which part of the course would use it.
"""

import importlib.metadata
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from packaging.requirements import Requirement

from labkit.environment import install, machine, parts
from labkit.environment.parts import version_of
from labkit.errors import WrongUse
from labkit.home import home

LOCK = Path(install.ROOT) / "requirements.lock"
MEMORY_GB, DISK_GB = 3.5, 1.0
SANDBOX = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all", "true")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_BROWSERS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
CPP20 = """#include <concepts>
template <std::integral T> T twice(T x) { return x + x; }
int main() { return twice(0); }
"""


@dataclass(frozen=True)
class Check:
    """One thing examined. `advice` is empty where there is nothing to do."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def answer(*command: str, seconds: float = 1.5) -> str | None:
    """What a program prints; None where it is missing, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def python() -> Check:
    """The Python that runs this."""
    version = sys.version_info[:2]
    found = f"{platform.python_version()} at {sys.executable}"
    if version in install.SUPPORTED:
        return Check("python", True, found)
    return Check("python", False, found, "The course needs Python 3.11, 3.12 or 3.13: run make env.")


def pins() -> dict[str, str]:
    """The version of every package of the lock that is meant for this platform and Python."""
    wanted = {}
    for line in LOCK.read_text().splitlines():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            wanted[requirement.name] = next(iter(requirement.specifier)).version
    return wanted


def packages() -> Check:
    """Every pin of the lock against what is installed."""
    if not LOCK.exists():
        return Check("packages", False, f"no {LOCK}", "Run labkit from a clone of the course (make lab).")
    wanted = pins()
    known = set(install.read_stamp(install.ROOT).get("lacks", []))  # the installer found no build of these
    here = {name: version_of(name) for name in wanted}
    wrong = [f"{name} {here[name] or 'missing'}, not {pin}" for name, pin in wanted.items() if here[name] != pin]
    bad = [text for text in wrong if text.split()[0] not in known]
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        return Check("packages", False, "; ".join(bad[:3]) + more, "Run make env.")
    lacks = sorted(known & {text.split()[0] for text in wrong})
    advice = " ".join(parts.sentence(name, wanted[name]) for name in lacks)
    return Check("packages", True, f"{len(wanted) - len(lacks)} of {len(wanted)} as pinned", advice)


def torch() -> Check:
    """torch, which is installed apart from the lock; judged by its metadata, as importing it takes seconds."""
    found = version_of("torch")
    requirements = map(Requirement, importlib.metadata.requires("labkit") or [])
    wanted = next((str(one.specifier).removeprefix("==") for one in requirements if one.name == "torch"), "")
    if found.split("+")[0] == wanted and found:
        return Check("torch", True, found)
    if "torch" in install.read_stamp(install.ROOT).get("lacks", []):
        return Check("torch", True, "missing", parts.sentence("torch", wanted))
    return Check("torch", False, found or "missing", f"torch {wanted} is wanted: run make env.")


def cores() -> Check:
    """How many cores this process may use."""
    found = machine.usable_cores()
    advice = "" if found.count > 1 else "With one core, what runs in parallel gains nothing: use a machine with two."
    return Check("cores", True, f"{found.count} ({found.method})", advice)


def memory() -> Check:
    """The machine's memory, or its container's limit."""
    total, free = machine.memory_limit_bytes() / 1e9, psutil.virtual_memory().available / 1e9
    found = f"{total:.1f} GB, {min(free, total):.1f} GB available"
    if total < MEMORY_GB:
        return Check("memory", False, found, f"The labs need {MEMORY_GB} GB: use a larger machine or raise the limit.")
    return Check("memory", True, found, "" if free > 1.5 else "Close other programs before you measure.")


def disk() -> Check:
    """Free space where the student's work is kept."""
    try:
        folder = home()
    except WrongUse as error:
        return Check("disk", False, "no folder", str(error))
    free = shutil.disk_usage(folder).free / 1e9
    found = f"{free:.1f} GB free in {folder}"
    if free < DISK_GB:
        return Check("disk", False, found, f"The labs need {DISK_GB:.0f} GB: make room, or set LABKIT_HOME elsewhere.")
    return Check("disk", True, found)


def compiler() -> Check:
    """A C++ compiler that really compiles and links C++20."""
    advice = f"The C++ server (lab 01) needs a C++20 compiler: {machine.how_to_get_a_compiler()}."
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "twice.cpp"
        source.write_text(CPP20)
        for path in machine.compilers():
            if answer(path, "-std=c++20", str(source), "-o", f"{folder}/twice", seconds=5) is not None:
                return Check("compiler", True, (answer(path, "--version") or path).splitlines()[0])
    return Check("compiler", True, "no compiler that takes C++20", advice)


def gpu() -> Check:
    """An NVIDIA GPU with its driver, or Apple's."""
    found = answer("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    if found:
        return Check("gpu", True, "; ".join(found.splitlines()))
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return Check("gpu", True, "Apple's, which the course does not use")
    return Check("gpu", True, "none", "None is needed; timings on a GPU (lab 06) need a machine with NVIDIA's driver.")


def sandbox() -> Check:
    """bubblewrap, really tried: containers often forbid the namespaces that it makes."""
    if answer("bwrap", *SANDBOX) is not None:
        return Check("sandbox", True, "bubblewrap works")
    found, how = "no bubblewrap", "sudo apt install bubblewrap (Linux only)"
    if shutil.which("bwrap"):
        found, how = "bubblewrap is installed and fails", "allow user namespaces on this machine"
    return Check("sandbox", True, found, f"Only for who grades others' code: {how}.")


def find_browser() -> str:
    """The path of the system's Chromium or Chrome, or ""."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    return next((path for path in MAC_BROWSERS if Path(path).exists()), "") if sys.platform == "darwin" else ""


def browser() -> Check:
    """The Chromium that the browser test drives; any browser shows the lab."""
    if path := find_browser():
        return Check("browser", True, path)
    return Check("browser", True, "no Chromium", "Only `make test` needs one; any browser opens the lab.")


EXAMINATIONS: tuple[Callable[[], Check], ...] = (
    *(python, packages, torch, cores, memory, disk),
    *(compiler, gpu, sandbox, browser),
)


def examine() -> list[Check]:
    """All checks, side by side, in under two seconds."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda examination: examination(), EXAMINATIONS))


def is_well(checks: list[Check]) -> bool:
    """Whether everything that the course requires is there."""
    return all(check.ok for check in checks)


def as_dict(checks: list[Check]) -> dict:
    """The answer of `labkit doctor --json`."""
    return {"ok": is_well(checks), "checks": [asdict(check) for check in checks]}


def as_text(checks: list[Check]) -> str:
    """The answer of `labkit doctor`: a line a check, and under it what to do."""
    lines = []
    for check in checks:
        lines.append(f"{'ok  ' if check.ok else 'FAIL'}  {check.name:9} {check.found}")
        if check.advice:
            lines.append(f"{'':16}{check.advice}")
    lines.append("This machine is ready." if is_well(checks) else "Something that the course needs is missing.")
    return "\n".join(lines)
