"""What a student measured stays what the student measured: a notebook that is run again elsewhere shows the same."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

FILE = "measured.json"  # beside the notebook, and handed in with it


def once(name: str, measure: Callable[[], dict]) -> dict:
    """What was measured under this name. What was not is measured now, and kept; without the file all is new.

    measure() returns a dictionary of numbers and texts.
    """
    kept = _kept()
    if name not in kept:
        kept[name] = measure()
        with contextlib.suppress(OSError):  # nothing can be written: then it is measured each time
            Path(FILE).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return kept[name]


def _kept() -> dict:
    try:
        kept = json.loads(Path(FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or no longer readable
        return {}
    return kept if isinstance(kept, dict) else {}
