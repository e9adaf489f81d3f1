"""The rule, with numbers put in: no clock of this machine has a say."""

import re

import pytest

from labkit.serving.load.bottleneck import BUSY, SHARE, WAKE_S, Client, why

SERVER_BOUND = [
    (Client(0.0), 0.001, 0.002),
    (Client(BUSY - 0.01), 0.001, 0.002),
    (Client(BUSY / 2, BUSY / 2 - 0.01), 0.001, 0.002),
    (Client(0.2, 0.1, 0.0001, 0.0009), 0.001, 0.002),
    (Client(0.2, 0.1, 0.9 * WAKE_S, 0.9 * WAKE_S), 20e-6, 50e-6),  # being woken up is not held against it
    (Client(0.2, 0.1, 0.003, 0.003), None, None),  # nothing was answered: there is nothing to refuse
    (Client(0.2, 0.1, 0.0, 0.5), 0.4, 1.1),  # late, but the waits are much longer
]
CLIENT_BOUND = [
    (Client(BUSY), 0.001, 0.002, r"used 90% of a core.*Lower --rate or --connections"),
    (Client(1.0), None, None, r"used 100% of a core"),
    (Client(0.3, 0.7), 0.5, 1.0, r"used 30% of a core and waited for one for 70% of the time"),
    (
        Client(0.2, 0.1, 0.0, 0.0015),
        0.001,
        0.002,
        r"1\.50 ms late at the p99, which is 75% of the wait.*quieter machine",
    ),
    (Client(0.2, 0.1, 0.0006, 0.0009), 0.001, 0.01, r"0\.60 ms late at the median, which is 60%"),
    (Client(0.2, 0.1, 0.0006, 0.0009), 0.001, None, r"at the median"),
    (Client(0.2, 0.1, 0.0, SHARE * 0.01 * 1.001), 0.001, 0.01, r"at the p99"),
]


@pytest.mark.parametrize(("client", "p50", "p99"), SERVER_BOUND)
def test_the_server_was_the_bottleneck(client, p50, p99):
    assert why(client, p50, p99) == ""


@pytest.mark.parametrize(("client", "p50", "p99", "sentence"), CLIENT_BOUND)
def test_the_client_was_the_bottleneck(client, p50, p99, sentence):
    assert re.search(sentence, why(client, p50, p99))
