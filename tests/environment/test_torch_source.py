"""Where torch comes from, as a plan that is tested with nothing downloaded."""

import stat

from labkit.environment import torch_source
from labkit.environment.torch_source import CPU_INDEX, sources


def is_cuda(source):
    """PyPI's build for Linux: asked for with no local version, from an index."""
    return source.arguments[-1] == "torch==2.13.0" and "--no-index" not in source.arguments


def test_linux_tries_pips_own_configuration_first_and_cuda_last():
    plan = sources("2.13.0", "linux", driver=False)
    assert [is_cuda(source) for source in plan] == [False, False, False, True]
    assert "--index-url" not in plan[0].arguments + plan[1].arguments
    assert plan[2].arguments[-3:] == ("--index-url", CPU_INDEX, "torch==2.13.0+cpu")


def test_cuda_never_comes_without_a_sentence_on_its_size():
    for driver in (False, True):
        for wish in ("", "cpu", "cuda"):
            for source in sources("2.13.0", "linux", driver, wish):
                assert ("3 GB" in source.announce) == is_cuda(source)
                assert (source.needs_gb > 5) == is_cuda(source)


def test_a_driver_brings_cuda_before_the_cpu_builds():
    plan = sources("2.13.0", "linux", driver=True)
    assert [is_cuda(source) for source in plan] == [False, True, False, False]


def test_a_wish_is_obeyed():
    assert not any(map(is_cuda, sources("2.13.0", "linux", True, "cpu")))
    assert all(map(is_cuda, sources("2.13.0", "linux", False, "cuda")))


def test_a_mac_takes_the_plain_wheel_in_silence():
    (only,) = sources("2.13.0", "darwin", driver=False)
    assert only.arguments == ("torch==2.13.0",)
    assert not only.announce


def test_the_driver_is_found_by_its_tool(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(tool.stat().st_mode | stat.S_IEXEC)
    assert torch_source.has_nvidia_driver()


def test_the_first_source_that_has_it_ends_the_search(clone):
    clone.build({"when": ["--no-index"], "status": 1, "say": "No matching distribution found for torch==2.13.0"})
    torch = [call for call in clone.calls() if "torch==" in call]
    assert len(torch) == 2
    assert torch[1].endswith("torch==2.13.0+cpu")


def test_cuda_torch_gets_its_libraries_under_the_locks_constraints(clone):
    wheel = {"torch-2.13.0.dist-info/METADATA": "Name: torch\nRequires-Dist: nvidia-cudnn-cu13==9; platform_system"}
    status, text = clone.build({"when": ["--no-deps", "torch=="], "write": wheel}, arguments=("--torch", "cuda"))
    assert status == 0
    assert "about 3 GB" in text
    libraries = clone.calls()[1]
    assert libraries.endswith("requirements.lock torch==2.13.0")
    assert "--no-deps" not in libraries


def test_a_torch_that_is_there_is_not_fetched_again(clone):
    clone.build({"when": ["torch=="], "write": {"torch-2.13.0+cpu.dist-info/METADATA": "Name: torch\n"}})
    (clone.root / "requirements.lock").write_text("tqdm==4.70.0\n")
    before = len(clone.calls())
    assert clone.build()[0] == 0
    assert not any("torch==" in call for call in clone.calls()[before:])
