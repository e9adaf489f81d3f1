"""Waits as a distribution: histograms of microseconds, and the percentiles that enough samples stand behind."""

import numpy as np
from hdrh.histogram import HdrHistogram

from labkit.serving.latency import needed

HOUR_US = 3_600_000_000
DIGITS, BITS = 3, 11  # of a value that are kept: 2000 needs eleven bits


def histogram(waits: np.ndarray) -> HdrHistogram:
    """waits: seconds, one a sample. From a microsecond to an hour."""
    made = HdrHistogram(1, HOUR_US, DIGITS)
    record(made, microseconds(waits))
    return made


def corrected(waits: np.ndarray, interval: float) -> HdrHistogram:
    """The histogram with the samples that a waiting client left out, had it asked every `interval` seconds.

    A wait of w stands for w - interval, w - 2 interval, ... as well, down to the last that is not below the interval:
    HdrHistogram's recordValueWithExpectedInterval, in Java and in C. (PyPI's `record_corrected_value` goes on below it,
    and so makes two samples of a wait that is one percent above the interval: the median would be halved.)
    """
    made = histogram(waits)
    step = max(1, round(interval * 1e6))
    values, counts = np.unique(rounded(microseconds(waits)), return_counts=True)
    long = values >= 2 * step
    for value, count in zip(values[long].tolist(), counts[long].tolist(), strict=True):
        record(made, np.arange(value - step, step - 1, -step), count)
    return made


def record(made: HdrHistogram, values: np.ndarray, times: int = 1) -> None:
    """Put microseconds into a histogram, each so many times. Equal ones go in together: it is not a fast one."""
    distinct, counts = np.unique(rounded(values), return_counts=True)
    for value, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        made.record_value(value, count * times)


def rounded(values: np.ndarray) -> np.ndarray:
    """Down to the digits that a histogram keeps, so that what it would not keep apart is equal."""
    surplus = np.maximum(np.floor(np.log2(values)).astype(np.int64) + 1 - BITS, 0)  # bits
    return values >> surplus << surplus


def microseconds(waits: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(np.asarray(waits, float) * 1e6), 1, HOUR_US).astype(np.int64)


def percentile_ms(made: HdrHistogram, percent: float, samples: int) -> float | None:
    """Milliseconds; None where the samples are too few: a p99 of fifty is their maximum, by another name.

    samples: how many were measured; a corrected histogram holds more.
    """
    if samples < needed(percent):
        return None
    return made.get_value_at_percentile(percent) / 1e3
