"""schemathesis, a judge that knows nothing of this kit, finds nothing against the protocol's description."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.serving import openapi
from labkit.serving.process import running
from tests.needs import needs_compiler
from tests.serving.cpp.conftest import write_model

SANITIZERS = {"asan": "address,undefined", "tsan": "thread"}


def schemathesis(description: dict, url: str, folder: Path, examples: int) -> tuple[int, str]:
    path = folder / "openapi.json"
    path.write_text(json.dumps(description))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(path), "--url", url, "--checks", "all"),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(examples), "--seed", "7", "--no-color"),
        ],
        capture_output=True,
        text=True,
        cwd=folder,  # it keeps a database of what it found
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_schemathesis_finds_nothing(tmp_path, sanitizer):
    needs_compiler()
    directory = write_model(tmp_path / "models")
    with running(directory, "virtual", sanitize=SANITIZERS[sanitizer]) as server:
        status, said = schemathesis(openapi.describe(directory), server.url, tmp_path, 100)
    assert status == 0, said
    assert int(re.search(r"(\d+) generated", said)[1]) > 150


def test_it_would_find_a_wrong_answer(tmp_path):
    """The judge is judged: against a description that promises something else, it finds it."""
    needs_compiler()
    directory = write_model(tmp_path / "models")
    description = openapi.describe(directory)
    description["paths"]["/v2/health/live"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] = {
        "type": "object",
        "required": ["alive"],
    }
    with running(directory, "virtual") as server:
        status, said = schemathesis(description, server.url, tmp_path, 5)
    assert status == 1
    assert "alive" in said
