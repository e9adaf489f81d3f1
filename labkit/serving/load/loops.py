"""Both loops as functions: what was wanted is checked, the requests are found, and one run is made and counted."""

from labkit.errors import WrongUse
from labkit.serving.load import questions, target
from labkit.serving.load.by_answer import ByAnswer
from labkit.serving.load.by_schedule import BySchedule
from labkit.serving.load.measured import result_of
from labkit.serving.load.result import Result
from labkit.serving.load.run import Plan
from labkit.serving.load.thread import apart

MOST = {"rate": 1e6, "connections": 10_000, "seconds": 86_400, "warmup": 3_600, "timeout": 3_600, "rows": 1024}


def closed_loop(
    url: str,
    model: str | None = None,
    connections: int = 32,
    seconds: float = 5.0,
    rows: int = 1,
    binary: bool = False,
    seed: int = 0,
    warmup: float = 0.5,
    timeout: float = 10.0,
    body: bytes | None = None,
    path: str | None = None,
) -> Result:
    """Ask over so many connections, each again as soon as it is answered. May be called from a notebook.

    seconds: that count, after `warmup`. rows: in a request. binary: raw tensors instead of JSON. body, path: POST these
    to any server, which need not speak the Open Inference Protocol then.
    Raises WrongUse where there is no such server or model, or a number makes no sense.
    """
    check(connections=connections, seconds=seconds, warmup=warmup, timeout=timeout, rows=rows)
    where, requests = asked(url, model, rows, binary, seed, timeout, body, path)
    plan = Plan(where, requests, connections, seconds, warmup, timeout, seed)
    return result_of(apart(ByAnswer(plan).run))


def open_loop(
    url: str,
    rate: float,
    model: str | None = None,
    connections: int = 256,
    seconds: float = 5.0,
    rows: int = 1,
    binary: bool = False,
    seed: int = 0,
    warmup: float = 0.5,
    timeout: float = 10.0,
    body: bytes | None = None,
    path: str | None = None,
) -> Result:
    """Ask `rate` times a second on average, at random moments that the server has no say in. Else as `closed_loop`.

    A wait is counted from the moment that the request was due, so `timeout` is, and the queue for a free connection is
    a part of it.
    """
    check(rate=rate, connections=connections, seconds=seconds, warmup=warmup, timeout=timeout, rows=rows)
    where, requests = asked(url, model, rows, binary, seed, timeout, body, path)
    plan = Plan(where, requests, connections, seconds, warmup, timeout, seed, rate)
    return result_of(apart(BySchedule(plan).run))


def asked(
    url: str,
    model: str | None,
    rows: int,
    binary: bool,
    seed: int,
    timeout: float,
    body: bytes | None,
    path: str | None,
) -> tuple[target.Target, list[bytes]]:
    """Where to ask, and whole requests to ask with."""
    if body is not None:
        where = target.path_at(url, path)
        return where, [questions.post(where, where.path, body)]
    if path is not None:
        raise WrongUse("A path of your own needs a body of your own: a model's is made from its metadata.")
    where = target.model_at(url, model)
    return where, questions.requests(where, rows, binary, seed, timeout)


def check(**numbers: float) -> None:
    """Raise WrongUse for a number that nothing can be measured with."""
    for name, number in numbers.items():
        above = number >= 0 if name == "warmup" else number > 0
        if not (above and number <= MOST[name]):  # NaN is neither
            least = "0 or more" if name == "warmup" else "more than 0"
            raise WrongUse(f"{name} is {number:g}; it must be {least}, and at most {MOST[name]:,.0f}.")
