"""From what happened in a run to its result: counts, percentiles, and whether they may be believed."""

from collections import Counter

import numpy as np
from hdrh.histogram import HdrHistogram

from labkit.serving.latency import needed
from labkit.serving.load import bottleneck, waits
from labkit.serving.load.result import Result
from labkit.serving.load.run import Run

PERCENTS = {"p50_ms": 50, "p99_ms": 99, "p999_ms": 99.9}


def result_of(run: Run) -> Result:
    """What a run found."""
    took = run.log.waits(run.begin, run.end)
    failures = run.log.failures_within(run.begin, run.end)
    raw = waits.histogram(took)
    closed = run.plan.rate is None
    # The median is what a connection of a closed loop waits when nothing is wrong, so what it would ask by.
    told = waits.corrected(took, np.median(took)) if closed and len(took) else raw
    why = complaint(run, raw, len(took))
    numbers = nothing() if why else percentiles(told, raw if closed else None, len(took))
    return Result(
        sent=len(took) + failures.total(),
        ok=len(took),
        failed=failures.total(),
        rate=run.log.came_within(run.begin, run.end) / run.plan.seconds,
        samples=len(took),
        client_bound=bool(why),
        loop="closed" if closed else "open",
        connections=run.plan.connections,
        seconds=run.plan.seconds,
        wanted_rate=run.plan.rate,
        client_busy=run.client.busy,
        client_starved=run.client.starved,
        client_late_ms=run.client.late_p99 * 1e3,
        statuses=by_status(failures, len(took)),
        errors={what: count for what, count in failures.items() if isinstance(what, str)},
        why=f"No percentiles: {why}" if why else too_few(len(took)),
        histogram=told,
        uncorrected=raw,
        **numbers,
    )


def complaint(run: Run, raw: HdrHistogram, samples: int) -> str:
    """Why the client was the bottleneck, or nothing. By the waits as measured: a corrected one is longer than any."""
    p50, p99 = (waits.percentile_ms(raw, percent, samples) for percent in (50, 99))
    return bottleneck.why(run.client, p50 and p50 / 1e3, p99 and p99 / 1e3)


def nothing() -> dict[str, None]:
    return dict.fromkeys([*PERCENTS, "max_ms", "p99_uncorrected_ms"])


def percentiles(told: HdrHistogram, raw: HdrHistogram | None, samples: int) -> dict[str, float | None]:
    """The percentiles of a result in milliseconds. raw: the uncorrected histogram, where there is another."""
    found = {name: waits.percentile_ms(told, percent, samples) for name, percent in PERCENTS.items()}
    found["max_ms"] = told.get_max_value() / 1e3 if samples else None
    found["p99_uncorrected_ms"] = waits.percentile_ms(raw, 99, samples) if raw else None
    return found


def by_status(failures: Counter, ok: int) -> dict[str, int]:
    """How many answers had each status; JSON has no numbers for names."""
    statuses = {status: count for status, count in failures.items() if isinstance(status, int)} | {200: ok}
    return {str(status): count for status, count in sorted(statuses.items()) if count}


def too_few(samples: int) -> str:
    """A sentence on the percentiles that the samples do not carry, or nothing."""
    if not samples:
        return "No percentiles: nothing was answered."
    lacking = [percent for percent in PERCENTS.values() if samples < needed(percent)]
    if not lacking:
        return ""
    names = " and ".join(f"p{percent:g} (of {needed(percent)})" for percent in lacking)
    return f"Too few samples for {names}: there are {samples}. Ask for longer with --seconds."
