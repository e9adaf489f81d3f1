import pytest


@pytest.fixture
def judged(monkeypatch):
    """judged(why): what the rule on the client says, whatever this machine is busy with."""

    def judged(why: str = "") -> None:
        monkeypatch.setattr("labkit.serving.load.bottleneck.why", lambda *_: why)

    return judged
