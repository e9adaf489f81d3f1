"""Makes `.venv`: a virtual environment, torch, the packages of the lock, the kit itself, and last the stamp.

`install.py` runs this file under a supported Python. What is half done is marked as such; a run that finds the mark
starts over, because a package that was being copied when the process was killed looks installed and is not.
"""

import argparse
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":  # run as a script, with -I: the root of the clone is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from labkit.environment import install, parts, torch_source, trouble
from labkit.environment.pip_runner import Pip
from labkit.environment.trouble import Trouble

MARK = "labkit-unfinished"
LOG = "labkit-install.log"
UPDATE_GB = 1.0
# More packages than this without a build means that pip's sources are at fault, and not the platform.
MOST_LACKS = 10


def say(text: str) -> None:
    """Tell the person; standard output stays free for what a command answers."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def only_one(root: Path) -> Iterator[int]:
    """Hold the lock of this clone: two installations at once would write into each other's files."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another installation runs in this folder; waiting for it.")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def site_packages(venv: Path) -> Path:
    """The folder of installed packages; one that does not exist where there is none."""
    return next(venv.glob("lib/python3.*/site-packages"), venv / "none")


def python_of(venv: Path) -> str:
    """The version of the Python in `.venv` as "3.12", or "" where it does not run."""
    found = install.probe(str(venv / "bin" / "python"))
    return found.minor if found and found.version[:2] in install.SUPPORTED else ""


def reason_to_start_over(root: Path, wanted_python: str) -> str:
    """Why an existing `.venv` cannot be updated in place, or ""."""
    venv = root / ".venv"
    if not venv.exists():
        return ""
    if (venv / MARK).exists():
        return "The last installation was interrupted"
    if install.read_stamp(str(root)).get("root", str(root)) != str(root):
        return "This clone was moved or copied"
    version = python_of(venv)
    if not version:
        return "The Python of .venv is gone or not supported"
    if wanted_python not in ("", version):
        return f"The environment has Python {version}"
    return ""


def check_disk(root: Path, needs_gb: float) -> None:
    """Stop before the disk is full."""
    free_gb = shutil.disk_usage(root).free / 1e9
    if free_gb < needs_gb:
        raise trouble.no_space(root, needs_gb, free_gb)


def make_venv(venv: Path) -> None:
    """An empty environment, marked as unfinished from its first file on."""
    venv.mkdir()
    (venv / MARK).touch()
    done = subprocess.run([sys.executable, "-I", "-m", "venv", str(venv)], capture_output=True, text=True)
    if done.returncode:
        (venv / LOG).write_text(done.stdout + done.stderr)
        if trouble.kind(done.stdout + done.stderr) == "disk":
            raise trouble.no_space(venv, torch_source.CPU_GB)
        raise trouble.unknown("making the virtual environment", venv / LOG)


def explain(text: str, what: str, needs_gb: float, venv: Path) -> Trouble:
    """The sentence for a failed run of pip."""
    kind = trouble.kind(text)
    if kind == "disk":
        return trouble.no_space(venv, needs_gb)
    if kind == "network":
        # pip fetches everything before it installs anything: nothing is half done, and the next run goes on from here.
        (venv / MARK).unlink(missing_ok=True)
        return trouble.no_network(what)
    return trouble.unknown(what, venv / LOG)


def torch_version(root: Path) -> str:
    """The one version of torch, from pyproject."""
    dependencies = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    return next(name.removeprefix("torch==") for name in dependencies if name.startswith("torch=="))


def has_torch(venv: Path, version: str, wish: str) -> bool:
    """Whether the torch that is wanted is there already."""
    here = torch_source.installed(site_packages(venv))
    if here.split("+")[0] != version:
        return False
    return not wish or (wish == "cuda") == torch_source.brings_cuda(site_packages(venv))


def install_torch(pip: Pip, root: Path, wish: str) -> list[str]:
    """Try the sources in their order. Returns what the platform lacks: nothing, or torch itself."""
    venv, version = root / ".venv", torch_version(root)
    if has_torch(venv, version, wish):
        return []
    replace = ["--force-reinstall"] if torch_source.installed(site_packages(venv)) else []
    failures = []
    for source in torch_source.sources(version, sys.platform, torch_source.has_nvidia_driver(), wish):
        if source.needs_gb > torch_source.CPU_GB and not enough_for(source, root, failures):
            continue
        if source.announce:
            say("      " + source.announce)
        outcome = pip.install("--no-deps", "--only-binary", ":all:", *replace, *source.arguments)
        if not outcome.status:
            add_cuda(pip, root, version)
            return []
        failures.append(outcome.text)
        if trouble.kind(outcome.text) == "disk":
            break
    if all(trouble.kind(text) == "no build" for text in failures):
        return ["torch"]
    text = next((text for text in reversed(failures) if trouble.kind(text) != "no build"), "")
    raise explain(text, f"torch {version}", torch_source.CPU_GB, venv)


def enough_for(source: torch_source.Source, root: Path, failures: list[str]) -> bool:
    """Whether the disk holds this source; where it is the last hope, that is the end."""
    free_gb = shutil.disk_usage(root).free / 1e9
    if free_gb >= source.needs_gb:
        return True
    if failures and any(trouble.kind(text) == "network" for text in failures):
        raise trouble.no_space(root, source.needs_gb, free_gb)
    say(f"      torch with CUDA would need {source.needs_gb:.0f} GB, and {free_gb:.1f} GB are free: not taken.")
    return False


def add_cuda(pip: Pip, root: Path, version: str) -> None:
    """A torch with CUDA cannot be imported without NVIDIA's wheels, which the lock leaves out."""
    if not torch_source.brings_cuda(site_packages(root / ".venv")):
        return
    lock = str(root / "requirements.lock")
    outcome = pip.install("--only-binary", ":all:", "--constraint", lock, f"torch=={version}")
    if outcome.status:
        raise explain(outcome.text, "CUDA's libraries", torch_source.CUDA_GB, root / ".venv")


def install_lock(pip: Pip, root: Path) -> list[str]:
    """Install the lock, leaving out what has no wheel here. Returns the names that could not be had at all."""
    venv, pins = root / ".venv", parts.pins(root / "requirements.lock")
    requirements, without_wheel = venv / "labkit-requirements.txt", []
    while True:
        lines = [line for name, found in pins.items() if name not in without_wheel for line in found]
        requirements.write_text("\n".join(lines) + "\n")
        outcome = pip.install("--no-deps", "--only-binary", ":all:", "--requirement", str(requirements))
        if not outcome.status:
            return [name for name in without_wheel if not from_source(pip, pins[name])]
        name = re.split(r"[=<>!~\[]", trouble.missing_package(outcome.text))[0].lower()
        if trouble.kind(outcome.text) != "no build" or name not in pins or len(without_wheel) == MOST_LACKS:
            raise explain(outcome.text, "the packages of requirements.lock", torch_source.CPU_GB, venv)
        without_wheel.append(name)


def from_source(pip: Pip, lines: list[str]) -> bool:
    """Try to compile a package that has no wheel; the machine may have a compiler and its headers."""
    say(f"      {lines[0].split(';')[0].strip()} has no wheel for this platform: trying to compile it.")
    source = pip.temporary.parent / "labkit-from-source.txt"
    source.write_text("\n".join(lines) + "\n")
    return pip.install("--no-deps", "--requirement", str(source)).status == 0


def install_kit(pip: Pip, root: Path) -> None:
    """labkit itself, from this clone, with the build backend that pyproject pins."""
    outcome = pip.install("--no-deps", "--editable", ".", cwd=root)
    if outcome.status:
        raise explain(outcome.text, "labkit's build backend", UPDATE_GB, root / ".venv")


def write_stamp(root: Path, fingerprint: str, torch: str, lacks: list[str]) -> None:
    """The last act: from here on, the next run has nothing to do."""
    venv = root / ".venv"
    stamp = {"fingerprint": fingerprint, "root": str(root), "torch": torch, "lacks": lacks}
    stamp["python"] = python_of(venv)
    shutil.rmtree(venv / "tmp", ignore_errors=True)
    draft = venv / (install.STAMP + ".new")
    draft.write_text(json.dumps(stamp, indent=2) + "\n")
    draft.replace(venv / install.STAMP)
    (venv / MARK).unlink(missing_ok=True)


def prepare(root: Path, wanted_python: str) -> None:
    """A `.venv` that can be filled, and the mark that says it is being filled."""
    venv = root / ".venv"
    reason = reason_to_start_over(root, wanted_python)
    if reason:
        say(f"{reason}: starting over.")
        shutil.rmtree(venv)
    check_disk(root, UPDATE_GB if venv.exists() else torch_source.CPU_GB)
    version = python_of(venv) if venv.exists() else "{}.{}".format(*sys.version_info)
    say(f"[1/4] Python {version} in {venv}")
    if not venv.exists():
        make_venv(venv)
    (venv / MARK).touch()
    (venv / install.STAMP).unlink(missing_ok=True)


def make(root: Path, wish: str = "", wanted_python: str = "") -> None:
    """Make or update `.venv` in `root`; raises Trouble with the one sentence where it cannot."""
    start = time.monotonic()
    with only_one(root) as held:
        if install.is_current(str(root), wanted_python, wish):
            return  # the installation that we waited for did it
        wish = wish or install.read_stamp(str(root)).get("torch", "")
        fingerprint = install.fingerprint(str(root))  # of what is installed now, should a file change meanwhile
        prepare(root, wanted_python)
        pip = Pip(root / ".venv", root / ".venv" / LOG, held)
        say(f"[2/4] torch {torch_version(root)}")
        lacks = install_torch(pip, root, wish)
        say("[3/4] the packages of requirements.lock")
        lacks += install_lock(pip, root)
        say("[4/4] labkit")
        install_kit(pip, root)
        write_stamp(root, fingerprint, wish, lacks)
    for name in lacks:
        say(parts.sentence(name, torch_version(root) if name == "torch" else version_of(root, name)))
    say(f"The environment is ready, after {time.monotonic() - start:.0f} s.")


def version_of(root: Path, name: str) -> str:
    """The pinned version of a package, as the lock writes it."""
    return parts.pins(root / "requirements.lock")[name][0].split(";")[0].split("==")[1].strip()


def main() -> int:
    """Make, and turn every failure into one sentence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--torch", default="", choices=["cpu", "cuda"])
    parser.add_argument("--python", default="")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        make(asked.root, asked.torch, asked.python)
    except Trouble as error:
        say(str(error))
        return 1
    except OSError as error:
        say(str(trouble.of_os_error(error, asked.root, torch_source.CPU_GB)))
        return 1
    except KeyboardInterrupt:
        say("Interrupted: run the same command again, it puts right what is half done.")
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
