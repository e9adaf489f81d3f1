import json

import pytest

from labkit.grading.once import FILE, once


@pytest.fixture(autouse=True)
def beside_a_notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def never():
    raise AssertionError("measured again")


def test_what_was_measured_is_kept_beside_the_notebook(beside_a_notebook):
    assert once("roof", lambda: {"gflops": 100.0}) == {"gflops": 100.0}
    assert once("roof", never) == {"gflops": 100.0}
    once("row", lambda: {"ms": 1.5})
    assert json.loads((beside_a_notebook / FILE).read_text()) == {"roof": {"gflops": 100.0}, "row": {"ms": 1.5}}


@pytest.mark.parametrize("damaged", ["", "{", "[1]", '"roof"'])
def test_a_file_that_is_none_is_measured_anew(beside_a_notebook, damaged):
    (beside_a_notebook / FILE).write_text(damaged)
    assert once("roof", lambda: {"gflops": 1.0}) == {"gflops": 1.0}


def test_where_nothing_can_be_written_it_is_measured_each_time(beside_a_notebook):
    (beside_a_notebook / FILE).mkdir()
    assert once("roof", lambda: {"gflops": 1.0}) == {"gflops": 1.0}
    assert once("roof", lambda: {"gflops": 2.0}) == {"gflops": 2.0}
