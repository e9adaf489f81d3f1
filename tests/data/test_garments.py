import gzip

import numpy as np
import pytest

from labkit.data import LABELS, fashion
from labkit.data.garments import DEBIAN, read_idx
from labkit.errors import WrongUse


@pytest.mark.parametrize(("split", "n"), [("train", 12_000), ("test", 2_000)])
def test_the_shipped_split_is_whole(split, n):
    garments = fashion(split)
    assert garments.images.shape == (n, 28, 28)
    assert garments.images.dtype == np.uint8
    assert garments.labels.shape == (n,)
    assert set(garments.labels.tolist()) == set(range(len(LABELS)))


def test_the_shared_arrays_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        fashion("test").images[0, 0, 0] = 1


def test_an_unknown_split_is_wrong_use():
    with pytest.raises(WrongUse, match="'train' or 'test'"):
        fashion("validation")


def test_all_images_without_the_package_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("labkit.data.garments.DEBIAN", tmp_path / "nowhere")
    with pytest.raises(WrongUse, match="apt install dataset-fashion-mnist"):
        fashion("train", full=True)


def test_an_idx_file_is_read_and_another_file_refused(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    header = b"\0\0\x08\x03" + np.array([2, 3, 4], ">u4").tobytes()
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(header + images.tobytes()))
    assert np.array_equal(read_idx(path), images)
    path.write_bytes(gzip.compress(b"PK" + bytes(20)))
    with pytest.raises(ValueError, match="not an IDX file"):
        read_idx(path)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="dataset-fashion-mnist is not installed: the full set is optional")
def test_the_shipped_images_are_the_first_of_all():
    assert np.array_equal(fashion("train", full=True).images[:12_000], fashion("train").images)
