"""A student's page: nothing in it runs, nothing in it is loaded, whatever the notebook holds."""

import base64
import io
import re
from html import escape

import pytest
from nbformat import NotebookNode, from_dict, v4
from PIL import Image
from playwright.sync_api import sync_playwright

from labkit.course import formula, markup, page
from labkit.course.hide import hide
from labkit.course.marks import Mark, Marks
from labkit.course.record import Record
from tests.needs import needs_browser
from tests.pages import Seen

OURS = set(
    re.findall(
        r"\w+",
        "html head meta title style body header div h1 h2 h3 h4 h5 h6 p a span strong em del code pre br hr ul ol li"
        " table thead tbody tr th td blockquote img dl dt dd input",
    )
)
ATTACKS = [
    "<script>pwned()</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    '<img src=x onerror="pwned()">',
    "<img src=https://evil.example/pixel.png>",
    "<svg onload=pwned()><script>pwned()</script></svg>",
    "<svg><a xlink:href='javascript:pwned()'><text>x</text></a></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=pwned()>",
    "<iframe srcdoc='<script>parent.pwned()</script>'></iframe>",
    "<iframe src=javascript:pwned()></iframe>",
    "<object data='data:text/html,<script>pwned()</script>'></object><embed src=//evil.example>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href=https://evil.example/><link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import 'https://evil.example/x.css'; body { background: url(https://evil.example/) }</style>",
    "<div style='position:fixed;inset:0;background:#fff'>Score: 100 of 100</div>",
    "<form action=https://evil.example><input autofocus onfocus=pwned()></form>",
    "<details open ontoggle=pwned()>x</details><video src=//evil.example/v onerror=pwned()></video>",
    "</pre></div></body><script>pwned()</script>",
    "--><script>pwned()</script><!--",
    "</textarea></title></style><script>pwned()</script>",
    "[click](javascript:pwned())",
    "[click](JaVaScRiPt&colon;pwned())",
    "[click](data:text/html;base64,PHNjcmlwdD5wd25lZCgpPC9zY3JpcHQ+)",
    "[click](vbscript:pwned)",
    '[click](https://ok.example/"onmouseover="pwned())',
    "<javascript:pwned()>",
    "![x](https://evil.example/pixel.png)",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9cHduZWQoKT4=)",
    '![x"onerror="pwned()](attachment:x.png)',
    '[x]: javascript:pwned() "t"\n\n[x]',
    "$\\href{javascript:pwned()}{x}$",
    "$\\text{</mtext><script>pwned()</script>}$",
    "$\\text{&lt;script&gt;pwned()&lt;/script&gt;}$",
    "$$\\style{position:fixed;background:url(//evil.example)}{x}$$",
    '$\\class{"><img src=x onerror=pwned()>}{x}$',
    "\\begin{a}<img src=x onerror=pwned()>\\end{a}",
    '```html"onclick="pwned()\n<script>pwned()</script>\n```',
    "```mermaid\n<script>pwned()</script>\n```",
    "| a |\n|:-:|\n| <script>pwned()</script> |",
    "\x1b]8;;javascript:pwned()\x07link\x1b]8;;\x07 \x1b[31m<script>pwned()</script>",
    "\u202e<script>pwned()</script>",
]


def picture(kind: str = "PNG") -> str:
    file = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


def sheet(*cells: NotebookNode, **more) -> page.Sheet:
    settings = {"marks": Marks(2, 7), "judged": Record("graded", judge="labkit"), **more}
    notebook = v4.new_notebook()
    notebook.cells = list(cells)  # set afterwards, so that nothing is validated
    return page.Sheet("ann", "ps00", "ps00", content=notebook, **settings)


def hostile(attack: str) -> list[NotebookNode]:
    """A notebook that says it wherever a notebook can say something."""
    code = v4.new_code_cell(attack)
    code.metadata = from_dict({"tags": [attack], "nbgrader": {"grade_id": attack}, attack: attack})
    kinds = [
        *("text/html", "image/svg+xml", "text/latex", "text/markdown", "application/javascript", "text/plain"),
        *("application/vnd.jupyter.widget-view+json", "application/vnd.plotly.v1+json", "application/pdf"),
        *("image/png", "image/jpeg", "image/gif", attack),
    ]
    code.outputs = [
        *(v4.new_output("display_data", {kind: attack}, metadata={kind: {"width": attack}}) for kind in kinds),
        v4.new_output("execute_result", {"text/html": [attack], "text/plain": [attack]}),
        v4.new_output("stream", name="stdout", text=attack),
        v4.new_output("stream", name=attack, text=attack),
        v4.new_output("error", ename=attack, evalue=attack, traceback=[attack, f"\x1b[31m{attack}"]),
        v4.new_output("error", ename=attack, evalue=attack, traceback=[]),
    ]
    text = v4.new_markdown_cell(f"before {attack}\n\n{attack}\n\n- {attack}\n\n# {attack}\n")
    text.attachments = {"x.png": {"image/png": attack, "image/svg+xml": attack, "text/html": attack}}
    return [text, v4.new_raw_cell(attack), code]


def drawn(attack: str) -> str:
    marks = Marks(0, 1, cells={attack: Mark(0, 1)}, comments={attack: attack})
    one = sheet(*hostile(attack), marks=marks, judged=Record("timeout", attack))
    one.student = one.notebook = one.assignment = one.handed = one.late = attack
    one.content.metadata = {"title": attack, "widgets": {"x": {"state": attack}}, "kernelspec": {"name": attack}}
    return page.draw(one)


def is_harmless(tag: str, name: str, value: str) -> bool:
    """Whether this attribute neither runs nor loads anything."""
    if tag == "meta":
        return name in ("charset", "http-equiv", "content", "name") and "refresh" not in value and "url" not in value
    if name == "href":
        return re.fullmatch(r"#cell-\d+|https?://[^\s\"'<>]+|mailto:[^\s\"'<>]+", value) is not None
    if name == "src":
        return re.fullmatch(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+", value) is not None
    if name == "style":
        return re.fullmatch(r"text-align:(left|right|center)", value) is not None
    plain = ("class", "id", "rel", "lang", "alt", "start", "type", "disabled", "checked", *formula.ATTRIBUTES)
    return name in plain and "pwned" not in value


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_of_a_notebook_becomes_html(attack):
    seen = Seen(drawn(attack))
    assert seen.tags <= OURS | formula.TAGS
    assert [one for one in seen.attributes if not is_harmless(*one)] == []
    assert "url(" not in seen.styles.replace("\\", "")
    assert "@import" not in seen.styles
    assert "pwned" not in seen.styles


def test_a_page_needs_no_network_and_forbids_it():
    image = v4.new_output("display_data", {"image/png": picture(), "text/plain": "<Figure>"})
    text = drawn("x") + page.draw(sheet(v4.new_code_cell("plot()", outputs=[image])))
    addresses = re.findall(r"(?:src|href|srcset|data|action|poster|background)\s*=\s*[\"']?([^\"'>\s]+)", text)
    assert [one for one in addresses if not one.startswith(("#cell-", "data:image/png;base64,"))] == []
    assert not re.search(r"url\(|@import|<script|<link|<base", text)
    assert "default-src &#39;none&#39;" not in text, "the policy itself must not be escaped"
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text


def test_a_browser_runs_and_loads_nothing(tmp_path):
    program = needs_browser()
    path = tmp_path / "page.html"
    path.write_text("".join(drawn(attack) for attack in ATTACKS), encoding="utf-8", errors="replace")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        tab, asked = browser.new_page(), []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("dialog", lambda dialog: asked.append("dialog"))
        tab.add_init_script("window.pwned = () => { window.got = true }")
        tab.goto(path.as_uri(), wait_until="load")
        assert tab.evaluate("window.got === undefined && typeof window.pwned") == "function"
        assert [url for url in asked if not url.startswith(("file:", "data:image/"))] == []
        browser.close()


def test_what_a_student_made_is_still_readable():
    text = page.draw(
        sheet(
            v4.new_markdown_cell(
                "Some *words*, a [link](https://docs.python.org/3/), `x < 1`.\n\n| a | b |\n|--:|---|\n| 1 | 2 |\n\n"
                "![mine](attachment:mine.png)",
                attachments={"mine.png": {"image/png": picture()}},
            ),
            v4.new_code_cell(
                "print(1 < 2)",
                outputs=[
                    v4.new_output("stream", text="10%\r50%\r100%\n\x1b[32mgreen\x1b[0m"),
                    v4.new_output("display_data", {"image/jpeg": picture("JPEG")}),
                    v4.new_output("execute_result", {"text/html": "<table>", "text/plain": "   a  b\n0  1  2"}),
                    v4.new_output("display_data", {"text/html": "<b>"}),
                ],
            ),
        )
    )
    for piece in (
        "<em>words</em>",
        'href="https://docs.python.org/3/"',
        "<code>x &lt; 1</code>",
        '<td style="text-align:right">1</td>',
        'src="data:image/png;base64,',
        'src="data:image/jpeg;base64,',
        "<pre>100%\ngreen</pre>",
        "   a  b\n0  1  2",
        "(an output of the kind text/html is not shown)",
    ):
        assert piece in text
    assert "10%" not in text


def test_a_picture_is_a_picture():
    for content in ("", "no base64!", base64.b64encode(b"<svg onload=pwned()>").decode(), picture("GIF"), None, 7):
        cell = v4.new_code_cell("", outputs=[v4.new_output("display_data", {"text/plain": "<Figure>"})])
        cell.outputs[0].data["image/png"] = content
        assert "<img" not in page.draw(sheet(cell))


@pytest.mark.parametrize(
    ("tex", "shown"),
    [
        (r"\frac{a}{b}", "<mfrac>"),
        (r"x_i^2 + \sqrt{n}", "<msqrt>"),
        (r"\begin{aligned}a &= b \\ c &= d\end{aligned}", "<mtable"),
        (r"\begin{cases}a & x < 0 \\ b\end{cases}", "<mtd"),
        (r"\lceil n q / 100 \rceil", "<mi>\N{LEFT CEILING}</mi>"),
        (r"n - r \ge 10", "<mo>\N{GREATER-THAN OR EQUAL TO}</mo>"),
        (r"4w \to 2 \cdot (w + \text{layers} \;)", "<mtext>layers</mtext>"),
    ],
)
def test_formulas_are_mathml(tex, shown):
    assert shown in markup.markdown(f"so $${tex}$$ holds")
    assert re.search(r'<math display="inline">', markup.markdown(f"so ${tex}$ holds"))


@pytest.mark.parametrize(
    "tex",
    [
        *(r"\frac{", r"\left( x \right", "{" * 500, r"\sqrt" * 190, r"\undefined{x}", "x" * 5000),
        r"\newcommand{\a}{xx}\newcommand{\b}{\a\a}\b",
        r"\def\a{\a\a}\a",
    ],
)
def test_bad_tex_stays_readable(tex):
    text = markup.markdown(f"so ${tex}$ holds")
    assert "holds" in text
    assert "<math" not in text
    assert str(escape(tex))[:100] in text


def test_a_formula_stays_in_its_place():
    for tex in (r"\hspace{-999em}x", r"\rule{9999em}{9999em}", r"\color{url(//evil.example)}{x}"):
        text = markup.markdown(f"${tex}$")
        assert "99" not in text
        assert "evil" not in text
    assert 'width="0.278em"' in markup.markdown(r"$a\;b$")


def test_no_notebook_makes_a_page_slow_or_huge():
    cells = [
        v4.new_markdown_cell(text)
        for text in (
            "[" * 19_000,
            "*a " * 6000,
            "> " * 9000,
            r"\begin{a}" * 2000,
            "$" * 19_000,
            "`" * 19_000,
            "x" * 10**6,
        )
    ]
    cells += [v4.new_code_cell("(" * 19_000), v4.new_code_cell("'''" + "\\" * 10**6)]
    cells[-1].outputs = [v4.new_output("stream", text="y" * 10**6)] * 60
    text = page.draw(sheet(*cells))
    assert len(text) < 3_000_000
    assert "more characters are not shown" in text
    assert "10 more outputs are not shown" in text
    page.draw(sheet(v4.new_markdown_cell("\ud800 \x00"))).encode()


def test_marks_and_remarks_of_people():
    hidden = "### BEGIN HIDDEN TESTS\nassert f(7) == 49\n### END HIDDEN TESTS"
    grade = {"grade": True, "locked": True, "solution": False, "schema_version": 3}
    failed = v4.new_output("error", ename="AssertionError", evalue="", traceback=["Cell In[2], line 2\n"])
    cells = [
        v4.new_code_cell("def f(x): pass", metadata={"nbgrader": {"grade_id": "f", "solution": True}}),
        v4.new_code_cell(hidden, metadata={"nbgrader": {**grade, "grade_id": "f-test"}}, outputs=[failed]),
        v4.new_markdown_cell("My *view*", metadata={"nbgrader": {"grade_id": "why", "grade": True, "solution": True}}),
    ]
    marks = Marks(
        *(1.5, 6, 0.5),
        cells={"f-test": Mark(0, 3), "why": Mark(0, 2, waits=True), "gone": Mark(1, 1), "more": Mark(1.5, 1, 0.5)},
        comments={"f": "Where is the **return**? <script>"},
    )
    one = sheet(*cells, marks=marks, handed="2026-11-23 10:00 UTC", late="3 h")
    hide(one.content, sealed=True)
    text = re.sub(r"\s+", " ", page.draw(one))
    for piece in (
        "1.5 of 6 points",
        "handed in 2026-11-23 10:00 UTC, 3 h late; 0.5 points are taken off for that",
        '<td class="points none">0 of 3</td><td>a hidden check does not hold.</td>',
        '<td class="points waits">0 of 2</td><td>waits for a person to grade it</td>',
        '<td>gone</td> <td class="points full">1 of 1</td>',
        "1 + 0.5 of 1",
        "Where is the <strong>return</strong>? &lt;script&gt;",
    ):
        assert piece in text
    assert "49" not in re.sub(r"<style>.*</style>", "", text)
