import pytest


@pytest.fixture(scope="session")
def _shared_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def shared_home(_shared_folder, monkeypatch):
    """A student's folder that tests share, so that photos are prepared once in a run."""
    monkeypatch.setenv("LABKIT_HOME", str(_shared_folder))
    return _shared_folder


@pytest.fixture(autouse=True)
def _never_the_real_home(monkeypatch, tmp_path):
    """No test may touch the folder of the person who runs it."""
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "home"))
