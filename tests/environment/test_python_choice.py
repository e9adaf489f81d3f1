"""Which Python makes the environment, and what a person with none that suits reads."""

import ast
import os
import stat
import sys
from pathlib import Path

import pytest

from labkit.environment import install


def interpreter(folder, name, answer="", status=0):
    """A program that answers like an interpreter, whatever it is asked."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{answer}'\nexit {status}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return str(path)


def main_with(monkeypatch, capsys, root, *paths):
    monkeypatch.setattr(install, "candidates", lambda wish: list(paths))
    status = install.main({}, str(root))
    return status, capsys.readouterr().err


def test_the_file_parses_on_old_pythons():
    tree = ast.parse(Path(install.__file__).read_text())
    new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match, ast.AsyncFunctionDef, ast.Nonlocal)
    for node in ast.walk(tree):
        assert not isinstance(node, new), f"line {node.lineno} cannot be read by an old Python"
        if isinstance(node, ast.FunctionDef):
            assert not node.returns
            assert not any(argument.annotation for argument in node.args.args)
            assert not node.args.kwonlyargs


@pytest.mark.parametrize("version", ["2.7.18", "3.6.15", "3.10.13", "3.14.0"])
def test_unsupported_python_is_one_sentence(monkeypatch, capsys, clone, tmp_path, version):
    old = interpreter(tmp_path, "python3", version + " -")
    status, text = main_with(monkeypatch, capsys, clone.root, old, "no-such-python")
    assert status == 1
    assert text.count("\n") == 1
    assert "needs Python 3.11, 3.12 or 3.13" in text
    assert f"{old} is {version}" in text
    assert not clone.venv.exists()


def test_a_shim_that_fails_is_passed_over(tmp_path):
    shim = interpreter(tmp_path, "python3.12", "pyenv: python3.12: command not found", 127)
    good = interpreter(tmp_path, "python3.11", "3.11.9 -")
    found, seen = install.find_python([shim, good])
    assert found.path == good
    assert [one.path for one in seen] == [good]


def test_missing_ensurepip_names_the_debian_package(monkeypatch, capsys, clone, tmp_path):
    old = interpreter(tmp_path, "python3", "3.9.2 -")
    debian = interpreter(tmp_path, "python3.11", "3.11.2 ensurepip")
    status, text = main_with(monkeypatch, capsys, clone.root, old, debian)
    assert status == 1
    assert text.count("\n") == 1
    assert "sudo apt install python3.11-venv" in text


def test_another_python_is_taken_before_complaining(tmp_path):
    debian = interpreter(tmp_path, "python3", "3.11.2 ensurepip")
    whole = interpreter(tmp_path, "python3.13", "3.13.0 -")
    assert install.find_python([debian, whole])[0].path == whole


def test_no_python_at_all_lists_what_was_tried(monkeypatch, capsys, clone):
    status, text = main_with(monkeypatch, capsys, clone.root, "no-such-python")
    assert status == 1
    assert "no-such-python" in text


def test_this_python_suits_and_is_really_asked():
    found = install.probe(sys.executable)
    assert found.version[:2] == sys.version_info[:2]
    assert found.suits


def test_the_environment_is_never_made_by_its_own_python():
    assert os.path.realpath(install.candidates()[0]).startswith(os.path.realpath(sys.base_prefix))


def test_nothing_is_run_when_the_environment_is_current(monkeypatch, clone):
    assert clone.build()[0] == 0
    monkeypatch.setattr(install, "probe", lambda path: pytest.fail("an interpreter was run"))
    assert install.main({}, str(clone.root)) == 0


@pytest.mark.parametrize(
    ("environ", "arguments"),
    [
        ({}, []),
        ({"LABKIT_TORCH": "cpu"}, ["--torch", "cpu"]),
        ({"LABKIT_PYTHON": "python3.12"}, ["--python", "3.12"]),
    ],
)
def test_the_python_that_was_found_becomes_the_build(monkeypatch, clone, environ, arguments):
    commands = []
    monkeypatch.setattr(install, "probe", lambda path: install.Found("python3.12", (3, 12, 1), []))
    monkeypatch.setattr(os, "execvp", lambda program, command: commands.append(command))
    install.main(environ, str(clone.root))
    build = str(clone.root / "labkit" / "environment" / "build.py")
    assert commands == [["python3.12", "-I", build, str(clone.root), *arguments]]


def test_a_torch_that_there_is_not_is_wrong_use(capsys, clone):
    assert install.main({"LABKIT_TORCH": "gpu"}, str(clone.root)) == 2
    assert "cpu or cuda" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["lock", "moved", "python gone", "other python", "other torch"])
def test_what_makes_it_run_again(clone, change):
    assert clone.build()[0] == 0
    root, python, torch = clone.root, "", ""
    assert install.is_current(str(root))
    if change == "lock":
        (root / "requirements.lock").write_text("tqdm==4.70.0\n")
    elif change == "moved":
        root = root.rename(root.parent / "elsewhere")
    elif change == "python gone":
        for name in ("python", "python3"):
            (clone.venv / "bin" / name).unlink(missing_ok=True)
    elif change == "other python":
        python = "3.99"
    else:
        torch = "cuda"
    assert not install.is_current(str(root), python, torch)
