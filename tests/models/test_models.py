import json

import pytest
import torch

from labkit.data import encode, prepared
from labkit.errors import WrongUse
from labkit.models import SIZES, Cnn, Gpt, GptConfig, is_mine, keep, mine, probabilities, run_of, shipped, write
from labkit.models.cnn import MEAN, STD


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_classifier_has_the_parameters_that_the_course_counts():
    assert count(Cnn()) == 421_642
    assert Cnn()(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize(
    ("name", "low", "high"), [("0.3M", 0.28e6, 0.32e6), ("3M", 2.8e6, 3.2e6), ("10M", 9.5e6, 10.5e6)]
)
def test_a_size_has_about_the_parameters_of_its_name(name, low, high):
    assert low < count(Gpt(SIZES[name])) < high


def test_the_writer_cannot_see_the_future():
    torch.manual_seed(0)
    model = Gpt(GptConfig(layers=2, heads=2, width=16, time=12)).eval()
    tokens = torch.randint(0, 80, (1, 12))
    changed = tokens.clone()
    changed[0, 7] = (changed[0, 7] + 1) % 80
    before, after = model(tokens), model(changed)
    assert torch.allclose(before[:, :7], after[:, :7], atol=1e-6)
    assert not torch.allclose(before[:, 7:], after[:, 7:], atol=1e-6)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="does not divide into 5 heads"):
        GptConfig(heads=5)


def test_the_normalisation_is_that_of_the_training_images(shared_home):
    images = torch.from_numpy(prepared("train")[0]).float() / 255
    assert images.mean().item() == pytest.approx(MEAN, abs=1e-3)
    assert images.std().item() == pytest.approx(STD, abs=1e-3)


def test_the_shipped_classifier_is_as_good_as_its_description(shared_home):
    images, labels = prepared("test")
    right = probabilities(shipped("cnn"), torch.from_numpy(images).float() / 255).argmax(-1).numpy() == labels
    described = run_of("cnn")["metrics"]
    assert right[:2000].mean() == pytest.approx(described["scans"], abs=0.003)
    assert right[2000:].mean() == pytest.approx(described["photos"], abs=0.003)
    assert right[:2000].mean() > 0.88
    assert right[2000:].mean() > 0.8


def test_the_shipped_writer_spells_words_of_the_plays():
    start = torch.from_numpy(encode("HAMLET.\n"))
    tokens = write(shipped("gpt"), start, 60, seed=1)
    assert len(tokens) == len(start) + 60
    assert torch.equal(tokens, write(shipped("gpt"), start, 60, seed=1))
    assert run_of("gpt")["metrics"]["loss"] < 1.75  # nats a character; a uniform guess is 4.38


def test_mine_is_the_shipped_model_until_the_student_keeps_one(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    assert not is_mine("cnn")
    assert torch.equal(mine("cnn").tag.bias, shipped("cnn").tag.bias)
    own = Cnn()
    keep("cnn", own, {"steps": 1})
    assert is_mine("cnn")
    assert torch.equal(mine("cnn").tag.bias, own.tag.bias)
    assert run_of("cnn") == {"steps": 1}


def test_a_damaged_model_of_the_student_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    keep("cnn", Cnn(), {})
    weights = tmp_path / "models" / "cnn.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(WrongUse, match=r"Delete cnn.json"):
        mine("cnn")
    (tmp_path / "models" / "cnn.json").write_text(json.dumps({}))
    with pytest.raises(WrongUse, match=r"Delete cnn.json"):
        mine("cnn")


def test_an_unknown_model_is_wrong_use():
    with pytest.raises(WrongUse, match="'cnn'"):
        shipped("resnet")
