import pytest

from labkit.serving.load.response import MAX_HEAD, BadAnswer, Head, Reader

OK = b"HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 5\r\n\r\n"


def read(*packets: bytes) -> list[Head | None]:
    reader = Reader()
    return [reader.feed(packet) for packet in packets]


def test_a_whole_answer():
    assert read(OK + b"hello") == [Head(200, 5, False)]


def test_an_answer_in_single_bytes_is_complete_with_the_last():
    *begun, last = read(*(bytes([byte]) for byte in OK + b"hello"))
    assert set(begun) == {None}
    assert last == Head(200, 5, False)


def test_answers_one_after_the_other():
    no = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\n\r\n"
    assert read(OK, b"hel", b"lo", no, OK + b"hello") == [
        None,
        None,
        Head(200, 5, False),
        Head(503, 0, False),
        Head(200, 5, False),
    ]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close", Head(200, 0, True)),
        (b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 0\r\nconnection:  Close ", Head(200, 0, True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive", Head(200, 0, False)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0", Head(200, 0, True)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive", Head(200, 0, False)),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\nContent-Length: 0", Head(200, 0, False)),
        (b"HTTP/1.1 204 No Content", Head(204, 0, False)),
    ],
)
def test_what_a_head_says(head, expected):
    assert read(head + b"\r\n\r\n") == [expected]


@pytest.mark.parametrize(
    ("packets", "reason"),
    [
        ([OK + b"hello, world"], "more bytes than promised"),
        ([OK + b"hel", b"lo, world"], "more bytes than promised"),
        ([b"SSH-2.0-OpenSSH\r\n"], "no status line"),
        ([b"HTTP/1.1 two hundred\r\n\r\n"], "no status line"),
        ([b"HTTP/2 200 OK\r\n\r\n"], "no status line"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"], "no status line"),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD], "no status line"),
        ([b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"], "contradict"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"], "contradict"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], "in chunks"),
        ([b"HTTP/1.1 200 OK\r\n\r\nhello"], "without a length"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"], "without a length"),
    ],
)
def test_what_cannot_be_timed_is_refused(packets, reason):
    with pytest.raises(BadAnswer, match=reason):
        read(*packets)


def test_a_head_that_begins_slowly_is_waited_for():
    assert read(b"H", b"TTP/1", b".1 200 OK\r\n") == [None] * 3
