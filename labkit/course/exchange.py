"""The instructor releases, the student fetches and submits: nbgrader's own exchange."""

from datetime import UTC, datetime
from pathlib import Path

from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import GenerateAssignment
from nbgrader.utils import get_username, parse_utc

from labkit.course import shelf
from labkit.course.room import Course, surroundings
from labkit.course.rows import Row, stamp
from labkit.course.run import must, step
from labkit.errors import WrongUse
from labkit.home import course as clone


def release(course: Course, assignment: str, due: str = "") -> list[Row]:
    """Make the student's version and put it into the exchange; `due` is kept in the gradebook."""
    if course.folder == clone() / "assignments" and assignment in shelf.stale([]):
        raise WrongUse(f"The notebook of {assignment} is not what its text says: run labkit course build {assignment}.")
    with surroundings():
        api = course.api()
        _source(api, assignment)
        generate(api, assignment)
        if due:
            _keep_due(api, assignment, due)
        api.coursedir.assignment_id = assignment
        app = api.exchange.ReleaseAssignment(coursedir=api.coursedir, authenticator=api.authenticator, parent=api)
        again = (Path(api.exchange_root) / api.course_id / "outbound" / assignment).is_dir()
        problem = step(app, force=True)
    if problem:
        place = Path(api.coursedir.format_path(api.coursedir.release_directory, ".", assignment))
        return [Row("", "made", f"It lies in {place}; there is no exchange to put it into ({problem}).")]
    return [Row("", "released again" if again else "released", "Students fetch it: labkit course fetch " + assignment)]


def generate(api: NbGraderAPI, assignment: str) -> None:
    """Write release/ and the gradebook's entry, as `nbgrader generate_assignment` does."""
    Path(api.coursedir.root).mkdir(parents=True, exist_ok=True)
    api.coursedir.assignment_id = assignment
    must(step(GenerateAssignment(coursedir=api.coursedir, parent=api), force=True))


def fetch(course: Course, assignment: str) -> list[Row]:
    """Give the student the assignment, and feedback that waits. Nothing of theirs is overwritten."""
    with surroundings():
        api = course.api()
        api.coursedir.assignment_id = assignment
        if not (Path(api.exchange_root) / api.course_id / "outbound" / assignment).is_dir():
            raise WrongUse(
                f"{assignment} is not released. You are the instructor too: labkit course release {assignment}."
            )
        own = course.notebooks() / assignment
        had, before = own.is_dir(), _files(own)
        app = api.exchange.FetchAssignment(coursedir=api.coursedir, authenticator=api.authenticator, parent=api)
        must(step(app, replace_missing_files=True, assignment_dir=str(course.notebooks())))
        put = sorted(_files(own) - before)
        status = "fetched" if not had else "put back what was missing" if put else "already there"
        rows = [Row(get_username(), status, f"{own}" if put or not had else f"Nothing in {own} was touched.")]
        return rows + _feedback(api, course, assignment)


def submit(course: Course, assignment: str, student: str = "") -> list[Row]:
    """Hand the student's copy in. Every submission is kept under its own time."""
    with surroundings():
        own = course.notebooks() / assignment
        if not any(own.glob("*.ipynb")):
            raise WrongUse(f"There is no notebook in {own}: labkit course fetch {assignment} puts it there.")
        api = course.api()
        api.coursedir.assignment_id, api.coursedir.student_id = assignment, student or "*"
        app = api.exchange.Submit(coursedir=api.coursedir, authenticator=api.authenticator, parent=api)
        must(step(app, strict=True, assignment_dir=str(course.notebooks())))
        name = student or get_username()
        kept = [path.name for path in (Path(app.cache) / api.course_id).glob(f"{name}+{assignment}+*")]
    time = parse_utc(app.timestamp).replace(tzinfo=UTC)
    return [Row(name, "submitted", time=stamp(time), earlier=len(kept) - 1)]


def _source(api: NbGraderAPI, assignment: str) -> None:
    known = sorted(api.get_source_assignments())
    if assignment not in known:
        raise WrongUse(f"There is no assignment {assignment}. There are: {', '.join(known) or 'none'}.")


def _keep_due(api: NbGraderAPI, assignment: str, due: str) -> None:
    try:
        time = datetime.fromisoformat(due).astimezone(UTC).replace(tzinfo=None)  # without a zone: this machine's
    except ValueError:
        raise WrongUse(f'"{due}" is no time; --due "2026-12-01 23:59" is one.') from None
    with api.gradebook as gradebook:
        gradebook.update_or_create_assignment(assignment, duedate=time)


def _feedback(api: NbGraderAPI, course: Course, assignment: str) -> list[Row]:
    """Fetch feedback, where there is any."""
    if not (Path(api.exchange_root) / api.course_id / "feedback").is_dir():
        return []
    before = _files(course.notebooks() / assignment / "feedback")
    app = api.exchange.FetchFeedback(coursedir=api.coursedir, authenticator=api.authenticator, parent=api)
    problem = step(app, assignment_dir=str(course.notebooks()))
    place = course.notebooks() / assignment / "feedback"
    if problem:
        return [Row(get_username(), "no feedback", problem)]
    return [Row(get_username(), "feedback", str(place / name)) for name in sorted(_files(place) - before)]


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
