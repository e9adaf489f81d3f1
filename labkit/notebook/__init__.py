"""What every notebook uses: predictions, explanations, findings, decision records, one plot style.

A student commits to a prediction before the measurement is shown, explains in their own words before ours opens, and
decides with the measurements as evidence. All of it is kept in `$LABKIT_HOME/records/`.
"""

from labkit.notebook.decisions import decision
from labkit.notebook.explanations import explain
from labkit.notebook.figures import bars, figure, histogram, line, pictures
from labkit.notebook.findings import finding
from labkit.notebook.predictions import measured, predict
from labkit.notebook.rooflines import roofline
from labkit.notebook.session import open_lab
from labkit.notebook.stops import AnswerFirst, NotQuite, PredictFirst

__all__ = [
    "AnswerFirst",
    "NotQuite",
    "PredictFirst",
    "bars",
    "decision",
    "explain",
    "figure",
    "finding",
    "histogram",
    "line",
    "measured",
    "open_lab",
    "pictures",
    "predict",
    "roofline",
]
