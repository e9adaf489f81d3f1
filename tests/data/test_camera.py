import numpy as np
import pytest

from labkit.data import fashion, open_jpeg, photos, prepare, prepared
from labkit.errors import WrongUse


def test_a_photo_depends_on_its_index_alone():
    shots = photos(112, "test")
    assert shots[3].shape == (112, 112, 3)
    assert shots[3].dtype == np.uint8
    assert np.array_equal(shots[3], photos(112, "test")[0:5][3])
    assert not np.array_equal(shots[3], shots[4])
    assert not np.array_equal(photos(112, "train")[3], shots[3])
    assert np.array_equal(shots[-1], shots[len(shots) - 1])


def test_past_the_end_is_an_index_error_so_a_loop_ends():
    with pytest.raises(IndexError):
        photos(112, "test")[2_000]


def test_sizes_that_28_does_not_divide_are_refused():
    with pytest.raises(WrongUse, match="multiple of 28"):
        photos(100)


def test_a_jpeg_opens_to_nearly_the_same_photo_and_is_smaller():
    shots = photos(224, "test")
    content = shots.jpeg(0)
    assert content[:2] == b"\xff\xd8"
    assert len(content) < shots[0].nbytes / 3
    error = np.abs(prepare(open_jpeg(content)[None]) - prepare(shots[0][None]))
    assert error.max() < 0.05  # JPEG changes pixels, hardly their blocks' means


def test_what_is_no_image_says_so():
    with pytest.raises(ValueError, match="9 bytes are not an image"):
        open_jpeg(b"not a jpg")


def test_prepare_is_the_mean_of_each_block_in_the_grey_of_the_eye():
    batch = np.random.default_rng(0).integers(0, 256, (2, 56, 56, 3), dtype=np.uint8)
    block = batch[1, 10:12, 20:22].reshape(4, 3).mean(0)  # the 2x2 block behind pixel (5, 10)
    expected = (0.299 * block[0] + 0.587 * block[1] + 0.114 * block[2]) / 255
    assert prepare(batch)[1, 0, 5, 10] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (np.zeros((112, 112, 3), np.uint8), "n, size, size, 3"),
        (np.zeros((1, 112, 112, 3), np.float32), "uint8"),
        (np.zeros((1, 100, 100, 3), np.uint8), "multiple of 28"),
    ],
)
def test_prepare_refuses_what_it_would_get_wrong(batch, said):
    with pytest.raises(ValueError, match=said):
        prepare(batch)


def test_prepared_has_scans_then_photos_and_survives_a_cut_file(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    images, labels = prepared("test")
    assert images.shape == (4_000, 1, 28, 28)
    assert np.array_equal(images[:2_000, 0], fashion("test").images)
    assert np.array_equal(labels[:2_000], labels[2_000:])
    kept = next((tmp_path / "cache").glob("*.npy"))
    kept.write_bytes(kept.read_bytes()[:1000])
    assert np.array_equal(prepared("test")[0], images)
