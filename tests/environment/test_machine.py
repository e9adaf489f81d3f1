"""What platforms lack: each fallback, reached by taking the thing away."""

import os
import resource
import subprocess
import sys

import psutil
import pytest

from labkit.environment import machine

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="This is what Linux alone offers.")


@on_linux
def test_private_memory_is_pss_and_sees_an_allocation():
    before = machine.private_memory_mb()
    block = bytearray(os.urandom(1)) * 50_000_000
    after = machine.private_memory_mb()
    assert after.method == "PSS"
    assert after.megabytes - before.megabytes == pytest.approx(len(block) / 1e6, abs=10)


def test_without_smaps_memory_is_uss(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "PROC", tmp_path)
    found = machine.private_memory_mb(os.getpid())
    assert found.method == "USS"
    assert 1 < found.megabytes < 10_000


def test_without_uss_memory_is_rss(monkeypatch, tmp_path):
    def denied(process):
        raise psutil.AccessDenied

    monkeypatch.setattr(machine, "PROC", tmp_path)
    monkeypatch.setattr(psutil.Process, "memory_full_info", denied)
    found = machine.private_memory_mb()
    assert found.method == "RSS"
    assert found.megabytes == pytest.approx(psutil.Process().memory_info().rss / 1e6, rel=0.1)


@on_linux
def test_a_memory_limit_holds():
    code = """
from labkit.environment import machine
assert machine.limit_memory(200_000_000) == machine.MemoryLimit(True, "RLIMIT_DATA")
bytearray(50_000_000)
try:
    bytearray(400_000_000)
except MemoryError:
    print("held")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "held\n", done.stderr


def test_without_rlimit_data_it_says_that_nothing_is_limited(monkeypatch):
    monkeypatch.delattr(resource, "RLIMIT_DATA")
    found = machine.limit_memory(1)  # one byte: had it limited anything, this process would be gone
    assert (found.limited, found.method) == (False, "none")
    assert "memory is not limited" in found.remark


def test_on_a_mac_nothing_is_limited(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not machine.limit_memory(1).limited


def test_a_limit_that_the_system_refuses_is_reported(monkeypatch):
    def refuse(which, limits):
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert "not allowed to raise" in machine.limit_memory(1).remark


@on_linux
def test_cores_follow_the_affinity(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "CGROUP_CPU", tmp_path / "none")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5, 3, 4})
    assert machine.usable_cores() == machine.Cores(3, "affinity", (3, 4, 5))


@pytest.mark.parametrize(
    ("text", "count", "method"),
    [("150000 100000", 1, "container quota"), ("50000 100000", 1, "container quota"), ("max 100000", 4, "affinity")],
)
def test_cores_follow_a_containers_quota(monkeypatch, tmp_path, text, count, method):
    (tmp_path / "cpu.max").write_text(text + "\n")
    monkeypatch.setattr(machine, "CGROUP_CPU", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    found = machine.usable_cores()
    assert (found.count, found.method) == (count, method)


def test_without_affinity_cores_are_those_of_the_machine(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert machine.usable_cores() == machine.Cores(os.cpu_count(), "cpu_count")


@on_linux
def test_pinning_holds_in_this_process_only():
    code = """
import os
from labkit.environment import machine
pin = machine.pin_to_core(1)
assert pin.pinned and os.sched_getaffinity(0) == {pin.core}, pin
print(machine.usable_cores().count)
"""
    before = os.sched_getaffinity(0)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr
    assert os.sched_getaffinity(0) == before


def test_without_affinity_pinning_says_that_it_cannot(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    found = machine.pin_to_core(0)
    assert (found.pinned, found.method, found.core) == (False, "none", None)
    assert "cannot pin" in found.remark


@on_linux
def test_processes_are_forked():
    assert machine.start_method() == machine.StartMethod("fork")


@pytest.mark.parametrize("lack", ["fork", "linux"])
def test_without_a_safe_fork_processes_are_spawned(monkeypatch, lack):
    if lack == "fork":
        monkeypatch.delattr(os, "fork")
    else:
        monkeypatch.setattr(sys, "platform", "darwin")
    found = machine.start_method()
    assert found.name == "spawn"
    assert "importable" in found.remark


@pytest.mark.parametrize(("text", "limited"), [("1000000000\n", True), ("max\n", False)])
def test_a_containers_memory_limit_is_seen(monkeypatch, tmp_path, text, limited):
    (tmp_path / "memory.max").write_text(text)
    monkeypatch.setattr(machine, "CGROUP_MEMORY", (tmp_path / "none", tmp_path / "memory.max"))
    expected = 1_000_000_000 if limited else psutil.virtual_memory().total
    assert machine.memory_limit_bytes() == expected
