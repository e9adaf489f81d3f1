"""`labkit lab` from the outside: it answers on the loopback address only with its token, and leaves nothing running."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import psutil
import pytest

from labkit.editions import lab
from labkit.errors import WrongUse
from tests.editions.test_student import edition


def test_a_lab_from_its_url_to_its_end(tiny, tmp_path):
    edition(tiny, "print(1)")
    command = [sys.executable, "-m", "labkit.cli", "lab", "--no-browser", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        base, page, token = re.search(r"(http://127.0.0.1:\d+)(\S+)\?token=(\S+)", process.stdout.readline()).groups()
        assert page == "/lab/tree/00_tiny.ipynb"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{base}/api/contents")
        assert b"00_tiny.ipynb" in urllib.request.urlopen(f"{base}/api/contents?token={token}").read()
        settings = f"{base}/lab/api/settings/@jupyterlab/apputils-extension:notification?token={token}"
        assert b'"default": "false"' in urllib.request.urlopen(settings).read()  # no news
        started = psutil.Process(process.pid).children(recursive=True)
        assert started
        assert not any(token in " ".join(child.cmdline()) for child in started)
    finally:
        process.send_signal(signal.SIGTERM)
        _, remarks = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Your notebooks are kept in" in remarks
    assert [child for child in started if child.is_running()] == []


def test_a_server_that_dies_shows_the_end_of_its_log(tiny, tmp_path, monkeypatch, capsys):
    edition(tiny, "print(1)")
    dead = [sys.executable, "-c", "raise SystemExit('out of luck')"]

    def start(folder, port, token):
        lab.log_path().parent.mkdir(parents=True)
        with lab.log_path().open("w") as log:
            return subprocess.Popen(dead, stderr=log)

    monkeypatch.setattr(lab, "start", start)
    assert lab.open_lab(browser=False, port=0) == 1
    assert "out of luck" in capsys.readouterr().err


def test_a_taken_port_gives_way_to_the_next():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert lab.free_port(port) != port


def test_a_number_that_is_no_port_is_refused():
    with pytest.raises(WrongUse, match="no port"):
        lab.free_port(70000)
