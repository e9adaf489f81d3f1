"""`labkit course grade`: judges all submissions of an assignment, and books what they earned.

One bad submission stops no other. What is judged already is not judged again, so that an interrupted run goes on where
it was. A regrade (the plan has changed, or `again`) whose points differ waits until it is accepted.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from tqdm import tqdm

from labkit.course.assigned import assigned, digest
from labkit.course.book import Book
from labkit.course.handed import Handed, read_folder
from labkit.course.kept import Shelf, remarks_of, seconds_late, time_of
from labkit.course.record import UNSAFE, Record, Records, environment
from labkit.course.room import Course, surroundings
from labkit.course.rows import late, stamp, table
from labkit.course.trouble import students_of
from labkit.environment.machine import usable_cores
from labkit.grading.cohort import REFERENCE, Case, judge
from labkit.grading.judge.hearing import Judgment
from labkit.grading.judge.plan import Plan
from labkit.grading.sandbox import Protection, find

JUDGE = f"labkit {environment()['labkit']}"
WORST = ("unreadable", "refused", "timeout", "partial", "graded")
ACCEPT = "--accept keeps it, --discard leaves the grade as it is"


@dataclass
class Grade:
    """What one submission got. Status: graded, partial, timeout, refused or unreadable."""

    student: str
    score: float
    max_score: float
    status: str
    reason: str = ""
    seconds: float = 0.0
    time: str = ""
    late_s: float = 0.0
    earlier: int = 0


@dataclass
class Work:
    """One student's submission on its way. `missing`: why notebooks of the assignment are not there."""

    student: str
    time: datetime | None
    submission: str
    seed: int
    missing: dict[str, Judgment] = field(default_factory=dict)
    judged: dict[str, Judgment] = field(default_factory=dict)


def grade(
    course: Course, assignment: str, jobs: int = 0, unsafe: bool = False, again: bool = False, settle: str = ""
) -> dict:
    """Grade what was collected, into the course's gradebook. `settle`: "accept" or "discard" regrades that wait."""
    began = time.perf_counter()
    with surroundings():
        round_ = Round(course.api(), assignment)
        kind = (
            round_.settle(settle == "accept") if settle else round_.judge(jobs or usable_cores().count, unsafe, again)
        )
        grades = round_.grades()
    return {
        "assignment": assignment,
        "seconds": round(time.perf_counter() - began, 2),
        "judge": f"{JUDGE}, {kind.kind}: {kind.how}" if kind else JUDGE,
        "remarks": round_.remarks,
        "submissions": [asdict(one) for one in grades],
    }


class Round:
    """One run over an assignment's submissions."""

    def __init__(self, api: NbGraderAPI, assignment: str) -> None:
        self.api, self.assignment = api, assignment
        self.students = students_of(api, assignment)
        self.shelf = Shelf(api, assignment)
        self.records = Records(Path(api.coursedir.root), assignment)
        self.book = Book(api, assignment)
        self.remarks: list[str] = []
        with api.gradebook as gradebook:
            self.booked = {one.student.id for one in gradebook.assignment_submissions(assignment)}

    def judge(self, jobs: int, unsafe: bool, again: bool) -> Protection | None:
        """Judge what is not judged yet, or (`again`) everything. Returns how student code was held, where any ran."""
        self.task = assigned(self.api, self.assignment)
        due = [work for student in self.students if (work := self._look(student, again))]
        with tqdm(total=len(due), desc="grading", leave=False, disable=None) as progress:
            due = [work for work in due if not self._settled(work, progress, "")]
            if not due:
                return None
            held = find(unsafe)
            for case, judgment in judge(self._cases(due), self.task.plans.values(), self.task.files, held, jobs):
                if case.student == REFERENCE:
                    self.remarks += shortfall(case.plan, judgment)
                    continue
                work = next(one for one in due if one.student == case.student)
                work.judged[case.plan.notebook] = judgment
                self._settled(work, progress, held.kind)
        return held

    def settle(self, accept: bool) -> None:
        """Keep the regrades that wait, or forget them."""
        for student in self.students:
            waiting = self.records.read(student, waiting=True)
            if waiting.status and accept:
                self._keep(student, time_of(self.shelf.newest(student)), waiting)
            self.records.forget_waiting(student)

    def grades(self) -> list[Grade]:
        """Everybody's grade as it is booked."""
        with self.api.gradebook as gradebook:
            return [self._as_booked(gradebook, student) for student in self.students]

    def _look(self, student: str, again: bool) -> Work | None:
        """What there is to judge of a student's submission; None where that is done."""
        handed = self._handed(student)
        submission = digest(handed.files)
        record = self.records.read(student)
        is_same = (record.submission, record.plan) == (submission, self.task.digest)
        if is_same and not again and student in self.booked:
            return None
        seed = int(digest({self.assignment: student.encode()})[:8], 16)
        work = Work(student, time_of(self.shelf.newest(student)), submission, seed)
        for name in self.task.plans:
            if f"{name}.ipynb" not in handed.files:
                why = "; ".join([f"there is no {name}.ipynb in the submission", *handed.remarks])
                refused = any(remark.startswith(f"{name}.ipynb ") for remark in handed.remarks)
                work.missing[name] = Judgment("refused" if refused else "unreadable", why)
        return work

    def _handed(self, student: str) -> Handed:
        folder = self.shelf.newest(student)
        handed = read_folder(folder, student)
        handed.remarks += remarks_of(folder)
        return handed

    def _cases(self, due: list[Work]) -> Iterator[Case]:
        """One notebook after the other; files are read when their turn has come."""
        for work in due:
            files = self._handed(work.student).files
            beside = {
                name: content for name, content in files.items() if not name.endswith(".ipynb") and "\\" not in name
            }
            for name, plan in self.task.plans.items():
                if name not in work.missing:
                    yield Case(work.student, plan, files.get(f"{name}.ipynb", b""), beside, self.task.files, work.seed)

    def _settled(self, work: Work, progress: tqdm, protection: str) -> bool:
        """Record and book a submission, when its last notebook is judged."""
        if len(work.missing) + len(work.judged) < len(self.task.plans):
            return False
        record, before = self._record(work, protection), self.records.read(work.student)
        if before.submission == record.submission and before.changes(record) and work.student in self.booked:
            self.records.write(work.student, record, waiting=True)
        else:
            self._keep(work.student, work.time, record)
        progress.update()
        return True

    def _record(self, work: Work, protection: str) -> Record:
        everything = {**work.judged, **work.missing}
        said = [
            f"{name}: {one.reason}" if len(everything) > 1 else one.reason
            for name, one in everything.items()
            if one.reason
        ]
        return Record(
            status=min((one.status for one in everything.values()), key=WORST.index),
            reason="; ".join([*said, *([UNSAFE] if protection == "unsafe" else [])]),
            judge=JUDGE,
            protection=protection,
            time=stamp(work.time),
            submission=work.submission,
            plan=self.task.digest,
            seed=work.seed,
            seconds=round(sum(one.seconds for one in work.judged.values()), 3),
            points={name: one.points for name, one in work.judged.items()},
            environment=environment(),
            notebooks={name: one.notebook for name, one in work.judged.items() if one.notebook},
        )

    def _keep(self, student: str, when: datetime | None, record: Record) -> None:
        """Book a record, then keep it: what is booked without a record is judged again."""
        beside = {name: content for name, content in self._handed(student).files.items() if not name.endswith(".ipynb")}
        self.book.keep(student, when, record.notebooks, beside)
        record.notebooks = {}
        self.records.write(student, record)
        self.booked.add(student)

    def _as_booked(self, gradebook: Gradebook, student: str) -> Grade:
        """A student's grade, with what there is to say about it."""
        when, record = time_of(self.shelf.newest(student)), self.records.read(student)
        submission = gradebook.find_submission(self.assignment, student)
        waiting = sum(
            one.max_score
            for notebook in submission.notebooks
            for one in notebook.grades
            if one.needs_manual_grade and one.manual_score is None
        )
        regrade = self.records.read(student, waiting=True)
        said = [
            record.reason,
            f"{waiting:g} points wait for a person" if waiting else "",
            f"a regrade would change {', '.join(record.changes(regrade))}: {ACCEPT}" if regrade.status else "",
        ]
        return Grade(
            student=student,
            score=round(submission.score, 4),
            max_score=submission.max_score,
            status=record.status,
            reason="; ".join(filter(None, said)),
            seconds=round(record.seconds, 2),
            time=stamp(when),
            late_s=seconds_late(gradebook, self.assignment, student, when),
            earlier=self.shelf.count_earlier(student),
        )


def as_text(result: dict) -> str:
    """The grades as a table."""
    cells = [
        (
            one["student"],
            f"{one['score']:g} / {one['max_score']:g}",
            one["status"],
            one["time"],
            late(one["late_s"]),
            str(one["earlier"] or ""),
            f"{one['seconds']:.1f}",
            one["reason"],
        )
        for one in result["submissions"]
    ]
    head = ("student", "score", "status", "handed in (UTC)", "late by", "earlier", "s", "")
    drawn = table(head, cells, right=("score", "s"))
    end = f"{len(cells)} submissions in {result['seconds']:.0f} s. {result['judge']}."
    return "\n".join([drawn, *result["remarks"], end])


def shortfall(plan: Plan, judgment: Judgment) -> list[str]:
    """A sentence for the instructor where the reference itself does not earn everything."""
    lost = [cell.id for cell in plan.cells if cell.kind == "test" and judgment.points.get(cell.id, 0.0) < cell.points]
    if not lost:
        return []
    why = f" ({judgment.reason})" if judgment.reason else ""
    return [f"LOOK: the reference of {plan.notebook} itself does not earn all points of {', '.join(lost)}{why}."]
