"""Where torch comes from: a list of sources in the order in which they are tried.

PyPI's torch for Linux brings 3 GB of CUDA with it, and a lock cannot name another index without an URL. So torch is
installed apart: what pip's own configuration offers first, then PyTorch's index of CPU builds, and CUDA's gigabytes
only where there is an NVIDIA driver, or as the last resort after a sentence that says what is coming.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CPU_GB, CUDA_GB = 4.0, 10.0  # the whole environment, with what pip unpacks beside it
CUDA_SIZE = "about 3 GB to download and 8 GB on disk"


@dataclass(frozen=True)
class Source:
    """One place to ask: the arguments for `pip install`, the disk that it takes, and what to tell the person first."""

    name: str
    arguments: tuple[str, ...]
    needs_gb: float = CPU_GB
    announce: str = ""


def has_nvidia_driver() -> bool:
    """Whether this machine can run CUDA: its driver's tool or its folder is there (WSL keeps the tool apart)."""
    places = (Path("/proc/driver/nvidia/version"), Path("/usr/lib/wsl/lib/nvidia-smi"))
    return shutil.which("nvidia-smi") is not None or any(place.exists() for place in places)


def sources(version: str, system: str, driver: bool, wish: str = "") -> list[Source]:
    """The plan. `system` as in sys.platform; `wish` is "cpu", "cuda" or "" for what suits the machine."""
    plain = f"torch=={version}"
    if system == "darwin":
        return [Source("pip's configured sources", (plain,))]  # PyPI's builds for Macs hold no CUDA
    # An exact local version never matches PyPI's CUDA build, so these fail in a second instead of fetching gigabytes.
    folder = Source("the wheels of pip's find-links", ("--no-index", plain))
    cpu = [
        Source("pip's configured sources, as a CPU build", ("--retries", "2", f"{plain}+cpu")),
        Source("PyTorch's index of CPU builds", ("--retries", "2", "--index-url", CPU_INDEX, f"{plain}+cpu")),
    ]
    if wish == "cpu":
        return [folder, *cpu]
    if wish == "cuda":
        return [Source("pip's configured sources, with CUDA", (plain,), CUDA_GB, f"torch with CUDA: {CUDA_SIZE}.")]
    if driver:
        why = f"This machine has an NVIDIA driver, so torch comes with CUDA: {CUDA_SIZE} (LABKIT_TORCH=cpu avoids it)."
        return [folder, Source("pip's configured sources, with CUDA", (plain,), CUDA_GB, why), *cpu]
    why = f"No CPU build of torch can be reached, so PyPI's comes, with CUDA: {CUDA_SIZE} (Ctrl-C stops it)."
    return [folder, *cpu, Source("pip's configured sources, with CUDA", (plain,), CUDA_GB, why)]


def brings_cuda(site_packages: Path) -> bool:
    """Whether the installed torch needs the CUDA wheels, by its own metadata."""
    for metadata in site_packages.glob("torch-*.dist-info/METADATA"):
        text = metadata.read_text(errors="replace")
        return any(f"Requires-Dist: {name}" in text for name in ("nvidia-", "cuda-"))
    return False


def installed(site_packages: Path) -> str:
    """The version of the installed torch, or ""."""
    for folder in site_packages.glob("torch-*.dist-info"):
        return folder.name.removeprefix("torch-").removesuffix(".dist-info")
    return ""
