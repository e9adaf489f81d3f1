"""The installer with a fake pip: what it does in which order, and that every failure is one sentence that heals."""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from labkit.environment import build, install, trouble
from labkit.environment.pip_runner import Pip

NO_NETWORK = "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\n"
NO_VERSION = "ERROR: Could not find a version that satisfies the requirement {0} (from versions: {1})\n"
NO_MATCH = "ERROR: No matching distribution found for {0}"


def no_build(pin, versions="1.0, 2.0"):
    return (NO_VERSION + NO_MATCH).format(pin, versions)


def last_line(text):
    return text.strip().splitlines()[-1]


def stamped(clone):
    return install.is_current(str(clone.root)) and not (clone.venv / build.MARK).exists()


def wait_for(path, seconds=10):
    end = time.monotonic() + seconds
    while not path() or not path().exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def pid_file(clone):
    return next(clone.venv.glob("lib/python3.*/site-packages/pip/pid"), None)


def test_the_phases_in_order_and_a_second_run_does_nothing(clone):
    status, text = clone.build()
    assert status == 0
    assert [line[:5] for line in text.splitlines()[:4]] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert stamped(clone)
    torch, lock, kit = clone.calls()
    assert "torch==2.13.0" in torch
    assert "--only-binary :all: --requirement" in lock
    assert "--no-deps" in lock
    assert kit == "install --no-deps --editable ."
    assert clone.build() == (0, "")
    assert len(clone.calls()) == 3


def test_a_changed_lock_updates_in_place(clone):
    clone.build()
    (clone.root / "requirements.lock").write_text("tqdm==4.70.0\n")
    status, text = clone.build()
    assert status == 0
    assert "starting over" not in text
    assert stamped(clone)
    assert (clone.venv / "labkit-requirements.txt").read_text() == "tqdm==4.70.0\n"


def test_too_little_disk_is_said_before_anything_is_made(clone, monkeypatch):
    usage = shutil.disk_usage(clone.root)._replace(free=int(1.2e9))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(trouble.Trouble, match=r"needs 4 GB on the disk of .* 1\.2 GB are free"):
        build.make(clone.root)
    assert not clone.venv.exists()


def test_a_disk_that_fills_up_is_one_sentence_and_heals(clone):
    full = {"when": ["--requirement"], "status": 1, "say": "ERROR: [Errno 28] No space left on device: '/x'"}
    status, text = clone.build(full)
    assert status == 1
    assert "it is full" in last_line(text)
    assert not stamped(clone)
    status, text = clone.build()
    assert status == 0
    assert "starting over" in text  # a package that was being copied may be half there
    assert stamped(clone)


def test_no_network_is_one_sentence_and_goes_on_where_it_was(clone):
    gone = {"when": ["--requirement"], "status": 1, "say": NO_NETWORK + no_build("tqdm==4.70.1", "none")}
    status, text = clone.build(gone)
    assert status == 1
    assert "no network for pip" in last_line(text)
    assert not stamped(clone)
    status, text = clone.build()
    assert status == 0
    assert "starting over" not in text
    assert stamped(clone)


def test_a_killed_installation_leaves_no_orphan_and_heals(clone):
    process = clone.start({"when": ["--requirement"], "sleep": 60})
    wait_for(lambda: pid_file(clone))
    pip = int(pid_file(clone).read_text())
    process.kill()
    process.wait()
    process.stdout.close()
    end = time.monotonic() + 5
    while sys.platform == "linux" and psutil.pid_exists(pip) and psutil.Process(pip).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "pip goes on writing after its parent is gone"
        time.sleep(0.02)
    status, text = clone.build()
    assert status == 0
    assert "The last installation was interrupted: starting over." in text
    assert stamped(clone)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_one_sentence(clone, sign):
    process = clone.start({"when": ["--requirement"], "sleep": 60})
    wait_for(lambda: pid_file(clone))
    process.send_signal(sign)
    text = process.communicate(timeout=10)[0]
    assert process.returncode == 130
    assert last_line(text).startswith("Interrupted: run the same command again")
    assert "Traceback" not in text
    assert clone.build()[0] == 0


def test_two_at_once_become_one(clone):
    first = clone.start({"when": ["--requirement"], "sleep": 1})
    wait_for(lambda: pid_file(clone))
    status, text = clone.build()
    assert status == 0
    assert text == "Another installation runs in this folder; waiting for it.\n"
    assert first.wait() == 0
    first.stdout.close()
    assert len(clone.calls()) == 3


def test_a_package_without_a_build_is_left_out_with_its_sentence(clone):
    pin = next(
        line for line in (clone.root / "requirements.lock").read_text().splitlines() if line.startswith("gevent=")
    )
    wheel = {"when": ["--only-binary", "--requirement", pin], "status": 1, "say": no_build(pin)}
    compiled = {"when": ["from-source", pin], "status": 1, "say": "error: command 'cc' failed"}
    status, text = clone.build(wheel, compiled)
    assert status == 0
    version = pin.partition("==")[2]
    assert f"gevent {version} has no build for this platform" in text
    assert "the example client of the server" in text
    assert json.loads((clone.venv / install.STAMP).read_text())["lacks"] == ["gevent"]
    assert stamped(clone)


def test_a_package_that_can_be_compiled_is_not_lacking(clone):
    wheel = {"when": ["--only-binary", "--requirement", "\nnumba=="], "status": 1, "say": no_build("numba==1")}
    status, text = clone.build(wheel)
    assert status == 0
    assert "trying to compile" in text
    assert json.loads((clone.venv / install.STAMP).read_text())["lacks"] == []


def test_sources_that_offer_nothing_stop_the_run(clone):
    names = [line.split("==")[0] for line in (clone.root / "requirements.lock").read_text().splitlines()]
    rules = [
        {"when": ["--only-binary", "--requirement", f"{name}=="], "status": 1, "say": no_build(f"{name}==1", "none")}
        for name in dict.fromkeys(names)
    ]
    status, text = clone.build(*rules)
    assert status == 1
    assert build.LOG in last_line(text)


def test_without_any_torch_the_rest_is_installed(clone):
    status, text = clone.build({"when": ["torch==2.13.0"], "status": 1, "say": no_build("torch==2.13.0")})
    assert status == 0
    assert "torch 2.13.0 has no build for this platform" in text
    assert any("--requirement" in call for call in clone.calls())


def test_a_moved_clone_starts_over(clone):
    clone.build()
    clone.root = clone.root.rename(clone.root.parent / "elsewhere")
    status, text = clone.build()
    assert status == 0
    assert "moved or copied: starting over" in text
    assert stamped(clone)


def test_an_environment_whose_python_is_gone_starts_over(clone):
    clone.build()
    for python in clone.venv.glob("bin/python*"):
        python.unlink()
    status, text = clone.build()
    assert status == 0
    assert "starting over" in text


def test_a_folder_that_may_not_be_written_is_one_sentence(clone):
    error = PermissionError(13, "Permission denied", str(clone.venv))
    assert "Permission denied; correct that, then run" in str(trouble.of_os_error(error, clone.root, 3))


@pytest.mark.parametrize(
    ("settings", "kind"),
    [({"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}, "network"), ({"PIP_NO_INDEX": "1"}, "no build")],
)
def test_the_words_of_the_real_pip_are_understood(tmp_path, monkeypatch, settings, kind):
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {"PIP_CONFIG_FILE": os.devnull, **settings}.items():
        monkeypatch.setenv(name, value)
    # A virtual environment made here would take three seconds: this one's pip is as real, and installs nothing.
    pip = Pip(Path(sys.prefix), tmp_path / "log", os.open(tmp_path, os.O_RDONLY))
    pip.temporary = tmp_path / "tmp"
    outcome = pip.install("--dry-run", "--no-deps", "tqdm==0.0.0")
    os.close(pip.keep_open)
    assert outcome.status
    assert trouble.kind(outcome.text) == kind
