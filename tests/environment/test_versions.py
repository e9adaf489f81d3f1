"""One source of versions: pyproject, requirements.lock and environment.yml agree."""

import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from labkit.environment import lock as locking

ROOT = Path(__file__).resolve().parents[2]
LINES = (ROOT / "requirements.lock").read_text().splitlines()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Every platform of the course, as markers see it.
WORLDS = [
    {"sys_platform": system, "platform_system": name, "platform_machine": machine, "python_version": python}
    | {"python_full_version": full, "os_name": "posix", "platform_python_implementation": "CPython"}
    | {"implementation_name": "cpython"}
    for system, name, machine in [
        ("linux", "Linux", "x86_64"),
        ("linux", "Linux", "aarch64"),
        ("darwin", "Darwin", "arm64"),
    ]
    for python, full in [("3.11", "3.11.2"), ("3.11", "3.11.9"), ("3.12", "3.12.1"), ("3.13", "3.13.0")]
]


def direct():
    groups = [PYPROJECT["project"]["dependencies"], *PYPROJECT["dependency-groups"].values()]
    return [Requirement(text) for group in groups for text in group]


def pinned(world):
    """name -> version of what the lock installs in a world."""
    here = [Requirement(line) for line in LINES]
    here = [one for one in here if one.marker is None or one.marker.evaluate(world)]
    assert len(here) == len({one.name for one in here}), "two versions of a package in one environment"
    return {canonicalize_name(one.name): next(iter(one.specifier)).version for one in here}


@pytest.mark.parametrize("line", LINES)
def test_every_line_is_an_exact_pin_with_no_url(line):
    requirement = Requirement(line)
    assert requirement.url is None
    assert "://" not in line
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    assert "*" not in specifier.version


@pytest.mark.parametrize(
    "world", WORLDS, ids=lambda w: f"{w['sys_platform']}-{w['platform_machine']}-{w['python_full_version']}"
)
def test_every_direct_dependency_is_pinned_everywhere(world):
    versions = pinned(world)
    for requirement in direct():
        if requirement.name != "torch":
            assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])


def test_torch_is_apart_and_one_version_everywhere():
    (torch,) = [one for one in direct() if one.name == "torch"]
    assert not [line for line in LINES if locking.WITH_TORCH.fullmatch(locking.name_of(line))]
    assert f"torch{torch.specifier}" in pip_section()
    assert len(torch.specifier) == 1
    assert str(torch.specifier).startswith("==")


def pip_section():
    content = yaml.safe_load((ROOT / "environment.yml").read_text())
    (section,) = [entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict)]
    return section


def test_conda_installs_the_lock_and_the_same_pythons():
    assert {"-r requirements.lock", "-e ."} <= set(pip_section())
    content = yaml.safe_load((ROOT / "environment.yml").read_text())
    (python,) = [entry for entry in content["dependencies"] if str(entry).startswith("python ")]
    assert python.split()[1] == PYPROJECT["project"]["requires-python"]
    # No version of its own: whatever else conda or pip installs comes from the lock.
    assert [entry for entry in pip_section() if "==" in entry] == ["torch==2.13.0"]


def test_what_only_torch_brings_is_dropped_unless_asked_for():
    lines = ["numba==1", "torch==2", "nvidia-cublas==1 ; sys_platform == 'linux'", "nvidia-cuda-nvcc==1", "triton==3"]
    assert locking.without_torch(lines, {"torch", "nvidia-cuda-nvcc"}) == ["numba==1", "nvidia-cuda-nvcc==1"]


def test_the_build_backend_is_pinned():
    for text in PYPROJECT["build-system"]["requires"]:
        assert str(Requirement(text).specifier).startswith("==")
