"""Finds what belongs into one student's feedback page: the graded notebook, the marks, what the judge said."""

import os
from pathlib import Path

import nbformat
from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearHiddenTests

from labkit.course import page
from labkit.course.hide import hide
from labkit.course.kept import seconds_late, time_of
from labkit.course.marks import marks
from labkit.course.record import Record, Records
from labkit.course.rows import late, stamp
from labkit.course.trouble import at_a_glance
from labkit.grading.judge.submission import MOST_BYTES


class FeedbackPage(Exporter):
    """The same page for `nbgrader generate_feedback` and JupyterLab's formgrader.

    c.GenerateFeedback.exporter_class = FeedbackPage
    c.GenerateFeedback.preprocessors = []
    """

    file_extension = ".html"
    output_mimetype = "text/html"

    def from_notebook_node(self, nb: NotebookNode, resources: dict | None = None, **_: object) -> tuple[str, dict]:
        """Draw the page; nbgrader says in `resources` whose it is."""
        whose = resources["nbgrader"]
        drawn = sheet(self.parent.coursedir, whose["assignment"], whose["student"], whose["notebook"])
        return page.draw(drawn), self._init_resources(resources)


def sheet(coursedir: CourseDirectory, assignment: str, student: str, notebook: str) -> page.Sheet:
    """All that stands in a page."""
    handed, graded = (
        Path(coursedir.format_path(step, student, assignment))
        for step in (coursedir.submitted_directory, coursedir.autograded_directory)
    )
    time = time_of(handed)
    told = Records(Path(coursedir.root), assignment).read(student)
    if told.time and time and told.time != stamp(time):
        told = Record()  # that of an earlier submission
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        return page.Sheet(
            student=student,
            assignment=assignment,
            notebook=notebook,
            marks=marks(gradebook, assignment, student, notebook),
            judged=told,
            content=_content(coursedir, graded / f"{notebook}.ipynb", handed, told),
            handed=time.strftime("%Y-%m-%d %H:%M UTC") if time else "",
            late=late(seconds_late(gradebook, assignment, student, time)),
        )


def _content(coursedir: CourseDirectory, path: Path, handed: Path, told: Record) -> NotebookNode | None:
    """The graded notebook without what is hidden; None where it is not this submission's, or cannot be read."""
    if told.status in ("refused", "unreadable") or not path.is_file() or os.path.islink(path):
        return None
    graded_of = time_of(path.parent)
    if graded_of is not None and graded_of != time_of(handed):
        return None  # an earlier submission's
    if path.stat().st_size > 2 * MOST_BYTES or at_a_glance(path.read_bytes(), path.stem):
        return None
    found = nbformat.read(path, as_version=4)
    marker = ClearHiddenTests(parent=coursedir)
    hide(found, told.sealed, (marker.begin_test_delimeter, marker.end_test_delimeter))
    return found
