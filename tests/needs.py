"""What some tests need of the machine: present, or the test is skipped with a sentence, or it fails.

`LABKIT_REQUIRE=1` (continuous integration, `.ci/run`) turns each skip into a failure, so that none vanishes silently.
"""

import os
import shutil
import subprocess
from typing import NoReturn

import pytest

from labkit.environment.doctor import SANDBOX, find_browser
from labkit.environment.machine import compilers
from labkit.parallel.hardware import network


def missing(sentence: str) -> NoReturn:
    """Skip the test with this sentence; under LABKIT_REQUIRE, fail it."""
    if os.environ.get("LABKIT_REQUIRE"):
        pytest.fail(f"{sentence} LABKIT_REQUIRE is set, so this is a failure.", pytrace=False)
    pytest.skip(sentence)


def needs_browser() -> str:
    """The path of the system's Chromium or Chrome."""
    return find_browser() or missing("No Chromium or Chrome on this machine: the browser test is skipped.")


def needs_sandbox() -> str:
    """The path of a bubblewrap that really works."""
    path = shutil.which("bwrap")
    if not path or subprocess.run([path, *SANDBOX], capture_output=True).returncode:
        missing("No bubblewrap (bwrap) that works on this machine: the sandbox test is skipped.")
    return path


def needs_compiler() -> str:
    """The path of a C++ compiler."""
    return next(iter(compilers()), None) or missing("No C++ compiler on this machine: the test is skipped.")


def needs_own_network() -> None:
    """Ranks with a network of their own. A system gives it or not, and nothing that is installed changes that."""
    if reason := network.why_not():
        pytest.skip(reason)
