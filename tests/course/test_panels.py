"""nbgrader's panels in `labkit lab` and nbgrader's own command find the same course as `labkit course`."""

import getpass
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

from labkit.course import collect, exchange, grade


def test_the_panels_find_the_course_and_the_grades(one_person):
    exchange.fetch(one_person, "ps00")
    exchange.submit(one_person, "ps00")
    collect.collect(one_person, "ps00")
    grade.grade(one_person, "ps00")
    command = [sys.executable, "-m", "labkit.cli", "lab", "--no-browser", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        base, token = re.search(r"(http://127.0.0.1:\d+)\S+\?token=(\S+)", process.stdout.readline()).groups()

        def get(path: str) -> str:
            request = urllib.request.Request(f"{base}{path}", headers={"Authorization": f"token {token}"})
            return urllib.request.urlopen(request).read().decode()

        listed = json.loads(get("/assignments?course_id=ml-systems"))
        assert listed["success"], listed
        assert [one["status"] for one in listed["value"]] == ["fetched", "submitted"]
        assert listed["value"][0]["path"] == "ps00"
        [assignment] = json.loads(get("/formgrader/api/assignments"))
        assert (assignment["name"], assignment["num_submissions"], assignment["max_score"]) == ("ps00", 1, 7)
        assert assignment["source_path"]
        [submission] = json.loads(get("/formgrader/api/submissions/ps00"))
        assert (submission["student"], submission["autograded"]) == (getpass.getuser(), True)
        [notebook] = json.loads(get("/formgrader/api/submitted_notebooks/ps00/ps00"))
        assert "double-one" in get(f"/formgrader/submissions/{notebook['id']}/")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_nbgraders_own_command_reads_the_same_settings(one_person, small_course, tmp_path):
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", "ps00", "--force"]
    folder = small_course / "assignments"
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PATH": path})
    assert done.returncode == 0, done.stderr
    assert not (folder / "release").exists()
    assert (tmp_path / "home" / "notebooks" / "grading" / "release" / "ps00" / "ps00.ipynb").exists()
