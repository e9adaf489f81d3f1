"""uv, in its own small environment: it resolves the lock, and is no dependency of the course."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import platformdirs

UV = "0.13.9"


def uv() -> Path:
    """The pinned uv, installed from PyPI on first use into the user's cache."""
    folder = Path(platformdirs.user_cache_dir("labkit", appauthor=False)) / f"uv-{UV}"
    program = folder / "bin" / "uv"
    if not program.exists():
        print(f"Installing uv {UV} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", f"uv=={UV}"], check=True)
    return program


def run(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess:
    """Run uv and keep its words."""
    command = [str(uv()), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environ})
