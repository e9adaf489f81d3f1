"""Problem set 01: the log of a load test by a client that waits for each answer before it asks again."""

from labkit.grading.seeds import dice

REQUESTS = 1500
NOTICE_MS = 400.0  # how long the client takes to notice that a connection was dropped


def trace_for(name: str) -> tuple[list[dict], float]:
    """The log and `every_ms`, the interval at which requests were meant to be sent.

    A row: request (its number), sent and answered [ms]; answered is None where the connection was dropped. Once, the
    server stalls for seconds.
    """
    random = dice(name, "ps01 trace")
    every_ms = float(random.integers(16, 25))
    service = random.gamma(9, random.uniform(0.5, 0.8), REQUESTS)  # ms
    service[random.integers(300, 700)] = random.uniform(1500, 4000)
    lost = {int(row) for row in random.choice(range(800, REQUESTS), int(random.integers(2, 5)), replace=False)}
    log, now = [], float(random.integers(1000, 9000))
    start = now
    for request in range(REQUESTS):
        sent = max(now, start + request * every_ms)
        now = sent + (NOTICE_MS if request in lost else float(service[request]))
        answered = None if request in lost else round(now, 3)
        log.append({"request": request, "sent": round(sent, 3), "answered": answered})
    return log, every_ms
