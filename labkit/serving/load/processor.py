"""What this process had of the processor, and what it waited for.

All of its threads count: in Python they share one interpreter lock, so what another of them does, the client cannot.
"""

import time
from dataclasses import dataclass
from pathlib import Path

THREADS = Path("/proc/self/task")


@dataclass(frozen=True)
class Processor:
    """Seconds since some moment in the past. used: on a core. waited: ready to run, with no core free."""

    used: float
    waited: float

    def share_since(self, before: "Processor", seconds: float) -> tuple[float, float]:
        """Used and waited for, each as a share of one core over so many seconds."""
        # A thread that has ended since takes its waiting with it.
        return (self.used - before.used) / seconds, max(0.0, self.waited - before.waited) / seconds


def processor() -> Processor:
    """The counts by now."""
    return Processor(time.process_time(), sum(map(waited, THREADS.glob("*/schedstat"))))


def waited(thread: Path) -> float:
    """Seconds on the run queue, the second number of Linux's schedstat; 0 on a system that does not tell."""
    try:
        return int(thread.read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):  # the thread has ended, or nobody counts
        return 0.0
