"""One page of what a student predicted, measured, explained and decided: `$LABKIT_HOME/portfolio.html`.

Self-contained: pictures and style are inside, nothing is fetched, and every text of the student's is escaped.
"""

import base64
import os
from html import escape
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from labkit.errors import WrongUse
from labkit.home import home
from labkit.notebook.figures import COLOURS, STYLE, png, verbatim
from labkit.notebook.records import Journal, everything, folder
from labkit.notebook.wording import amount, holds, judged

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Portfolio</title><style>
body {{ font: 17px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
table {{ border-collapse: collapse }} td, th {{ border-bottom: 1px solid #ccc; padding: .3rem .8rem; text-align: left }}
img {{ max-width: 100% }} blockquote {{ border-left: 4px solid #0072B2; margin-left: 0; padding-left: 1rem }}
.old {{ color: #666 }}
</style></head><body><h1>Portfolio</h1>
{body}
</body></html>
"""


def write() -> Path:
    """Write the page from the records. Returns its path; raises WrongUse where it cannot be written."""
    kept = everything()
    parts = [_predictions(kept), _roofline(), _decisions(kept), _explanations(kept)]
    path = home() / "portfolio.html"
    try:
        temporary = path.with_suffix(".new")
        temporary.write_text(PAGE.format(body="\n".join(filter(None, parts))), encoding="utf-8", errors="replace")
        os.replace(temporary, path)
    except OSError as error:
        raise WrongUse(f"The portfolio cannot be written to {path}: {error.strerror}.") from error
    return path


def pairs(kept: Journal) -> list[tuple[dict, float | None]]:
    """Each prediction that stands, with what was measured last for it (None: nothing yet)."""
    first: dict[tuple[str, str], dict] = {}
    for prediction in kept.of("prediction"):
        first.setdefault((prediction["lab"], prediction["name"]), prediction)
    values = {(record["lab"], record["name"]): record["value"] for record in kept.of("measurement")}
    return [(prediction, values.get(key)) for key, prediction in first.items()]


def _predictions(kept: Journal) -> str:
    rows = pairs(kept)
    if not rows:
        return "<h2>Predictions</h2><p>None yet: open a lab with <code>labkit lab</code>.</p>"
    judged_rows = [(p, value) for p, value in rows if p["best"] is not None and value is not None]
    held = sum(holds(prediction, value) for prediction, value in judged_rows)
    head = "<tr><th>lab</th><th>what</th><th>low</th><th>best</th><th>high</th><th>measured</th><th></th></tr>"
    table = f"<table>{head}{''.join(_row(*row) for row in rows)}</table>"
    aim = f"you aimed at nine in ten, here {0.9 * len(judged_rows):.0f}"
    summary = f"<p>{held} of {len(judged_rows)} intervals held the truth; {aim}.</p>"
    return f"<h2>Predictions and measurements</h2>{summary}{_chart(judged_rows)}{table}"


def _row(prediction: dict, value: float | None) -> str:
    ends = [prediction["low"], prediction["best"], prediction["high"]]
    given_up = prediction["best"] is None
    cells = [prediction["lab"], prediction["name"], *(("given up", "", "") if given_up else map(amount, ends))]
    cells.append("not yet" if value is None else amount(value, prediction["unit"]))
    cells.append("" if given_up or value is None else judged(prediction, value))
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _chart(rows: list[tuple[dict, float]]) -> str:
    """Each interval as a share of the truth, on an axis of ratios: the line at 1 is what was measured."""
    rows = [(prediction, value) for prediction, value in rows if value > 0 and prediction["low"] > 0]
    if not rows:
        return ""
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 1.4 + 0.4 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for place, (prediction, value) in enumerate(rows):
            low, best, high = (prediction[end] / value for end in ("low", "best", "high"))
            colour = COLOURS[0] if holds(prediction, value) else COLOURS[1]
            axes.plot([low, high], [place, place], color=colour, linewidth=6, alpha=0.5, solid_capstyle="butt")
            axes.plot([best], [place], "o", color=colour)
        axes.axvline(1, color="black", linewidth=1)
        axes.set(xscale="log", xlabel="predicted / measured [ratio]", ylim=(len(rows) - 0.5, -0.5))
        axes.set_yticks(range(len(rows)), [verbatim(prediction["name"]) for prediction, _ in rows])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: amount(ratio)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        return _image(png(figure), "Each predicted interval over what was measured; the line at 1 is the truth.")


def _roofline() -> str:
    """The student's own roofline, once a lab has kept one as `records/roofline.png`."""
    path = folder() / "roofline.png"
    return f"<h2>Roofline</h2>{_image(path.read_bytes(), 'Roofline of this machine')}" if path.is_file() else ""


def _image(data: bytes, words: str) -> str:
    return f'<p><img alt="{escape(words)}" src="data:image/png;base64,{base64.b64encode(data).decode()}"></p>'


def _decisions(kept: Journal) -> str:
    records = kept.of("decision")
    gone = {record["file"]: later["file"] for later in records for record in records if _replaces(later, record)}
    return "".join(["<h2>Decisions</h2>" if records else "", *(_decision(r, gone.get(r["file"])) for r in records)])


def _replaces(later: dict, record: dict) -> bool:
    """Whether a later record supersedes this one by name, or revises it."""
    if later["file"] <= record["file"]:
        return False
    revises = (later["lab"], later["title"]) == (record["lab"], record["title"])
    return revises or later["supersedes"] == record["title"]


def _decision(record: dict, replaced_by: str | None) -> str:
    status = f"superseded by {replaced_by}" if replaced_by else "accepted"
    evidence = escape(", ".join(record["evidence"]))
    options = "".join(f"<li>{escape(name)}: {escape(cost)}</li>" for name, cost in record["options"].items())
    return (
        f"<div class='{'old' if replaced_by else 'now'}'><h3>{escape(record['title'])}</h3>"
        f"<p>{escape(record['file'])}, lab {escape(record['lab'])}: <strong>{escape(status)}</strong></p>"
        f"<p>{escape(record['context'])}</p><ul>{options}</ul>"
        f"<p><strong>Decision: {escape(record['decision'])}.</strong> Evidence: {evidence}. "
        f"Would change if: {escape(record['would_change_if'])}</p></div>"
    )


def _explanations(kept: Journal) -> str:
    records = kept.of("explanation")
    said = "".join(
        f"<h3>{escape(record['name'])}</h3><blockquote>{escape(record['sentence'])}</blockquote>"
        f"<p class='old'>lab {escape(record['lab'])}, {escape(record['at'][:10])}</p>"
        for record in records
    )
    return f"<h2>Explanations</h2>{said}" if said else ""
