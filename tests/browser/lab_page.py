"""JupyterLab in Chromium, as a student's hands use it."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

# Without these Chromium asks its maker's servers for updates; a container has neither a sandbox nor a GPU for it.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@contextlib.contextmanager
def lab(folder: Path, **env: str) -> Iterator[str]:
    """`labkit lab --no-browser --port 0` with the student's folder `folder`. Yields the URL that it prints."""
    command = [sys.executable, "-m", "labkit.cli", "lab", "--no-browser", "--port", "0"]
    process = subprocess.Popen(
        command, env={**os.environ, "LABKIT_HOME": str(folder), **env}, stdout=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/\S+", line)
        assert found, f"labkit lab printed no URL but {line!r}"
        yield found[0]
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@contextlib.contextmanager
def chromium(program: str, url: str) -> Iterator[Page]:
    """A page of the system's Chromium at this URL, at a laptop's size."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.goto(url)
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        page.wait_for_selector("#jp-main-statusbar >> text=/ \\| Idle/", timeout=60_000)  # the kernel is there
        yield page
        browser.close()


def ask(url: str, path: str):
    """What the server answers to an API path, with the token of its URL."""
    base, token = re.match(r"(http://[^/]+)/.*token=(\S+)", url).groups()
    request = urllib.request.Request(f"{base}{path}", headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def wait_until_idle(page: Page, url: str, seconds: float) -> None:
    """Wait until the one kernel has nothing to do, twice in a row."""
    until, idle = time.monotonic() + seconds, 0
    while idle < 2:
        assert time.monotonic() < until, f"the kernel is still busy after {seconds:.0f} s"
        page.wait_for_timeout(700)  # not time.sleep: the page's events must go on
        kernels = ask(url, "/api/kernels")
        busy = page.locator(".jp-Notebook .jp-InputPrompt", has_text="[*]").count()
        idle = idle + 1 if kernels and kernels[0]["execution_state"] == "idle" and not busy else 0


def type_into(page: Page, number: int, source: str) -> None:
    """Replace the source of a cell (counted from 0, over all cells) by typing."""
    cells = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")  # of the tab in front
    editor = cells.nth(number).locator(".cm-content")
    editor.scroll_into_view_if_needed()
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)


def run_all(page: Page) -> None:
    """Run > Run All Cells; an exact match, for there is "Restart Kernel and Run All Cells" too."""
    page.locator(".lm-MenuBar-itemLabel:text-is('Run')").click()
    page.locator(".lm-Menu-itemLabel:text-is('Run All Cells')").click()


def save(page: Page, file: Path) -> dict:
    """Save the notebook, and return what its file then holds."""
    before = file.stat().st_mtime_ns
    page.keyboard.press("Control+s")
    for _ in range(100):
        if file.stat().st_mtime_ns != before:
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(300)
    return json.loads(file.read_text(encoding="utf-8"))


def take_screenshots(page: Page, folder: Path) -> list[Path]:
    """The top, the middle and the end of the notebook at a laptop's and a projector's size."""
    files = []
    for width, height in ((1366, 768), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        for place, share in (("top", 0.0), ("middle", 0.5), ("end", 1.0)):
            cells = page.locator(".jp-Notebook .jp-Cell")
            cell = cells.nth(round(share * (cells.count() - 1)))
            for _ in range(3):  # cells get their true height when they come into sight, and move what is below
                cell.evaluate("cell => cell.scrollIntoView({block: 'center'})")
                page.wait_for_timeout(500)
            files.append(folder / f"lab_{width}x{height}_{place}.png")
            page.screenshot(path=files[-1])
    return files
