"""Building the C++ server: what is missing or fails is one sentence, and a second call finds what the first built."""

import pytest

from labkit.errors import WrongUse
from labkit.serving import build
from tests.needs import needs_compiler


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_built_is_found_again():
    needs_compiler()
    first = build.program("virtual")
    changed = first.stat().st_mtime_ns
    assert build.program("virtual") == first
    assert first.stat().st_mtime_ns == changed


def test_without_a_compiler_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(
        WrongUse, match=r"there is no C\+\+ compiler: (sudo apt install g\+\+|xcode-select --install)\."
    ):
        build.program("virtual")


@pytest.mark.parametrize(("engine", "sanitize"), [("tensorflow", ""), ("virtual", "memory")])
def test_what_there_is_not_is_wrong_use(engine, sanitize):
    with pytest.raises(WrongUse, match="There is no"):
        build.program(engine, sanitize)


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(build, "version_of", lambda package: "" if package == "openvino" else "1")
    with pytest.raises(WrongUse, match="the package openvino, which is not installed"):
        build.program("openvino")


def test_what_the_compiler_says_is_in_the_sentence(monkeypatch, tmp_path, empty_cache):
    needs_compiler()
    sources = tmp_path / "cpp"
    (sources / "engines").mkdir(parents=True)
    (sources / "engines" / "virtual.cpp").write_text("int main() { return nothing; }\n")
    (sources / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.28)\nproject(p CXX)\nadd_executable(serve_virtual engines/virtual.cpp)\n"
    )
    monkeypatch.setattr(build, "SOURCES", sources)
    with pytest.raises(WrongUse, match=r"could not be compiled: .*nothing.* \(all of it: .*build\.log\)"):
        build.program("virtual")
    (sources / "engines" / "virtual.cpp").write_text("int main() { return 0; }\n")
    assert build.program("virtual").is_file()


def test_a_cache_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    needs_compiler()
    (tmp_path / "file").touch()
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(WrongUse, match=r"cannot be written .* Set LABKIT_CACHE"):
        build.program("virtual")


def test_old_builds_are_forgotten(empty_cache):
    for number in range(build.KEPT + 3):
        (empty_cache / "server" / f"{number}").mkdir(parents=True)
    build.forget_old_builds()
    assert len(list((empty_cache / "server").iterdir())) == build.KEPT


def test_other_sources_have_another_key(monkeypatch, tmp_path):
    compiler = needs_compiler()
    before = build.key("", compiler)
    assert build.key("thread", compiler) != before
    (tmp_path / "main.cpp").write_text("int main() {}")
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    assert build.key("", compiler) != before
