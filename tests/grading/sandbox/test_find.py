"""Which protection is found, on machines that have less than this one."""

import os

import pytest

from labkit.errors import WrongUse
from labkit.grading.sandbox import bubblewrap, find, landlock, probe
from tests.needs import needs_sandbox

# The machine inside allows no further user namespaces, as many containers do.
RESTRICTED = (
    "--bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
    "--unshare-user",
    "--disable-userns",
    "--uid",
    "1001",
)


def test_bubblewrap_is_preferred():
    needs_sandbox()
    found = find()
    assert found.kind == "sandboxed"
    assert "bubblewrap" in found.how


def test_landlock_is_next_and_says_what_it_lacks(monkeypatch, rooms):
    rooms.protection("landlock")
    monkeypatch.setattr(bubblewrap, "program", lambda: "")
    found = find()
    assert found.kind == "partial"
    assert "counted, not held" in found.how


def test_a_bubblewrap_that_fails_is_not_used(monkeypatch, rooms, tmp_path):
    rooms.protection("landlock")
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(bubblewrap, "program", lambda: str(broken))
    assert find().kind == "partial"
    monkeypatch.setattr(landlock, "version", lambda: 0)
    with pytest.raises(WrongUse, match=r"No permissions to create new namespace.*Install bubblewrap.*--unsafe"):
        find()


def test_without_any_wall_the_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setattr(bubblewrap, "program", lambda: "")
    monkeypatch.setattr(landlock, "version", lambda: 0)
    with pytest.raises(WrongUse, match=r"There is no sandbox on this machine: student code is not run\. Install"):
        find()


def test_elsewhere_than_on_linux_there_is_none(monkeypatch):
    monkeypatch.setattr(probe.sys, "platform", "darwin")
    with pytest.raises(WrongUse, match="Linux only"):
        find()


def test_unsafe_is_said():
    found = find(unsafe=True)
    assert found.kind == "unsafe"
    assert "no sandbox" in found.how


def test_a_place_without_namespaces_falls_back(rooms, tmp_path):
    """Really run there: bubblewrap is installed, and cannot work."""
    rooms.protection("landlock")
    path = needs_sandbox()
    import subprocess
    import sys

    code = "from labkit.grading.sandbox import find; print(find().kind)"
    folder = str(bubblewrap.package().parent)
    command = [path, *RESTRICTED, "--chdir", folder, sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    if "disable-userns" in done.stderr or "--disable-userns" in done.stderr:
        pytest.skip("This bubblewrap cannot forbid namespaces.")
    assert done.stdout.strip() == "partial", done.stderr
