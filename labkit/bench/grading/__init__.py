"""A class graded by `labkit course grade` and by stock `nbgrader autograde`: whole commands, gradebook written in both.

stock_s judge_s ratio    20 submissions; the judge's time is the median of runs before, between and after the stock's
per_submission_s         what one more costs: the slope from 20 to 300 submissions
cohort_300_s             300 submissions
"""

import statistics
import tempfile
from pathlib import Path

from tqdm.auto import tqdm

from labkit.bench.grading.cohort import Took, by_judge, by_stock, make, with_submissions

FEW, MANY = 20, 300
STOCK_RUNS = 1  # one takes about a minute and a half


def measure() -> dict:
    """Rows for every run, and the summary."""
    runs: dict[str, list[Took]] = {"judge": [], "stock": [], "judge_300": []}
    order = ["judge", *["stock", "judge"] * STOCK_RUNS, "judge_300", "judge"]
    with tempfile.TemporaryDirectory(prefix="labkit-") as folder:
        course = make(Path(folder) / "course")
        for number, who in enumerate(tqdm(order, desc="grading a class")):
            place = with_submissions(course, Path(folder) / str(number), MANY if who == "judge_300" else FEW)
            runs[who].append(by_stock(place) if who == "stock" else by_judge(place))
    rows = [
        {
            "grader": who,
            "submissions": MANY if who == "judge_300" else FEW,
            "seconds": one.seconds,
            "peak_mb": one.peak_mb,
        }
        for who, some in runs.items()
        for one in some
    ]
    seconds = {who: statistics.median(one.seconds for one in some) for who, some in runs.items()}
    return {
        "rows": rows,
        "summary": {
            "stock_s": seconds["stock"],
            "judge_s": seconds["judge"],
            "ratio": seconds["stock"] / seconds["judge"],
            "per_submission_s": (seconds["judge_300"] - seconds["judge"]) / (MANY - FEW),
            "cohort_300_s": seconds["judge_300"],
        },
    }
