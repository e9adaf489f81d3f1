"""`labkit doctor`: each check with its thing present and absent."""

import json
import shutil
import stat
import sys
import time

import pytest
from typer.testing import CliRunner

from labkit.cli import app
from labkit.environment import doctor, install, machine


def program(folder, name, text="", status=0):
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{text}'\nexit {status}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine whose PATH holds only what the test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CXX", raising=False)
    return folder


def test_this_machine_is_well_and_the_answer_is_one_json_object():
    start = time.monotonic()
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert time.monotonic() - start < 6  # 0.8 s on an idle machine
    answer = json.loads(done.stdout)
    assert set(answer) == {"ok", "checks"}
    assert all(set(check) == {"name", "ok", "found", "advice"} for check in answer["checks"])
    names = [check["name"] for check in answer["checks"]]
    assert names == ["python", "packages", "torch", "cores", "memory", "disk", "compiler", "gpu", "sandbox", "browser"]
    assert answer["ok"], answer
    assert done.exit_code == 0


def test_a_lack_of_what_is_required_is_exit_status_1(monkeypatch):
    monkeypatch.setattr(doctor, "EXAMINATIONS", (lambda: doctor.Check("disk", False, "full", "Make room."),))
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "FAIL  disk      full" in done.output
    assert "Make room." in done.output


def test_what_is_optional_may_be_missing_and_has_advice(bare):
    for examination in (doctor.compiler, doctor.gpu, doctor.sandbox, doctor.browser):
        check = examination()
        if check.name != "browser" or sys.platform != "darwin":
            assert check.ok
            assert check.found.startswith("no")
            assert check.advice


def test_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
    check = doctor.python()
    assert not check.ok
    assert "make env" in check.advice


def test_a_wrong_and_a_missing_package(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(install, "read_stamp", lambda root: {})
    doctor.LOCK.write_text("tqdm==0.0.1\nno-such-package==1.0\nnot-here==1 ; sys_platform == 'win32'\n")
    check = doctor.packages()
    assert not check.ok
    assert "no-such-package missing, not 1.0" in check.found
    assert "tqdm 4" in check.found
    assert "not-here" not in check.found
    assert check.advice == "Run make env."


def test_a_package_that_the_platform_lacks_is_told_and_is_no_fault(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(install, "read_stamp", lambda root: {"lacks": ["no-such-package"]})
    doctor.LOCK.write_text("no-such-package==1.0\n")
    check = doctor.packages()
    assert check.ok
    assert "no-such-package 1.0 has no build" in check.advice


def test_no_lock_at_all(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "LOCK", tmp_path / "none")
    assert not doctor.packages().ok


@pytest.mark.parametrize(("found", "ok"), [("", False), ("2.12.0", False), ("2.13.0", True), ("2.13.0+cpu", True)])
def test_torch_by_its_version(monkeypatch, found, ok):
    monkeypatch.setattr(doctor, "version_of", lambda package: found)
    monkeypatch.setattr(install, "read_stamp", lambda root: {})
    check = doctor.torch()
    assert check.ok is ok
    assert bool(check.advice) is not ok


def test_little_memory(monkeypatch):
    monkeypatch.setattr(machine, "memory_limit_bytes", lambda: 2_000_000_000)
    check = doctor.memory()
    assert not check.ok
    assert check.found.startswith("2.0 GB")


def test_a_full_disk(monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)._replace(free=10_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    check = doctor.disk()
    assert not check.ok
    assert "LABKIT_HOME" in check.advice


def test_a_home_that_cannot_be_made(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "file" / "home"))
    check = doctor.disk()
    assert not check.ok
    assert "cannot be made" in check.advice


def test_a_compiler_too_old_for_cpp20_does_not_count(bare):
    program(bare, "c++", "error: unrecognized command line option -std=c++20", 1)
    assert doctor.compiler().advice
    program(bare, "clang++", "clang version 18")
    assert doctor.compiler() == doctor.Check("compiler", True, "clang version 18")


def test_a_sandbox_that_is_forbidden_is_told_apart_from_none(bare):
    missing = doctor.sandbox()
    program(bare, "bwrap", "No permissions to create new namespace", 1)
    forbidden = doctor.sandbox()
    assert "apt install bubblewrap" in missing.advice
    assert "user namespaces" in forbidden.advice
    program(bare, "bwrap")
    assert doctor.sandbox() == doctor.Check("sandbox", True, "bubblewrap works")


def test_a_gpu_by_its_driver(bare):
    program(bare, "nvidia-smi", "NVIDIA X, 16 GiB")
    assert doctor.gpu() == doctor.Check("gpu", True, "NVIDIA X, 16 GiB")
    program(bare, "nvidia-smi", "no devices were found", 9)
    assert doctor.gpu().found == "none" or sys.platform == "darwin"


def test_a_program_that_hangs_is_given_up(bare):
    (bare / "nvidia-smi").write_text(f"#!{sys.executable}\nimport time; time.sleep(30)\n")
    (bare / "nvidia-smi").chmod(0o755)
    assert doctor.answer("nvidia-smi", seconds=0.2) is None
