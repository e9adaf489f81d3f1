"""`pytest --nbval notebooks/`: every notebook starts in an empty folder, answered by the example student."""

import tempfile
from pathlib import Path

import pytest

_homes: dict[Path, tempfile.TemporaryDirectory] = {}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    """nbval starts a notebook's kernel when it sets its first cell up; the kernel inherits this environment."""
    if item.path not in _homes:
        _homes[item.path] = tempfile.TemporaryDirectory(prefix="labkit-", ignore_cleanup_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_HOME", _homes[item.path].name)
        patch.setenv("LABKIT_EXAMPLE_STUDENT", str(Path(__file__).with_name("example_student.toml")))
        patch.setenv("JUPYTER_PREFER_ENV_PATH", "1")  # the kernel called python3 is this environment's
        patch.setenv("IPYTHONDIR", str(Path(_homes[item.path].name) / "ipython"))
        return (yield)
