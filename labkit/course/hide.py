"""What a student may see of a graded notebook: no hidden test's text, and none of the values that it uses.

From the first hidden check on, the student's code may have met hidden values. It can keep them, and print, raise,
return or display them in any later cell. So from there on nothing is shown that running code had a say in, except the
type of an error; and a message is taken from the test's source (`failed`).
"""

from collections.abc import Sequence

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.utils import is_grade, is_locked, is_solution, is_task

from labkit.course.failed import GRADERS, is_builtin_error, why
from labkit.grading.judge.plan import HIDDEN, SCHEME, inside, without

REMARK = "remark"  # the name of a stream in which we, and no program, say something
LATER = "(not shown: this cell ran after hidden checks)"
CHANGEABLE = "(not shown: code that ran later could have changed it)"


def hide(notebook: NotebookNode, sealed: bool = False, tests: Sequence[str] = HIDDEN) -> None:
    """Hide it in a notebook. `sealed`: its judge lets no cell change the outputs of an earlier one, as Jupyter does."""
    anywhere = any(_is_ours(cell) and inside(cell.source, tests) for cell in notebook.cells)
    met = False
    for cell in notebook.cells:
        hidden = inside(cell.source, tests) if _is_ours(cell) else set()
        met = met or bool(hidden)
        if cell.cell_type == "code" and met:
            tested = _is_ours(cell) and is_grade(cell)
            cell.outputs = _of_test(cell, hidden) if tested else _of_student(cell.outputs)
        elif cell.cell_type == "code" and anywhere and not sealed:
            cell.outputs = _unchangeable(cell.outputs)
        if _is_ours(cell):
            cell.source = without(without(cell.source, tests), SCHEME)


def _is_ours(cell: NotebookNode) -> bool:
    """Whether the instructor wrote this cell's source: grading puts it back as it was."""
    return is_task(cell) or ((is_grade(cell) or is_locked(cell)) and not is_solution(cell))


def _of_test(cell: NotebookNode, hidden: set[int]) -> list[NotebookNode]:
    """Of a test cell: what failed. What it prints may quote the student's values, which may be hidden ones."""
    errors = [output for output in cell.outputs if output.output_type == "error"][:1]
    said = [why(output, cell.source, hidden) for output in errors]
    return [new_output("error", ename="AssertionError", evalue=text, traceback=[text]) for text in said]


def _of_student(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Of a student's cell that ran after a hidden check: that there was something, and an error's type."""
    errors = [output for output in outputs if output.output_type == "error"][:1]
    if errors:
        name = errors[0].ename if is_builtin_error(errors[0].ename) else "Error"
        text = GRADERS.get(errors[0].ename, LATER)
        return [new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])]
    return [new_output("stream", name=REMARK, text=LATER)] if outputs else []


def _unchangeable(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Without displays: code that runs in a hidden check can replace them, wherever they stand."""
    kept = [output for output in outputs if output.output_type in ("stream", "error")]
    return kept if len(kept) == len(outputs) else [*kept, new_output("stream", name=REMARK, text=CHANGEABLE)]
