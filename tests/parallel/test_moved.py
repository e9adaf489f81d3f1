"""A notebook talks while its ranks are stuck: its own connections, which they inherited, say nothing about them."""

import contextlib
import socket
import threading

import pytest

from labkit.parallel import Deadlock, link, ranks


@contextlib.contextmanager
def heartbeat():
    """A TCP connection of this process on which something passes all the time, as between a kernel and its client."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as ours:
        theirs, _ = server.accept()
        over = threading.Event()

        def beat():
            while not over.wait(0.05):
                ours.sendall(b"beat")
                theirs.recv(4)

        thread = threading.Thread(target=beat)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            theirs.close()


def test_a_deadlock_is_seen_beside_a_heartbeat():
    def wait_for_each_other():
        import torch

        link.recv(torch.empty(1), 1 - link.rank())

    with heartbeat(), pytest.raises(Deadlock):
        ranks(wait_for_each_other, 2, deadlock=0.6, timeout=10)
