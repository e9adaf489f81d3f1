"""The lab as a student opens it: JupyterLab in a browser, answers typed in, Run All Cells, no error."""

import json
import os
import tomllib
from pathlib import Path

import pytest

from labkit.home import course
from tests.browser import lab_page as hands
from tests.browser.lab_answers import answered
from tests.needs import needs_browser

NAME = "00_questions"
SERVER_EXTENSIONS = ("assignment_list", "course_list", "formgrader", "validate_assignment")


def test_lab_00_runs_to_its_end_with_answers_typed_in(tmp_path):
    browser = needs_browser()
    notebooks = course() / "notebooks"
    if not (notebooks / f"{NAME}.ipynb").exists():
        pytest.fail(f"{NAME}.ipynb is not built: labkit notebooks --fix")
    answers = tomllib.loads((notebooks / "example_student.toml").read_text(encoding="utf-8"))[NAME]
    pictures = Path(os.environ.get("LABKIT_SCREENSHOTS", tmp_path / "pictures"))
    run_lab(browser, tmp_path / "home", answers, pictures)


def test_a_small_lab_stops_at_the_first_open_answer_and_runs_once_it_is_there(tmp_path, small_course):
    browser = needs_browser()
    answers = tomllib.loads((small_course / "notebooks" / "example_student.toml").read_text(encoding="utf-8"))[NAME]

    def stops(page):
        hands.run_all(page)
        page.wait_for_selector("text=Predict first", timeout=60_000)
        assert page.locator("text=Traceback").count() == 0
        assert page.locator("text=1.69 MB").count() == 0, "the measurement was shown before the prediction"

    env = {"LABKIT_COURSE": str(small_course)}
    run_lab(browser, tmp_path / "home", answers, tmp_path / "pictures", first=stops, **env)


def run_lab(browser: str, home: Path, answers: dict, pictures: Path, first=None, **env: str) -> None:
    """Open the lab, do `first`, type the answers, run everything; the page then saves every output and no error."""
    file = home / "notebooks" / f"{NAME}.ipynb"
    pictures.mkdir(parents=True, exist_ok=True)
    with hands.lab(home, **env) as url, hands.chromium(browser, url) as page:
        page.wait_for_timeout(2500)  # a pop-up would have come by now
        assert page.locator(".jp-Dialog").count() == 0, "a dialog waits for the student"
        assert page.locator(".Toastify__toast").count() == 0, "a pop-up greets the student"
        assert page.locator(".jp-CodeCell .cm-lineWrapping").count(), "a long sentence runs out of its cell"
        if first:
            first(page)
        _type_answers(page, file, answers)
        hands.run_all(page)
        hands.wait_until_idle(page, url, seconds=600)
        hands.take_screenshots(page, pictures)
        stored = [cell for cell in hands.save(page, file)["cells"] if cell["cell_type"] == "code"]
    errors = [output for cell in stored for output in cell["outputs"] if output["output_type"] == "error"]
    assert not errors, errors
    assert all(cell["execution_count"] for cell in stored), "not every cell was executed"
    _check_extensions(home)


def _type_answers(page, file: Path, answers: dict) -> None:
    for number, cell in enumerate(json.loads(file.read_text(encoding="utf-8"))["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and (typed := answered(source, answers)) != source:
            hands.type_into(page, number, typed)


def _check_extensions(home: Path) -> None:
    log = (home / "jupyter" / "server.log").read_text(encoding="utf-8")
    loaded = [name for name in SERVER_EXTENSIONS if f"{name} | extension was successfully loaded" in log]
    assert loaded == list(SERVER_EXTENSIONS), "nbgrader's extensions are not enabled"
