"""Explain in your own words, then read ours.

Ours lie in the course's `notebooks/explanations/<lab>.md`, one `## name` a section, so that no cell gives them away.
"""

from labkit.errors import WrongUse
from labkit.home import course
from labkit.notebook import example
from labkit.notebook.records import everything, journal
from labkit.notebook.session import current_lab
from labkit.notebook.show import literal, show
from labkit.notebook.stops import AnswerFirst, NotQuite, wait_for

SHORTEST = 10  # characters: enough to refuse "dunno", too few to refuse a short true sentence


def explain(name: str, sentence=..., ours: str | None = None) -> None:
    """Keep the student's sentence, then open ours: Markdown, by default the section `name` of the lab's explanations.

    Raises AnswerFirst (in a notebook) while the sentence is `...`, NotQuite for what is not a sentence yet.
    """
    by = example.STUDENT
    if sentence is ... and example.present():
        sentence, by = example.answer("explanations", name), example.EXAMPLE
    if sentence is ... and (kept := everything().of("explanation", lab=current_lab(), name=name)):
        sentence, by = kept[-1]["sentence"], kept[-1]["by"]
    if sentence is ...:
        return wait_for(AnswerFirst, f'Explain first: put a sentence of yours in place of the ... for "{name}".')
    _check(name, sentence)
    with journal() as kept:
        earlier = kept.of("explanation", lab=current_lab(), name=name)
        if not earlier or earlier[-1]["sentence"] != sentence:
            kept.append("explanation", lab=current_lab(), name=name, sentence=sentence, by=by)
    opened = _ours(name) if ours is None else ours
    said = literal(" ".join(sentence.split()))
    return show(f"**{by.capitalize()} wrote:** {said}\n\n**Ours:** {opened.strip()}" if opened else f"Kept: {said}")


def sections(markdown: str) -> dict[str, str]:
    """The `## name` sections of a Markdown text, by name in lower case."""
    found: dict[str, list[str]] = {}
    lines = found.setdefault("", [])
    for line in markdown.splitlines():
        if line.startswith("## "):
            lines = found.setdefault(_plain(line[3:]), [])
        else:
            lines.append(line)
    del found[""]
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


def _ours(name: str) -> str:
    """Our explanation, or an empty string outside any lab. Raises NotQuite where the lab has none by that name."""
    if not current_lab():
        return ""
    try:
        path = course() / "notebooks" / "explanations" / f"{current_lab()}.md"
        written = sections(path.read_text(encoding="utf-8"))
        return written[_plain(name)]
    except (OSError, WrongUse) as error:
        raise NotQuite(f"Your sentence is kept. Ours could not be opened: {error}.") from None
    except KeyError:
        there = f'no section "## {name}", but {", ".join(written) or "none at all"}'
        raise NotQuite(f"Your sentence is kept. Ours is missing: {path.name} has {there}.") from None


def _check(name: str, sentence) -> None:
    if not isinstance(sentence, str):
        raise NotQuite(f'The explanation of "{name}" is a sentence in quotes, not {sentence!r}.')
    if len(sentence.strip()) < SHORTEST or len(sentence.split()) < 2:
        raise NotQuite(f'"{sentence.strip()}" is a little short for an explanation of "{name}": make it a sentence.')
    if _plain(sentence) == _plain(name):
        raise NotQuite(f'That is the question itself. What is your own answer to "{name}"?')


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold().rstrip("?.! ")
