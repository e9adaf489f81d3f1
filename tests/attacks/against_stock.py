"""Runs every attack against stock nbgrader, and writes the table `against_stock.md`: the suite is known to bite.

    python -m tests.attacks.against_stock [CLASS ...]

It takes about seven seconds for each, one after the other, and needs bubblewrap, prlimit and setpriv. It is
documentation, not a test: run it again when attacks were added.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from tests.attacks.course import MOST
from tests.attacks.run import Row, run
from tests.attacks.suite import KINDS, chosen, told

HERE = Path(__file__).parent


def main(kinds: list[str]) -> None:
    """Run them, and keep what came out after each: a run can be taken up again."""
    notes = HERE / "build" / "against_stock.json"
    notes.parent.mkdir(exist_ok=True)
    known = json.loads(notes.read_text()) if notes.exists() else {}
    for attack in chosen(*kinds):
        if attack.name in known and not kinds:
            continue
        [row] = run("stock", [attack])
        known[attack.name] = [row.score, row.remark]
        notes.write_text(json.dumps(known))
        print(f"{attack.name:32} {row.score} {row.remark}", file=sys.stderr, flush=True)
    rows = [
        Row(attack, known[attack.name][0], "", known[attack.name][1]) for attack in chosen() if attack.name in known
    ]
    (HERE / "against_stock.md").write_text(table(rows))


def table(rows: list[Row]) -> str:
    """Everything as Markdown."""
    attacks, honest = ([row for row in rows if row.attack.honest is kind] for kind in (False, True))
    gained = sum(row.gained for row in attacks)
    harmed = sum(bool(row.remark) and not row.remark.startswith("dropped") for row in attacks)
    denied = sum(row.score != MOST for row in honest)
    lines = [
        "# The attacks against stock nbgrader",
        "",
        f"Written by `python -m tests.attacks.against_stock`: nbgrader {version('nbgrader')} with its settings, but",
        f"for a cell's time limit. Of {len(attacks)} attacks {gained} gained points, and {harmed} did other harm; of",
        f"{len(honest)} unusual but right submissions {denied} did not get their {MOST} points. A dash: no grade.",
    ]
    for kind in KINDS:
        lines += ["", f"## {told(kind)}", "", "| name | tries | earned | stock | remark |", "|---|---|---|---|---|"]
        lines += [line(row) for row in rows if row.attack.kind == kind]
    return "\n".join(lines) + "\n"


def line(row: Row) -> str:
    """One attack."""
    score = "-" if row.score is None else f"{row.score:g}"
    got = f"**{score}**" if row.gained or (row.attack.honest and row.score != MOST) else score
    cells = (row.attack.name, row.attack.tries, f"{row.attack.earns:g}", got, row.remark[:120])
    return "| " + " | ".join(" ".join(cell.replace("|", "/").split()) for cell in cells) + " |"


if __name__ == "__main__":
    main(sys.argv[1:])
