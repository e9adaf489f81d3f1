"""The partial sandbox: what it keeps closed."""

import os
import socket
from pathlib import Path

import pytest

from labkit.grading.sandbox import landlock
from tests.grading.sandbox.conftest import GENEROUS
from tests.grading.sandbox.inside import line, run, script

COURSE = Path(__file__).resolve().parents[3]


@pytest.fixture
def partial(rooms):
    return rooms("landlock")


def test_files_of_the_course_and_of_the_grader_are_closed(partial, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("42")
    closed = [
        str(secret),
        str(COURSE / "pyproject.toml"),
        "/etc/passwd",
        f"/proc/{os.getpid()}/environ",
        "/proc/1/environ",
    ]
    assert run(partial, f"say([fails(open, path) != 0 for path in {closed!r}])").said == [str([True] * len(closed))]


def test_it_writes_only_to_its_own_folder(partial, tmp_path):
    code = f"""
        say([fails(open, path, "w") for path in ({str(tmp_path / "x")!r}, "/tmp/x", "/dev/shm/x", "/labkit")])
        open(os.environ["TMPDIR"] + "/x", "w").write("x")
        open("x", "w").write(open("main.py").read())
        say(os.environ["HOME"].startswith(os.environ["TMPDIR"]))
    """
    assert run(partial, code).said == ["[13, 13, 13, 13]", "True"]


def test_another_inmate_is_closed(partial):
    with partial.admit(GENEROUS, script("say(os.getcwd(), os.getpid())\ntime.sleep(600)")) as other:
        folder, pid = line(other).split()
        code = f"say(fails(os.listdir, {folder!r}), fails(open, '{folder}/main.py'), fails(open, '/proc/{pid}/mem'))"
        assert run(partial, code).said == ["13 13 13"]
        if landlock.version() >= 6:
            assert run(partial, f"say(fails(os.kill, {pid}, 9), fails(os.kill, os.getppid(), 19))").said == ["1 1"]


def test_there_are_no_sockets(partial):
    with socket.create_server(("127.0.0.1", 0)):
        code = """
            import socket
            say([fails(socket.socket, family) for family in (1, 2, 10, 16)])
            say(len(socket.socketpair()))
        """
        assert run(partial, code).said == ["[97, 97, 97, 97]", "2"]


def test_its_folder_is_removed(partial):
    outcome = run(partial, "say(os.getcwd())")
    assert not Path(outcome.said[0]).exists()


def test_torch_can_be_imported(partial):
    code = "import numpy, torch\nsay(torch.ones(2).sum().item())\nimport labkit.home"
    assert run(partial, code).said == ["2.0"]
