import importlib.util
import shutil
from pathlib import Path

import pytest

from tests.needs import needs_sandbox

_spec = importlib.util.spec_from_file_location("tiny_course", Path(__file__).parent / "tiny.py")
_tiny = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_tiny)


@pytest.fixture(scope="session")
def tiny():
    return _tiny


@pytest.fixture(scope="session")
def template(tmp_path_factory, tiny):
    """The tiny course, its notebook built, and a home in which it is released: making a gradebook takes seconds."""
    from labkit.course import exchange, shelf
    from labkit.course.room import find

    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_COURSE", str(tiny.make(folder / "clone")))
        patch.setenv("LABKIT_HOME", str(folder / "home"))
        shelf.build([])
        exchange.release(find(None), "ps00")
    return folder


@pytest.fixture
def small_course(template, tmp_path, monkeypatch):
    """The tiny course as the clone that labkit runs from. Its folder has a space, and signs of regular expressions."""
    folder = tmp_path / "my clone (1+1)"
    shutil.copytree(template / "clone", folder)
    monkeypatch.setenv("LABKIT_COURSE", str(folder))
    return folder


@pytest.fixture
def one_person(small_course, template, tmp_path):
    """The same course, released. Whatever is graded in it needs a sandbox."""
    from labkit.course.room import find

    needs_sandbox()
    shutil.copytree(template / "home", tmp_path / "home", symlinks=True)
    return find(None)


@pytest.fixture
def released(one_person, tmp_path):
    """The notebook as students get it."""
    return tmp_path / "home" / "notebooks" / "grading" / "release" / "ps00" / "ps00.ipynb"
