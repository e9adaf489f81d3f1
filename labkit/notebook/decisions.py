"""Decision records: at least two options, each with a cost, and evidence that was measured.

A record is a Markdown file in `$LABKIT_HOME/records/decisions/`, numbered and never changed: deciding again under the
same title writes a revision beside it.
"""

import os
import re
from datetime import date
from pathlib import Path

from labkit.errors import WrongUse
from labkit.notebook import example
from labkit.notebook.records import Journal, folder, journal
from labkit.notebook.session import current_lab
from labkit.notebook.show import literal, show
from labkit.notebook.stops import AnswerFirst, NotQuite, wait_for
from labkit.notebook.wording import amount

WORDS = ("context", "decision", "would_change_if")


def decision(*, title=..., context=..., options=..., decision=..., evidence=..., would_change_if=..., supersedes=None):
    """Keep a decision: `options` maps each option to its cost, `evidence` lists names of recorded measurements.

    `supersedes` is the title of an earlier decision that this one replaces, if any was made.
    Raises AnswerFirst (in a notebook) while anything is `...`, NotQuite (a ValueError) for what is no decision yet.
    """
    fields = {
        "title": title,
        "context": context,
        "options": options,
        "decision": decision,
        "evidence": evidence,
        "would_change_if": would_change_if,
        "supersedes": supersedes,
    }
    fields, by = _with_example(fields)
    if open_fields := [name for name, value in fields.items() if _is_open(value)]:
        sentence = f"Decide first: fill in the ... of {', '.join(open_fields)}, then run the cell again."
        return wait_for(AnswerFirst, sentence)
    _check(fields)
    with journal() as kept:
        file = _keep(kept, fields, by)
    return show(_shown(fields, file, by))


def _with_example(fields: dict) -> tuple[dict, str]:
    """The fields with the example student's answers where they are open, and who answered."""
    if not example.present() or fields["title"] is ... or not any(map(_is_open, fields.values())):
        return fields, example.STUDENT
    answers = example.answer("decisions", fields["title"])
    filled = {name: answers.get(name, value) if _is_open(value) else value for name, value in fields.items()}
    return filled, example.EXAMPLE


def _is_open(value) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is ... or any(part is ... for part in parts) or (isinstance(value, dict) and ... in value)


def _check(fields: dict) -> None:
    for name in ("title", *WORDS):
        if not isinstance(fields[name], str) or not fields[name].strip():
            raise NotQuite(f"The decision's {name} is {fields[name]!r}: write it as a text in quotes.")
    options = fields["options"]
    if not isinstance(options, dict) or len(options) < 2:
        raise NotQuite(
            'A decision needs at least two options, each with its cost: {"A": "2 GB", "B": "a day of work"}.'
        )
    for option, cost in options.items():
        if not isinstance(option, str) or cost is None or not str(cost).strip():
            raise NotQuite(f'What does option "{option}" cost? Every option costs something.')
    if fields["decision"] not in options:
        raise NotQuite(f'"{fields["decision"]}" is none of the options: {", ".join(options)}.')
    if not isinstance(fields["evidence"], list) or not fields["evidence"]:
        raise NotQuite('Evidence is a list with names of your measurements, as in ["file size"].')


def _keep(kept: Journal, fields: dict, by: str) -> str:
    """Write the record unless it stands already. Returns its file name."""
    evidence = {name: _measurement(kept, name) for name in fields["evidence"]}
    replaced = _superseded(kept, fields["supersedes"])
    earlier = kept.of("decision", lab=current_lab(), title=fields["title"])
    if earlier and all(earlier[-1][name] == _stored(value) for name, value in fields.items()):
        return earlier[-1]["file"]
    status = "accepted"
    if earlier:
        status += f"; revises {earlier[-1]['file']}"
    if replaced:
        status += f"; supersedes {replaced['file']}"
    file = _write(fields, evidence, status)
    kept.append("decision", lab=current_lab(), file=file, by=by, **{n: _stored(v) for n, v in fields.items()})
    return file


def _stored(value):
    """A field as the journal keeps it: costs as text."""
    return {option: str(cost) for option, cost in value.items()} if isinstance(value, dict) else value


def _measurement(kept: Journal, name: str) -> dict:
    """The last measurement by that name, in this lab before others. Raises NotQuite."""
    found = kept.of("measurement", lab=current_lab(), name=name) or kept.of("measurement", name=name)
    if not found:
        names = sorted({record["name"] for record in kept.of("measurement")})
        there = f"You have measured: {', '.join(names)}." if names else "Nothing was measured yet."
        raise NotQuite(f'The evidence "{name}" is no measurement of yours. {there}')
    return found[-1]


def _superseded(kept: Journal, title: str | None) -> dict | None:
    if title is None:
        return None
    found = kept.of("decision", title=title)
    if found:
        return found[-1]
    if titles := sorted({record["title"] for record in kept.of("decision")}):
        raise NotQuite(f'No earlier decision is called "{title}". There are: {"; ".join(titles)}.')
    return None  # who begins with this lab has decided nothing that could be superseded


def _write(fields: dict, evidence: dict, status: str) -> str:
    """Write the next numbered file, whole or not at all (the journal's lock is held). Returns its name."""
    place = folder() / "decisions"
    try:
        place.mkdir(exist_ok=True)
        number = 1 + max((int(path.name[:4]) for path in place.glob("[0-9][0-9][0-9][0-9]-*.md")), default=0)
        path = place / f"{number:04d}-{_slug(fields['title'])}.md"
        temporary = Path(f"{path}.new")
        temporary.write_text(_markdown(fields, evidence, status), encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise WrongUse(f"The decision cannot be kept in {place}: {error.strerror}.") from error
    return path.name


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "decision"


def _markdown(fields: dict, evidence: dict, status: str) -> str:
    options = "\n".join(f"| {literal(name)} | {literal(str(cost))} |" for name, cost in fields["options"].items())
    facts = "\n".join(f"- {literal(n)}: {amount(r['value'], r['unit'])} (lab {r['lab']})" for n, r in evidence.items())
    return (
        f"# {fields['title']}\n\nStatus: {status} ({date.today()}, lab {current_lab()})\n\n"
        f"## Context\n\n{fields['context']}\n\n## Options\n\n| option | cost |\n|---|---|\n{options}\n\n"
        f"## Decision\n\n{fields['decision']}\n\n## Evidence\n\n{facts}\n\n"
        f"## Would change if\n\n{fields['would_change_if']}\n"
    )


def _shown(fields: dict, file: str, by: str) -> str:
    chosen = fields["decision"]
    others = "; ".join(f"{literal(n)} ({literal(str(c))})" for n, c in fields["options"].items() if n != chosen)
    return (
        f"**{literal(fields['title'])}: {by} decided for {literal(chosen)}**, at a cost of "
        f"{literal(str(fields['options'][chosen]))}, and not for {others}.\n\n"
        f"Evidence: {literal(', '.join(fields['evidence']))}. Would change if: "
        f"{literal(fields['would_change_if'].rstrip('.'))}. Kept as `{file}`."
    )
