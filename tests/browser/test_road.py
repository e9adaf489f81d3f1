"""The road of a problem set in the browser: fetch, solve, validate, submit; then the grade and the rubric."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from labkit.home import course
from tests.browser import lab_page as hands
from tests.needs import needs_browser


def test_ps00_is_fetched_solved_validated_submitted_and_graded(tmp_path):
    browser, home = needs_browser(), tmp_path / "home"
    pictures = Path(os.environ.get("LABKIT_SCREENSHOTS", tmp_path / "pictures"))
    pictures.mkdir(parents=True, exist_ok=True)
    labkit(home, "course", "release", "ps00")
    with hands.lab(home) as url, hands.chromium(browser, url) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        fetch_and_open(page, pictures)
        solve(page, home / "notebooks" / "ps00" / "ps00.ipynb")
        validate(page, pictures)
        submit(page, pictures)
        labkit(home, "course", "collect", "ps00")
        graded = json.loads(labkit(home, "course", "grade", "ps00", "--json"))
        (grade,) = graded["submissions"]
        assert (grade["status"], grade["score"]) == ("graded", autograded_points())
        look_at_the_grade(page, url, pictures)


def labkit(home: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "labkit.cli", *arguments]
    done = subprocess.run(command, env={**os.environ, "LABKIT_HOME": str(home)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def reference() -> list[dict]:
    """The cells of the source, solutions and all."""
    source = course() / "assignments" / "source" / "ps00" / "ps00.ipynb"
    return json.loads(source.read_text(encoding="utf-8"))["cells"]


def marks(cell: dict) -> dict:
    return cell["metadata"].get("nbgrader", {})


def autograded_points() -> float:
    return sum(
        marks(cell)["points"] for cell in reference() if marks(cell).get("grade") and cell["cell_type"] == "code"
    )


def menu(page, item: str) -> None:
    page.locator(".lm-MenuBar-itemLabel:text-is('Nbgrader')").click()
    page.locator(f".lm-Menu-itemLabel:text-is('{item}')").click()


def fetch_and_open(page, pictures: Path) -> None:
    menu(page, "Assignment List")
    page.locator("button:text-is('Fetch')").click()
    downloaded = page.locator("#fetched_assignments_list")
    downloaded.get_by_text("ps00", exact=True).first.click()  # opens the list of its notebooks
    page.screenshot(path=pictures / "road_1_fetched.png")
    page.get_by_text("ps00", exact=True).last.click()
    page.wait_for_selector(".lm-TabBar-tabLabel:text-is('ps00.ipynb')", timeout=30_000)
    page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) h1:has-text('Problem set 00')", timeout=30_000)


def solve(page, file: Path) -> None:
    """Type the reference into every cell that asks for an answer, and save."""
    answers = {
        marks(cell)["grade_id"]: "".join(cell["source"])
        for cell in reference()
        if marks(cell).get("solution") and cell["cell_type"] == "code"
    }
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    for number, cell in enumerate(cells):
        name = marks(cell).get("grade_id")
        if name in answers:
            assert "NotImplementedError" in "".join(cell["source"]), f"{name} was released with its solution"
            hands.type_into(page, number, answers.pop(name))
    assert not answers, f"not released: {sorted(answers)}"
    hands.save(page, file)


def validate(page, pictures: Path) -> None:
    page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Toolbar").get_by_text("Validate", exact=True).click()
    page.wait_for_selector("text=/Success! Your notebook passes all the tests/", timeout=120_000)
    page.screenshot(path=pictures / "road_2_validated.png")
    page.locator(".jp-Dialog button").first.click()


def submit(page, pictures: Path) -> None:
    page.locator(".lm-TabBar-tabLabel:text-is('Assignments')").click()
    page.locator("#fetched_assignments_list button:text-is('Submit')").click()
    page.wait_for_selector("#submitted_assignments_list >> text=ps00", timeout=30_000)
    page.screenshot(path=pictures / "road_3_submitted.png")


def look_at_the_grade(page, url: str, pictures: Path) -> None:
    """Formgrader's page of the submission: the score of the tests, and the rubric where a person grades."""
    (notebook,) = hands.ask(url, "/formgrader/api/submitted_notebooks/ps00/ps00")
    base, token = re.match(r"(http://[^/]+)/.*token=(\S+)", url).groups()
    page.goto(f"{base}/formgrader/submissions/{notebook['id']}/?token={token}")
    rubric = page.get_by_text(re.compile("MARK SCHEME")).first
    rubric.wait_for(timeout=30_000)
    rubric.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    page.screenshot(path=pictures / "road_4_rubric.png")
    page.goto(f"{base}/formgrader/gradebook/ps00/?token={token}")
    page.wait_for_selector("text=ps00", timeout=30_000)
    page.wait_for_timeout(1000)
    page.screenshot(path=pictures / "road_5_gradebook.png")
