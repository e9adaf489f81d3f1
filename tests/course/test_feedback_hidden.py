"""Feedback says what failed and why, and nothing of a hidden test: not its text, not a value that it uses."""

import json
from copy import deepcopy

import pytest
from nbformat import NotebookNode, v4
from nbgrader.converters import GenerateFeedback

from labkit.course import collect, feedback, grade, page
from labkit.course.hide import CHANGEABLE, LATER, hide
from labkit.course.marks import Marks
from labkit.course.record import Record
from labkit.course.room import surroundings
from labkit.course.sheets import FeedbackPage

CHECKED = {"grade": True, "locked": True, "solution": False, "schema_version": 3, "points": 1}
SECRET = "4711"
TEST = f"""\
assert f(1) == 1, "f(1) is 1"
assert f(2) == 2, f"you say {{f(2)}}, and 2 is asked for"
assert same(
    f(3), 3
)
### BEGIN HIDDEN TESTS
assert f({SECRET}) == 0, "large numbers too"
assert f({SECRET}) == 0, f"you say {{f({SECRET})}}"
assert f({SECRET}) == 0, "you say %d" % f({SECRET})
assert f({SECRET}) == 0, "you say {{}}".format(f({SECRET}))
assert f({SECRET}) == 0, "you " "say"
assert f({SECRET}) == 0, f"no value"
assert f({SECRET}) == 0, MESSAGE
assert f({SECRET}) == 0
for n in ({SECRET}, 2):
    assert f(n) == 0, "in a loop"
helper({SECRET})
### END HIDDEN TESTS
def later(n):
    assert f(n) == 0, "not for this"
"""


def failed(line: int, said: str, name: str = "AssertionError", coloured: bool = False) -> NotebookNode:
    """An error as the judge writes it, or as IPython does."""
    text = TEST.split("\n")[line - 1]
    if not coloured:
        shown = [
            f"{name}  Traceback (most recent call last)\nCell In[7], line {line}\n----> {line} {text}\n\n{name}: {said}"
        ]
    else:
        red, end = "\x1b[31m", "\x1b[39m"
        shown = [
            f"{red}----------{end}",
            f"{red}{name}{end}        Traceback (most recent call last)",
            f"\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[7]\x1b[39m\x1b[32m, line {line}\x1b[39m\n"
            f"{red}----> \x1b[39m\x1b[32m{line}{end} {text}",
            "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[2]\x1b[39m\x1b[32m, line 1\x1b[39m, in \x1b[36mf\x1b[39m",
            f"{red}{name}{end}: {said}",
        ]
    return v4.new_output("error", ename=name, evalue=said, traceback=shown)


def check_cell(*outputs: NotebookNode, source: str = TEST) -> NotebookNode:
    return v4.new_code_cell(source, metadata={"nbgrader": {**CHECKED, "grade_id": "f-test"}}, outputs=list(outputs))


def shown(*cells: NotebookNode, sealed: bool = True) -> str:
    """The page of a notebook of these cells."""
    notebook = v4.new_notebook(
        cells=deepcopy(list(cells)), metadata={"kernelspec": {"name": SECRET, "display_name": SECRET}}
    )
    hide(notebook, sealed)
    return page.draw(page.Sheet("ann", "ps00", "ps00", Marks(), Record("graded"), notebook))


def said(*outputs: NotebookNode) -> str:
    """What is said of a test cell that failed so."""
    cell = check_cell(*outputs)
    hide(v4.new_notebook(cells=[cell]))
    [error] = cell.outputs
    assert error.traceback == [error.evalue]
    return error.evalue


@pytest.mark.parametrize("coloured", [False, True])
@pytest.mark.parametrize(
    ("line", "message", "expected"),
    [
        (7, "large numbers too", "a hidden check does not hold. large numbers too"),
        (8, f"you say {SECRET}", "a hidden check does not hold."),
        (9, f"you say {SECRET}", "a hidden check does not hold."),
        (10, f"you say {SECRET}", "a hidden check does not hold."),
        (11, "you say", "a hidden check does not hold. you say"),
        (12, "no value", "a hidden check does not hold. no value"),
        (13, SECRET, "a hidden check does not hold."),
        (14, "", "a hidden check does not hold."),
        (16, "in a loop", "a hidden check does not hold. in a loop"),
        (15, SECRET, "a hidden check does not hold."),
        (17, SECRET, "a hidden check does not hold."),
        (7, f"f was asked for {SECRET}", "a hidden check does not hold."),
        (1, "f(1) is 1", "f(1) is 1"),
        (1, SECRET, 'this check does not hold: assert f(1) == 1, "f(1) is 1"'),
        (2, f"you say {SECRET}, and 2 is asked for", "you say \N{HORIZONTAL ELLIPSIS}, and 2 is asked for"),
        (2, SECRET, 'this check does not hold: assert f(2) == 2, f"you say {f(2)}, and 2 is asked for"'),
        (4, SECRET, "this check does not hold: assert same( f(3), 3 )"),
        (999, SECRET, "a hidden check does not hold."),
    ],
)
def test_a_message_is_its_authors_and_holds_no_value(line, message, expected, coloured):
    if line == 999:
        error = failed(1, message)
        error.traceback = [error.traceback[0].replace("line 1\n", "line 999\n")]
    else:
        error = failed(line, message, coloured=coloured)
    assert said(error) == expected


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("ZeroDivisionError", 7, "a hidden check does not hold: your code raised ZeroDivisionError."),
        ("NotImplementedError", 1, "your code raised NotImplementedError."),
        (f"Error{SECRET}", 7, "a hidden check does not hold."),
        (f"Error{SECRET}", 4, "this check does not hold: assert same( f(3), 3 )."),
        ("print", 7, "a hidden check does not hold."),
        ("CellTimeoutError", 7, "a hidden check does not hold: your code ran too long and was stopped."),
        ("NotRun", 7, "because your code's process had ended."),
    ],
)
def test_of_another_error_only_pythons_own_types_are_named(name, line, expected):
    assert said(failed(line, f"{SECRET} / 0", name)).endswith(expected)


def test_an_error_without_a_line_is_taken_for_a_hidden_one():
    for traceback in ([], ["no line in here"], ["Cell In[7], line 99999999999999999999\n"]):
        error = v4.new_output("error", ename="AssertionError", evalue=SECRET, traceback=traceback)
        assert said(error) == "a hidden check does not hold."
    assert said(failed(1, "x"), failed(2, "y")).startswith("this check does not hold: assert f(1)")


def test_a_cell_that_is_no_plain_python_says_less():
    cell = check_cell(failed(1, "f(1) is 1"), source="%matplotlib inline\n" + TEST)
    hide(v4.new_notebook(cells=[cell]))
    assert cell.outputs[0].evalue == "this check does not hold: %matplotlib inline"


@pytest.mark.parametrize(
    "source",
    [
        "### BEGIN HIDDEN TESTS\nassert f(4711)",
        "# BEGIN HIDDEN TESTS 4711 END HIDDEN TESTS\nx = 1",
        2 * "x = 1\n\n    ### BEGIN HIDDEN TESTS\n4711\n ### END HIDDEN TESTS 4711\n",
    ],
)
def test_hidden_tests_are_not_in_the_page_however_they_are_written(source):
    assert SECRET not in shown(check_cell(source=source))


def test_neither_is_a_mark_scheme_nor_a_students_own_mark_a_stumbling_block():
    task = v4.new_markdown_cell(
        f"Why?\n### BEGIN MARK SCHEME\n{SECRET}\n### END MARK SCHEME\nSay.",
        metadata={"nbgrader": {"grade_id": "why", "task": True, "schema_version": 3, "points": 1}},
    )
    own = v4.new_code_cell("# BEGIN HIDDEN TESTS are mine\nprint(1)")
    text = shown(task, own)
    assert SECRET not in text
    assert "are mine" in text


def test_what_ran_after_hidden_checks_is_not_shown():
    stream = v4.new_output("stream", text=f"before {SECRET[:2]}")
    after = [
        [v4.new_output("stream", text=SECRET), v4.new_output("stream", name="stderr", text=SECRET)],
        [v4.new_output("execute_result", {"text/plain": SECRET})],
        [v4.new_output("display_data", {"image/png": SECRET, "text/html": SECRET}, metadata={"x": SECRET})],
        [v4.new_output("stream", text=SECRET), failed(1, SECRET, "ValueError", coloured=True)],
        [failed(1, SECRET, f"E{SECRET}")],
        [],
    ]
    cells = [v4.new_code_cell("f(1)", outputs=[stream]), check_cell(v4.new_output("stream", text=SECRET))]
    cells += [v4.new_code_cell(f"f({number})", outputs=outputs) for number, outputs in enumerate(after)]
    cells.append(check_cell(v4.new_output("stream", text=SECRET), failed(1, SECRET), source='assert f(1), f"{f(2)}"'))
    cells.append(check_cell(v4.new_output("execute_result", {"text/plain": SECRET}), source="f(1)"))
    text = shown(*cells)
    assert SECRET not in text
    assert "before 47" in text
    assert text.count(LATER) == 5
    assert f"ValueError: {LATER}" in text


def test_a_display_that_a_later_cell_could_have_changed_is_not_shown():
    early = v4.new_code_cell(
        "show()", outputs=[v4.new_output("stream", text="early"), v4.new_output("display_data", {"text/plain": SECRET})]
    )
    assert SECRET not in (unsealed := shown(early, check_cell(), sealed=False))
    assert "early" in unsealed
    assert CHANGEABLE in unsealed
    assert SECRET in shown(early, check_cell(), sealed=True)
    assert SECRET in shown(early, check_cell(source="assert f(1)"), sealed=False), (
        "where nothing is hidden, all is shown"
    )


def test_a_notebook_that_keeps_what_it_meets(one_person, released, tiny, tmp_path):
    """Graded by nbgrader, which protects nothing: its notebook says it all, and the student's page nothing."""
    greedy = """
from IPython.display import display
kept = []
handle = display("a picture", display_id="mine")
def double(x):
    kept.append(x)
    handle.update({"met": kept})
    if isinstance(x, str):
        raise ValueError(f"I met {kept}")
    return 2 * x
"""
    notebook = json.loads(tiny.solved(released, {**tiny.RIGHT, "double": greedy}))
    own = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook["cells"] += [
        {**own, "id": "a", "source": "print(kept)"},
        {**own, "id": "b", "source": "raise type(str(kept[-1]), (Exception,), {})(kept)"},
        {**own, "id": "c", "source": "1 / 0"},
    ]
    folder = tmp_path / "given" / "ann"
    folder.mkdir(parents=True)
    (folder / "ps00.ipynb").write_text(json.dumps(notebook))
    collect.collect(one_person, "ps00", folder.parent)
    grade.grade(one_person, "ps00")
    desk = tmp_path / "home" / "notebooks" / "grading"
    assert [row.status for row in feedback.feedback(one_person, "ps00")] == ["made"]
    made = desk / "feedback" / "ann" / "ps00" / "ps00.html"
    text = made.read_text()
    assert "secret-word" in (desk / "autograded" / "ann" / "ps00" / "ps00.ipynb").read_text()
    assert "secret-word" not in text
    assert "HIDDEN" not in text
    assert "a hidden check does not hold: your code raised ValueError." in text
    assert "3 points" not in text.replace("of 3 points", ""), "a mark scheme is for those who grade"

    with surroundings():
        api = one_person.api()
        api.coursedir.assignment_id, api.coursedir.student_id = "ps00", "ann"
        converter = GenerateFeedback(coursedir=api.coursedir, parent=api, force=True)
        converter.exporter_class, converter.preprocessors = FeedbackPage, []
        made.unlink()
        converter.start()
    assert made.read_text() == text, "JupyterLab's formgrader makes the same page"
