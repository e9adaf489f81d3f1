"""The Makefile, `.ci/run` and what tests need of the machine."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests import needs

ROOT = Path(__file__).resolve().parents[2]
make = pytest.mark.skipif(not shutil.which("make"), reason="No make on this machine.")


def run_make(folder, *arguments, **environ):
    # `make test` runs these tests: what it tells its children (MAKEFLAGS, MAKELEVEL) is not in a person's shell.
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        [shutil.which("make"), *arguments], cwd=folder, capture_output=True, text=True, env={**outside, **environ}
    )


def program(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


@pytest.fixture
def course(clone):
    """A clone with its Makefile and a stand-in for labkit; its environment is current."""
    shutil.copy(ROOT / "Makefile", clone.root)
    assert clone.build()[0] == 0
    program(clone.venv / "bin" / "labkit", 'echo "labkit $*"; [ "$1" != doctor ]\n')
    return clone.root


@make
def test_help_is_the_default():
    done = run_make(ROOT)
    for target in ("lab", "test", "env", "lock"):
        assert f"make {target} " in done.stdout


@make
def test_env_has_nothing_to_do_the_second_time(course):
    done = run_make(course, "env")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@make
def test_lab_shows_the_doctor_and_opens_whatever_it_found(course):
    done = run_make(course, "lab", "LAB_ARGS=--no-browser --port 0")
    assert done.stdout == "labkit doctor\nlabkit lab --no-browser --port 0\n"
    assert "opens all the same" in done.stderr
    assert done.returncode == 0


@make
def test_a_python_that_is_named_and_unsuitable_is_refused(course, tmp_path):
    old = tmp_path / "python3.9"
    program(old, "echo 3.9.2 -\n")
    done = run_make(course, "env", f"PYTHON={old}")
    assert done.returncode
    assert f"{old} is 3.9.2" in done.stderr


@make
def test_no_python_is_one_sentence(course, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder / "python3", "echo pyenv: python3: command not found >&2; exit 127\n")
    done = run_make(course, "env", PATH=str(folder))
    assert done.returncode
    assert "There is no Python here" in done.stderr


@pytest.mark.parametrize("target", ["lab", "test", "lock"])
def test_what_a_person_types_begins_with_the_environment(target):
    assert f"\n{target}: env\n" in (ROOT / "Makefile").read_text()


def test_ci_runs_every_test_and_skips_none():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
    text = script.read_text()
    assert "set -euo pipefail" in text
    assert "LABKIT_REQUIRE=1 make test" in text
    assert "apt.txt" in text
    assert {"chromium", "bubblewrap"} <= set((ROOT / "apt.txt").read_text().split())


def test_a_missing_browser_skips_with_a_sentence_and_fails_where_required(monkeypatch):
    monkeypatch.setattr(needs, "find_browser", lambda: "")
    monkeypatch.delenv("LABKIT_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="No Chromium or Chrome"):
        needs.needs_browser()
    monkeypatch.setenv("LABKIT_REQUIRE", "1")
    with pytest.raises(pytest.fail.Exception, match="LABKIT_REQUIRE is set"):
        needs.needs_browser()


def test_a_browser_that_is_there_is_named(monkeypatch):
    monkeypatch.setattr(needs, "find_browser", lambda: "/usr/bin/chromium")
    assert needs.needs_browser() == "/usr/bin/chromium"
