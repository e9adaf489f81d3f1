"""Runs attacks through a grader: `stock`, nbgrader's own autograde, or `judge`, whatever `labkit course grade` is."""

from dataclasses import dataclass

from labkit.course.grade import grade
from tests.attacks.attack import Attack
from tests.attacks.cohort import Cohort
from tests.attacks.course import NAME


@dataclass(frozen=True)
class Row:
    """What a grader gave."""

    attack: Attack
    score: float | None  # None: it gave no grade
    status: str = ""
    remark: str = ""
    seconds: float = 0.0

    @property
    def gained(self) -> bool:
        """Whether it got more than it earned."""
        return (self.score or 0.0) > self.attack.earns

    @property
    def fair(self) -> bool:
        """Whether it got what it earned."""
        low = 0.0 if self.attack.at_most else self.attack.earns
        return self.score is not None and low <= self.score <= self.attack.earns


def run(grader: str, attacks: list[Attack], cohort: Cohort | None = None, jobs: int = 2) -> list[Row]:
    """Grade attacks: each alone, or (judge) all of a cohort that was handed in."""
    if grader == "stock":
        from tests.attacks.stock import graded

        return [graded(attack) for attack in attacks]
    result = grade(cohort.course, NAME, jobs)
    given = {one["student"]: one for one in result["submissions"]}
    return [_row(attack, given.get(attack.name)) for attack in attacks]


def _row(attack: Attack, given: dict | None) -> Row:
    if given is None:
        return Row(attack, None, "missing")
    return Row(attack, given["score"], given["status"], given["reason"], given["seconds"])
