"""What was booked for a student's notebook."""

from dataclasses import dataclass, field

from nbgrader.api import Gradebook, MissingEntry


@dataclass
class Mark:
    """One graded cell's points. `waits`: a person has still to grade it."""

    score: float
    most: float
    extra: float = 0.0
    waits: bool = False


@dataclass
class Marks:
    """One notebook's points and comments, by the names of the cells."""

    score: float = 0.0
    most: float = 0.0
    penalty: float = 0.0
    cells: dict[str, Mark] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)


def marks(gradebook: Gradebook, assignment: str, student: str, notebook: str) -> Marks:
    """A student's marks in one notebook; 0 of all points where nothing was booked."""
    try:
        booked = gradebook.find_submission_notebook(notebook, assignment, student)
    except MissingEntry:
        return _nothing(gradebook, assignment, notebook)
    penalty = booked.late_submission_penalty or 0.0
    return Marks(
        score=booked.score - penalty,
        most=booked.max_score,
        penalty=penalty,
        cells={one.name: _mark(one) for one in booked.grades},
        comments={one.name: one.comment for one in booked.comments if one.comment},
    )


def _nothing(gradebook: Gradebook, assignment: str, notebook: str) -> Marks:
    try:
        known = gradebook.find_notebook(notebook, assignment)
    except MissingEntry:
        return Marks()  # a file of the student's that is none of the assignment's
    graded = [*known.grade_cells, *known.task_cells]
    return Marks(most=known.max_score, cells={one.name: Mark(0.0, one.max_score) for one in graded})


def _mark(grade: object) -> Mark:
    waits = bool(grade.needs_manual_grade and grade.manual_score is None)
    return Mark(grade.score or 0.0, grade.max_score, grade.extra_credit or 0.0, waits)
