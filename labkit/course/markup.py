"""Text that others wrote, as HTML that cannot do anything: no tag and no attribute in it is theirs."""

import re
from html import escape

from markupsafe import Markup
from mistune import HTMLRenderer
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from labkit.course import formula, picture

MOST_CHARACTERS = 20_000  # of one cell or one output
LINK = re.compile(r"(https?://|mailto:)[^\s\"'<>`\\]+", re.IGNORECASE)
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.?)", re.DOTALL)
# Control characters, and those that turn the direction of the text around them.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
PAPER = HtmlFormatter(style="default", cssclass="code")


def plain(text: str) -> str:
    """Text as a terminal would leave it: without colours, and of a line that was overwritten the last state."""
    lines = ESCAPES.sub("", text).replace("\r\n", "\n").split("\n")
    kept = CONTROLS.sub("", "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines))
    if len(kept) <= MOST_CHARACTERS:
        return kept
    return f"{kept[:MOST_CHARACTERS]}\n({len(kept) - MOST_CHARACTERS} more characters are not shown)"


def code(source: str) -> Markup:
    """Python, in colours."""
    if len(source) > MOST_CHARACTERS:
        return preformatted(source)
    return Markup(highlight(plain(source), PythonLexer(), PAPER))


def preformatted(text: str) -> Markup:
    """Text as it is."""
    return Markup("<pre>{}</pre>").format(plain(text))


def markdown(source: str, attachments: object = None) -> Markup:
    """Markdown. HTML in it is shown as text, and of pictures only those that the cell itself carries."""
    if len(source) > MOST_CHARACTERS:
        return preformatted(source)
    try:
        return Markup(MarkdownWithMath(renderer=_Renderer(attachments)).render(plain(source)))
    except Exception:  # a parser that gives up, whatever over, must not cost the student the page
        return preformatted(source)


class _Renderer(HTMLRenderer):
    """mistune's renderer, which escapes HTML; links lead out only, and nothing is loaded."""

    def __init__(self, attachments: object) -> None:
        super().__init__(escape=True)
        self.attachments = attachments if isinstance(attachments, dict) else {}

    def heading(self, text: str, level: int, **_: object) -> str:
        """Below the page's own headings."""
        return f"<h{min(level + 2, 6)}>{text}</h{min(level + 2, 6)}>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link to a page or an address; any other is its text."""
        if not LINK.fullmatch(url):
            return text
        return f'<a href="{escape(url)}" rel="noopener noreferrer nofollow">{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """An attachment of the cell's."""
        kinds = self.attachments.get(url.removeprefix("attachment:")) if url.startswith("attachment:") else None
        return picture.first_of(kinds) or f"[picture: {text}]"

    def block_code(self, code: str, info: str | None = None) -> str:
        """Code, whatever language it says that it is in."""
        is_python = (info or "").strip().lower().startswith(("python", "py"))
        return highlight(code, PythonLexer(), PAPER) if is_python else f"<pre>{escape(code)}</pre>\n"

    def block_math(self, body: str) -> str:
        """A formula on a line of its own."""
        return formula.mathml(body, block=True) or f"<code>$${escape(body)}$$</code>"

    def inline_math(self, body: str) -> str:
        """A formula in a line."""
        return formula.mathml(body) or f"<code>${escape(body)}$</code>"

    def latex_environment(self, name: str, body: str) -> str:
        """A formula on lines of its own."""
        tex = f"\\begin{{{name}}}{body}\\end{{{name}}}"
        return formula.mathml(tex, block=True) or f"<code>{escape(tex)}</code>"
