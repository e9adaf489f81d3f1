"""`make lock`: resolves pyproject.toml into requirements.lock, for every platform and Python of the course at once.

torch and what only it brings (CUDA's wheels and triton) stay out: torch is installed apart, see `torch_source.py`.
Versions that are in the lock stay unless `--upgrade` or `--upgrade-package NAME` is given.
"""

import re
import sys
import tempfile
import tomllib
from pathlib import Path

from labkit.environment import uv_tool

ROOT = Path(__file__).resolve().parents[2]
WITH_TORCH = re.compile(r"(torch|triton|nvidia-.*|cuda-.*)")


def direct(pyproject: Path) -> set[str]:
    """Normalised names of the packages that pyproject asks for itself, its groups included."""
    content = tomllib.loads(pyproject.read_text())
    asked = [content["project"]["dependencies"], *content["dependency-groups"].values()]
    return {name_of(requirement) for group in asked for requirement in group}


def name_of(requirement: str) -> str:
    """The normalised name at the head of a requirement."""
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", requirement)[0]).lower()


def without_torch(lines: list[str], asked: set[str]) -> list[str]:
    """The lock's lines less torch's own; a CUDA wheel that pyproject names stays."""
    keep = asked - {"torch"}
    return [line for line in lines if not WITH_TORCH.fullmatch(name_of(line)) or name_of(line) in keep]


def groups_of(root: Path) -> list[str]:
    """The dependency groups of pyproject, all of which are in the lock."""
    return sorted(tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"])


def resolve(root: Path, before: str, arguments: list[str]) -> list[str]:
    """Let uv resolve; the versions in `before` are kept where they can be. Returns the lines of the lock."""
    groups = [word for group in groups_of(root) for word in ("--group", group)]
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "requirements.lock"
        draft.write_text(before)
        done = uv_tool.run(
            *("pip", "compile", "pyproject.toml", *groups, "--universal", "--python-version", "3.11"),
            *("--no-header", "--no-annotate", "--quiet", "--output-file", str(draft), *arguments),
            cwd=root,
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        return draft.read_text().splitlines()


def main() -> None:
    """Rewrite requirements.lock; a failed run leaves the old one."""
    lock = ROOT / "requirements.lock"
    before = lock.read_text() if lock.exists() else ""
    lines = without_torch(resolve(ROOT, before, sys.argv[1:]), direct(ROOT / "pyproject.toml"))
    text = "\n".join(lines) + "\n"
    lock.write_text(text)
    print(f"requirements.lock: {len(lines)} lines, {'unchanged' if text == before else 'changed'}", file=sys.stderr)


if __name__ == "__main__":
    main()
