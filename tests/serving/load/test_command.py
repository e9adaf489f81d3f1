import json
import subprocess
import sys

import pytest

from labkit import cli
from tests.serving.load import servers
from tests.serving.load.servers import serving

KEYS = ["sent", "ok", "failed", "rate", "p50_ms", "p99_ms", "p999_ms", "max_ms", "samples", "client_bound"]
SHORT = ("--seconds", "0.3", "--warmup", "0.1")


def load(*words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "labkit.cli", "load", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("words", "loop", "connections"), [((), "closed", 32), (("--rate", "100"), "open", 256)])
def test_json_is_one_object_and_nothing_else(words, loop, connections):
    with serving(servers.fine) as server:
        done = load(server.url, *words, *SHORT, "--json")
    assert done.returncode == 0
    assert done.stderr == ""
    result = json.loads(done.stdout)
    assert list(result)[:10] == KEYS
    assert result["ok"] == result["sent"] > 0
    assert (result["loop"], result["connections"]) == (loop, connections)


def test_text_says_what_was_done():
    with serving(servers.fine) as server:
        done = load(f"{server.url}/v2/models/cnn", "--connections", "3", "--binary", "--rows", "2", *SHORT)
    assert done.returncode == 0
    assert done.stdout.startswith("Closed loop: 3 connections")
    assert server.bodies[0].startswith(
        b'{"parameters":{"binary_data_output":true},"inputs":[{"name":"image","shape":[2,'
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("https://x",), "https://x is not the address of a server."),
        (("http://127.0.0.1:1", "--rate", "-3"), "rate is -3; it must be more than 0"),
        (("http://x/v2/models/a", "--model", "b"), "names the model 'a', and --model says 'b'"),
    ],
)
def test_wrong_use_is_one_sentence(monkeypatch, capsys, words, sentence):
    monkeypatch.setattr("sys.argv", ["labkit", "load", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert len(err.splitlines()) == 1
