"""Books judgments into nbgrader's own gradebook and folders, by nbgrader's own rules, so that its formgrader, manual
grading, late penalties, feedback and export find what they always find."""

import os
import shutil
from datetime import datetime
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades


class Book:
    """One assignment's page of the gradebook."""

    def __init__(self, api: NbGraderAPI, assignment: str) -> None:
        self.api, self.assignment = api, assignment
        self.save = SaveAutoGrades(config=api.config)
        self.penalise = AssignLatePenalties(config=api.config)

    def begin(self, gradebook: Gradebook, student: str, time: datetime | None) -> None:
        """Make sure that the gradebook knows the student and the submission."""
        gradebook.update_or_create_student(student)
        known = {"timestamp": time.replace(tzinfo=None)} if time else {}
        gradebook.update_or_create_submission(self.assignment, student, **known)

    def keep(self, student: str, time: datetime | None, notebooks: dict[str, str], beside: dict[str, bytes]) -> None:
        """Book these graded notebooks; every other notebook of the assignment gets 0, as with nbgrader.

        `beside`: the files that lay beside them, for whoever looks at the work in the formgrader.
        """
        with self.api.gradebook as gradebook:
            self.begin(gradebook, student, time)
            for one in gradebook.find_submission(self.assignment, student).notebooks:
                if one.name not in notebooks:
                    for grade in one.grades:
                        grade.auto_score, grade.needs_manual_grade = 0, False
                    one.late_submission_penalty = None
            gradebook.db.commit()
        for name, text in notebooks.items():
            self._book(student, name, text)
        said = {"timestamp.txt": time.strftime("%Y-%m-%d %H:%M:%S.%f UTC").encode()} if time else {}
        self._write(student, notebooks, {**beside, **said})

    def _book(self, student: str, name: str, text: str) -> None:
        whose = {
            "notebook": name,
            "assignment": self.assignment,
            "student": student,
            "db_url": self.api.coursedir.db_url,
        }
        notebook = nbformat.reads(text, as_version=4)
        for step in (self.save, self.penalise):
            step.preprocess(notebook, {"nbgrader": whose})

    def _write(self, student: str, notebooks: dict[str, str], beside: dict[str, bytes]) -> None:
        """`autograded/`, whole or not at all; nothing there where nothing could be graded."""
        coursedir = self.api.coursedir
        step = coursedir.autograded_directory
        folder = Path(coursedir.format_path(step, student, self.assignment))
        shutil.rmtree(folder, ignore_errors=True)
        if not notebooks:
            return
        fresh = folder.with_name(f".{folder.name}.{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        graded = {f"{name}.ipynb": text.encode() for name, text in notebooks.items()}
        for name, content in {**beside, **graded}.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o664 if coursedir.groupshared else 0o644)
        os.rename(fresh, folder)
