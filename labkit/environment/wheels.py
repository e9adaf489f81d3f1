"""`make wheels`: which packages of the lock have no wheel for which platform and Python."""

import re
import tempfile
from pathlib import Path

from labkit.environment import uv_tool

ROOT = Path(__file__).resolve().parents[2]
# uv's names; the oldest glibc is that of Debian 10 and Ubuntu 20.04, the oldest macOS is 14.
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux ARM": "aarch64-manylinux_2_28",
    "macOS 14, Apple silicon": "aarch64-apple-darwin",
    "macOS 14, Intel": "x86_64-apple-darwin",
}
PYTHONS = ("3.11", "3.12", "3.13")


def lacking(lines: list[str], platform: str, python: str) -> list[str]:
    """The pins of `lines` that have no wheel, found by leaving them out one after another."""
    lacks: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        while True:
            requirements.write_text("\n".join(line for line in lines if line.split(" ;")[0] not in lacks) + "\n")
            done = uv_tool.run(
                *("pip", "compile", str(requirements), "--no-deps", "--only-binary", ":all:", "--quiet"),
                *("--python-platform", platform, "--python-version", python),
                cwd=Path(folder),
                MACOSX_DEPLOYMENT_TARGET="14.0",
            )
            if not done.returncode:
                return lacks
            pin = re.search(r"Because (\S+==\S+)", done.stderr)
            if not pin or pin[1] in lacks:
                raise SystemExit(done.stderr)
            lacks.append(pin[1])


def main() -> None:
    """Print a table: a line a platform and Python."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    for title, platform in PLATFORMS.items():
        for python in PYTHONS:
            lacks = lacking(lines, platform, python)
            print(f"{title:24} {python:5} {', '.join(lacks) or 'complete'}", flush=True)


if __name__ == "__main__":
    main()
