"""A small clone of the course whose pip is a fake: installations in a tenth of a second, with every kind of failure."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FAKE_PIP = """
import json, os, pathlib, sys, time
words = " ".join(sys.argv[1:])
here = pathlib.Path(__file__).resolve().parent
with open(here / "calls.log", "a") as log:
    log.write(words + "\\n")
for name in [word for word in sys.argv if word.startswith("/") and word.endswith(".txt")]:
    words += " " + pathlib.Path(name).read_text()
for rule in json.loads(os.environ.get("FAKE_PIP", "[]")):
    if all(part in words for part in rule["when"]) and not any(part in words for part in rule.get("unless", [])):
        (here / "pid").write_text(str(os.getpid()))
        time.sleep(rule.get("sleep", 0))
        print(rule.get("say", ""))
        for name, text in rule.get("write", {}).items():
            (here.parent / name).parent.mkdir(exist_ok=True)
            (here.parent / name).write_text(text)
        sys.exit(rule.get("status", 0))
"""

# The real entry point of the installer, except that an environment gets the fake pip in place of ensurepip's.
BUILD = """
import pathlib, subprocess, sys
root = sys.argv[1]
sys.path.insert(0, root)
from labkit.environment import build
def make_venv(venv):
    venv.mkdir()
    (venv / build.MARK).touch()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    pip = build.site_packages(venv) / "pip"
    pip.mkdir()
    (pip / "__main__.py").write_text(pathlib.Path(root, "fake_pip.py").read_text())
build.make_venv = make_venv
raise SystemExit(build.main())
"""


@dataclass
class Clone:
    """A clone with a fake pip; `rules` say what pip answers to which words."""

    root: Path

    def start(self, *rules: dict, arguments: tuple[str, ...] = ()) -> subprocess.Popen:
        """Start an installation."""
        return subprocess.Popen(
            [sys.executable, str(self.root / "fake_build.py"), str(self.root), *arguments],
            env={**os.environ, "FAKE_PIP": json.dumps(rules)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def build(self, *rules: dict, arguments: tuple[str, ...] = ()) -> tuple[int, str]:
        """Run an installation to its end: exit status and what the person reads."""
        process = self.start(*rules, arguments=arguments)
        text = process.communicate(timeout=30)[0]
        return process.returncode, text

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def pip(self) -> Path:
        return next(self.venv.glob("lib/python3.*/site-packages")) / "pip"

    def calls(self) -> list[str]:
        """The arguments of every run of pip so far."""
        return (self.pip / "calls.log").read_text().splitlines()


@pytest.fixture
def clone(tmp_path) -> Clone:
    root = (tmp_path / "a clone").resolve()  # a space, as in many a student's home
    shutil.copytree(ROOT / "labkit" / "environment", root / "labkit" / "environment")
    shutil.copy(ROOT / "labkit" / "__init__.py", root / "labkit")
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, root)
    (root / "fake_pip.py").write_text(FAKE_PIP)
    (root / "fake_build.py").write_text(BUILD)
    return Clone(root)
