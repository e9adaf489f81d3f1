"""The C++ server's programs, one an engine: compiled on first use, and kept in the user's cache.

Everything but the compiler comes from PyPI with the course: Boost's headers (`cmeel-boost`), OpenVINO and ExecuTorch
with theirs, CMake and Ninja. The cache's key is all of it, sources and versions: what is found there is what would be
built. `labkit serve build` does it beforehand.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import platformdirs
from tqdm.auto import tqdm

from labkit import __version__
from labkit.environment import machine
from labkit.environment.parts import version_of
from labkit.errors import WrongUse

SOURCES = Path(__file__).parent / "cpp"
ENGINES = ("openvino", "executorch", "virtual")
SANITIZERS = ("", "address,undefined", "thread")
TOOK = "seconds"
KEPT = 4  # builds in the cache, the latest used first


def program(engine: str = "openvino", sanitize: str = "") -> Path:
    """The program that serves with this engine, built if it is not there yet.

    sanitize: one of SANITIZERS, for tests. Raises WrongUse where something is missing, or where the compiler fails.
    """
    check(engine, sanitize)
    compiler = find_compiler()
    folder = cache() / key(sanitize, compiler)
    built = folder / f"serve_{engine}"
    if not built.exists():
        with only_one(folder):
            if not built.exists():  # who waited for the lock finds it
                build(engine, sanitize, compiler, folder)
    os.utime(folder)
    return built


def check(engine: str, sanitize: str) -> None:
    if engine not in ENGINES:
        raise WrongUse(f"There is no C++ engine '{engine}'. Choose one of: {', '.join(ENGINES)}.")
    if sanitize not in SANITIZERS:
        raise WrongUse(f"There is no sanitizer '{sanitize}'. Choose one of: {', '.join(filter(None, SANITIZERS))}.")
    for package in ("cmeel-boost", "cmake", "ninja", engine):
        if package != "virtual" and not version_of(package):
            raise WrongUse(
                f"The C++ server with {engine} is built with the package {package}, which is not installed: run "
                "make env; where it has no build for this platform, choose --engine onnxruntime."
            )


def find_compiler() -> str:
    """The path of a C++ compiler: `$CXX`, or the first that there is."""
    if found := machine.compilers():
        return found[0]
    how = machine.how_to_get_a_compiler()
    raise WrongUse(f"The C++ server is compiled on your machine, and there is no C++ compiler: {how}.")


def cache() -> Path:
    """Where builds are kept: `$LABKIT_CACHE`, or the user's cache folder."""
    chosen = os.environ.get("LABKIT_CACHE")
    return (Path(chosen) if chosen else platformdirs.user_cache_path("labkit", appauthor=False)) / "server"


def key(sanitize: str, compiler: str) -> str:
    """A name for everything that the programs are made of."""
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    packages = [f"{package} {version_of(package)} {located(package)}" for package in ("cmeel-boost", *installed())]
    digest = hashlib.sha256("\n".join([__version__, sanitize, compiler, version, *packages]).encode())
    for path in [Path(__file__), *sorted(SOURCES.rglob("*"))]:  # this file has the compiler's options
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def installed() -> list[str]:
    """The engines whose packages are here; the virtual one needs none."""
    return [engine for engine in ENGINES if engine != "virtual" and version_of(engine)]


def located(package: str) -> Path:
    """The folder that the package is installed in; its libraries are found there when a program runs."""
    return Path(str(importlib.metadata.distribution(package).locate_file("")))


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Two builds at once would write into each other's files: the second waits for the first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise WrongUse(
            f"{folder} cannot be written ({error.strerror}). Set LABKIT_CACHE to a folder of yours."
        ) from None


def build(engine: str, sanitize: str, compiler: str, folder: Path) -> None:
    """Configure and compile; the program appears in `folder` when it is whole.

    What all engines share stays in `work`, so that the second one takes a fraction of the first.
    """
    work, log = folder / "work", folder / "build.log"
    began = time.monotonic()
    run([tool("cmake"), "-S", str(SOURCES), "-B", str(work), *settings(sanitize, compiler)], log)
    compile_with_progress([tool("ninja"), "-C", str(work), f"serve_{engine}"], log, f"compiling the {engine} server")
    if not (folder / TOOK).exists():  # the first program's time is the time of all but its engine
        (folder / TOOK).write_text(f"{time.monotonic() - began:.1f}\n")
    (work / f"serve_{engine}").replace(folder / f"serve_{engine}")
    forget_old_builds()


def seconds() -> float:
    """How long compiling the server took on this machine. Raises WrongUse where it is not compiled yet."""
    try:
        return float((cache() / key("", find_compiler()) / TOOK).read_text())
    except OSError:
        raise WrongUse("The C++ server is not compiled yet: labkit serve build.") from None


def tool(name: str) -> str:
    """CMake or Ninja, from their PyPI packages."""
    scripts = importlib.metadata.files(name) or []
    found = next((script.locate() for script in scripts if script.name == name and script.parent.name == "bin"), None)
    return str(found or shutil.which(name))


def settings(sanitize: str, compiler: str) -> list[str]:
    engines = installed()
    chosen = {
        "CMAKE_CXX_COMPILER": compiler,
        "CMAKE_MAKE_PROGRAM": tool("ninja"),
        "ENGINES": ";".join([*engines, "virtual"]),
        "SANITIZE": sanitize,
        "LABKIT_VERSION": __version__,
        "BOOST_INCLUDE": str(located("cmeel-boost") / "cmeel.prefix" / "include"),
        "OpenVINO_DIR": str(located("openvino") / "openvino" / "cmake") if "openvino" in engines else "",
        "CMAKE_PREFIX_PATH": str(located("executorch") / "executorch") if "executorch" in engines else "",
        # Tests with sanitizers wait for the compiler, and not for the server.
        "CMAKE_CXX_FLAGS_RELEASE": "-O0" if sanitize else "-O2 -DNDEBUG",
        "Python3_EXECUTABLE": sys.executable,
    }
    return ["-G", "Ninja", *(f"-D{name}={value}" for name, value in chosen.items() if value)]


def run(command: Sequence[str], log: Path) -> None:
    with log.open("w") as out:
        if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT).returncode:
            raise failure(log)


def compile_with_progress(command: Sequence[str], log: Path, what: str) -> None:
    """Ninja says `step 3 of 20 ...` on each line; anything else is a compiler's remark."""
    environment = os.environ | {"NINJA_STATUS": "step %f of %t "}
    with (
        log.open("a") as out,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ) as ninja,
        tqdm(desc=what, unit="file") as bar,
    ):
        for line in ninja.stdout:
            out.write(line)
            if line.startswith("step "):
                _, done, _, total, *_ = line.split()
                bar.total = int(total)
                bar.update(int(done) - bar.n)
    if ninja.returncode:
        raise failure(log)


def failure(log: Path) -> WrongUse:
    """The sentence for a failed build: the first error that the log names."""
    lines = log.read_text(errors="replace").splitlines()
    first = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "no output")
    return WrongUse(f"The C++ server could not be compiled: {first.strip()} (all of it: {log}).")


def forget_old_builds() -> None:
    """Builds of older sources or versions are of no use; a few stay, for other clones of the course."""
    builds = sorted(cache().iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in builds[KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)
