import sys
import threading
import time

import pytest

from labkit.serving.load import processor as room
from labkit.serving.load.processor import Processor, processor


def spin(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_work_of_every_thread_is_counted():
    before = processor()
    others = [threading.Thread(target=spin, args=(0.1,)) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    used, waited = processor().share_since(before, 1.0)
    assert 0.3 <= used < 0.6
    assert waited >= 0


def test_waiting_for_a_core_is_read_from_every_thread(monkeypatch, tmp_path):
    for thread, text in {"1": "100 2000000000 7\n", "2": "5 500000000 1\n", "3": "", "4": "1\n"}.items():
        (tmp_path / thread).mkdir()
        (tmp_path / thread / "schedstat").write_text(text)
    monkeypatch.setattr(room, "THREADS", tmp_path)
    assert processor().waited == 2.5
    monkeypatch.setattr(room, "THREADS", tmp_path / "nothing")
    assert processor().waited == 0


def test_shares():
    before, after = Processor(1.0, 3.0), Processor(1.5, 3.25)
    assert after.share_since(before, 5.0) == (0.1, 0.05)
    assert before.share_since(after, 5.0) == (-0.1, 0)  # a thread that ended took its waiting along


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells who waits for a core")
def test_linux_tells():
    assert list(room.THREADS.glob("*/schedstat"))
