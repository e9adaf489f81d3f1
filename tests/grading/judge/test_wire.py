"""The channel between the court and a student's process: whole messages or an error, whatever the other side does."""

import os
import resource
import socket
import struct
import threading
import time

import numpy as np
import pytest

from labkit.grading.judge import wire
from labkit.grading.judge.limits import CannotCross, Malformed

SOON_S, SLOW_S = 0.3, 20  # a deadline, and what a busy machine may take for what takes milliseconds


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    theirs.settimeout(1)  # who sends to us while we do not read any more
    with ours, theirs:
        yield wire.Channel(ours), theirs


def packed(text=b"{}", lengths=(), blobs=b"", magic=wire.MAGIC, size=None, count=None):
    """A message by hand, as lies are."""
    head = wire.HEADER.pack(magic, len(text) if size is None else size, len(lengths) if count is None else count)
    return head + text + struct.pack(f"<{len(lengths)}Q", *lengths) + blobs


def soon():
    return time.monotonic() + SOON_S


class Doing:
    """Does something over and over in a thread until the test is over."""

    def __init__(self, action):
        self.action, self.over = action, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.is_set():
            try:
                self.action()
            except OSError:
                return

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *error):
        self.over.set()
        self.thread.join(SLOW_S)
        assert not self.thread.is_alive()


def test_messages_cross_with_their_blobs_in_order(ends):
    channel, theirs = ends
    grid = np.arange(100_000.0).reshape(100, 1000)
    sent = [({"do": "look", "names": ["ä", "\ud800"]}, []), ({}, [b"", b"ab", grid, grid[:, :0]]), ({}, [])]

    def send():
        for message, blobs in sent:
            wire.Channel(theirs).send(message, blobs)

    thread = threading.Thread(target=send)
    thread.start()
    for message, blobs in sent:
        got, parts = channel.receive(time.monotonic() + SLOW_S)
        assert got == message
        assert [bytes(part) for part in parts] == [bytes(blob) for blob in blobs]
    thread.join()


def test_a_blob_that_came_can_be_written_to(ends):
    channel, theirs = ends
    wire.Channel(theirs).send({}, [b"abc"])
    _, (blob,) = channel.receive(soon())
    blob[0] = 0
    assert bytes(blob) == b"\0bc"


@pytest.mark.parametrize(
    "bad",
    [
        packed(magic=b"LKJ2"),
        packed(size=wire.JSON_LIMIT + 1),
        packed(size=2**32 - 1),
        packed(count=wire.BLOB_LIMIT + 1),
        packed(lengths=[2**64 - 1]),
        packed(lengths=[wire.LIMIT]),
        packed(lengths=[wire.LIMIT // 2] * 3),
        packed(b"[]"),
        packed(b"{"),
        packed(b""),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=range(11),
)
def test_what_is_no_message_is_refused_and_the_conversation_is_over(ends, bad):
    channel, theirs = ends
    theirs.sendall(bad)
    with pytest.raises(Malformed):
        channel.receive(soon())
    theirs.sendall(packed())
    with pytest.raises(wire.Ended):
        channel.receive(soon())
    with pytest.raises(wire.Ended):
        channel.send({})


def test_a_length_that_is_announced_takes_no_memory_before_its_bytes_come(ends):
    channel, theirs = ends
    theirs.sendall(packed(lengths=[wire.LIMIT - 100]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(wire.Late):
        channel.receive(soon())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KB


@pytest.mark.parametrize("part", [1, 11, 12, 13, 14, 20, 22])
def test_who_hangs_up_in_the_midst_of_a_message_has_ended(ends, part):
    channel, theirs = ends
    theirs.sendall(packed(lengths=[2], blobs=b"ab")[:part])
    theirs.close()
    with pytest.raises(wire.Ended):
        channel.receive(soon())


def test_silence_is_late_and_the_next_message_still_comes(ends):
    channel, theirs = ends
    for deadline in (soon(), time.monotonic() - 100):
        with pytest.raises(wire.Late):
            channel.receive(deadline)
    theirs.sendall(packed(b'{"a":1}'))
    assert channel.receive(soon()) == ({"a": 1}, [])


def test_half_a_message_at_the_deadline_ends_the_conversation(ends):
    channel, theirs = ends
    theirs.sendall(packed()[:5])
    with pytest.raises(wire.Late):
        channel.receive(soon())
    theirs.sendall(packed()[5:])
    with pytest.raises(wire.Ended):
        channel.receive(soon())


def late_in_time(call):
    begin = time.monotonic()
    with pytest.raises(wire.Late):
        call()
    assert time.monotonic() - begin < SLOW_S


def test_a_message_in_drops_is_late(ends):
    channel, theirs = ends
    theirs.sendall(packed(lengths=[10**6]))
    with Doing(lambda: (theirs.send(b"x"), time.sleep(0.01))):
        late_in_time(lambda: channel.receive(soon()))


def test_small_messages_without_an_end_are_late(ends):
    channel, theirs = ends

    def all_of_them():
        deadline = soon()
        while True:
            channel.receive(deadline)

    with Doing(lambda: theirs.sendall(packed())):
        late_in_time(all_of_them)


def test_a_socket_that_is_ready_with_nothing_to_read_does_not_stop_the_clock(ends, monkeypatch):
    # An urgent byte (MSG_OOB) says that there is something, and is gone when it is looked for. They can come for good.
    channel, _ = ends
    until = time.monotonic() + SLOW_S

    class Ready:
        def register(self, *_):
            pass

        def poll(self, milliseconds):
            assert time.monotonic() < until, "it waits beyond its deadline"
            return [(0, 1)]

    monkeypatch.setattr(wire.select, "poll", Ready)
    late_in_time(lambda: channel.receive(soon()))


def test_who_does_not_read_makes_us_late(ends):
    channel, _ = ends
    late_in_time(lambda: channel.send({}, [bytes(10**7)], soon()))
    with pytest.raises(wire.Ended):
        channel.send({})


def test_who_reads_in_drops_makes_us_late(ends):
    channel, theirs = ends
    with Doing(lambda: (theirs.recv(1000), time.sleep(0.01))):
        late_in_time(lambda: channel.send({}, [bytes(10**8)], soon()))


def test_what_is_too_large_is_not_sent_at_all(ends):
    _, theirs = ends
    small = wire.Channel(theirs, limit=100)
    for blobs in ([bytes(200)], [b""] * (wire.BLOB_LIMIT + 1)):
        with pytest.raises(CannotCross):
            small.send({}, blobs)
    small.send({})


def test_open_files_that_come_along_are_not_taken(ends):
    channel, theirs = ends
    before = os.listdir("/dev/fd")
    for _ in range(20):
        socket.send_fds(theirs, [packed()], [theirs.fileno()] * 5)
        channel.receive(soon())
    assert len(os.listdir("/dev/fd")) == len(before)


def test_an_interrupt_in_the_midst_of_a_message_ends_the_conversation(ends, monkeypatch):
    channel, theirs = ends
    theirs.sendall(packed()[:5])

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(channel, "_wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        channel.receive()
    with pytest.raises(wire.Ended):
        channel.receive()
