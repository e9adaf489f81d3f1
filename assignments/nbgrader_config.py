"""nbgrader's settings for this course, read by `labkit course`, `nbgrader` (started in this folder) and JupyterLab."""

from pathlib import Path

from labkit.course import desk
from labkit.course.sheets import FeedbackPage

c = get_config()  # noqa: F821 (traitlets gives it)

desk.point_to(Path(__file__).resolve().parent / "source")
c.CourseDirectory.course_id = "ml-systems"
c.CourseDirectory.root = str(desk.root())
c.CourseDirectory.source_directory = desk.SOURCE
c.Exchange.root = str(desk.exchange())
c.Exchange.cache = str(desk.cache())
c.Exchange.assignment_dir = str(desk.notebooks())

c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("Your turn: replace this line.")'}
c.ClearSolutions.text_stub = "*Your answer here.*"
c.ExecutePreprocessor.timeout = 60  # seconds a cell
c.ExecutePreprocessor.shutdown_kernel = "immediate"  # a kernel that is done has nothing to say goodbye for

# A warning on stderr would cost a test cell's points: nbgrader takes it for a failure.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"[\s\S]*"

# Two holes of nbgrader's that a setting closes: deleted test cells, and test cells tagged `skip-execution`.
c.OverwriteCells.add_missing_cells = True
c.ExecutePreprocessor.skip_cells_with_tag = "labkit-skips-no-cell"

# Feedback says what failed, and not how a hidden test is written.
c.GenerateFeedback.exporter_class = FeedbackPage
c.GenerateFeedback.preprocessors = []
