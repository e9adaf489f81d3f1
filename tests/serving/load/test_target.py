import pytest

from labkit.errors import WrongUse
from labkit.serving.load.target import Target, model_at, path_at


@pytest.mark.parametrize(
    ("url", "model", "expected"),
    [
        ("http://127.0.0.1:81", None, Target("127.0.0.1", 81, "/v2/models/cnn")),
        ("http://127.0.0.1:81/", "photo", Target("127.0.0.1", 81, "/v2/models/photo")),
        ("http://127.0.0.1:81/v2", "a b", Target("127.0.0.1", 81, "/v2/models/a%20b")),
        ("http://localhost/v2/models/gpt", None, Target("localhost", 80, "/v2/models/gpt")),
        ("http://localhost/v2/models/gpt/infer", "gpt", Target("localhost", 80, "/v2/models/gpt")),
        ("http://[::1]:81/v2/models/gpt/versions/2/infer", None, Target("::1", 81, "/v2/models/gpt/versions/2")),
    ],
)
def test_a_model_is_found_in_the_url_or_beside_it(url, model, expected):
    assert model_at(url, model) == expected


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:81", "https://127.0.0.1:81", "http://", "http://x:port", "http://x/y", "http://x?y", "http://[::1", ""],
)
def test_any_other_url_is_refused_in_one_sentence(url):
    with pytest.raises(WrongUse, match=r"is not the address of a server( or of a model)?\. Give one such as http://"):
        model_at(url)


def test_two_models_are_one_too_many():
    with pytest.raises(WrongUse, match="names the model 'cnn', and --model says 'photo'"):
        model_at("http://x/v2/models/cnn", "photo")


def test_a_path_of_ones_own_replaces_the_urls():
    assert path_at("http://x:1/predict", None) == Target("x", 1, "/predict")
    assert path_at("http://x:1/predict", "/v1") == Target("x", 1, "/v1")
    assert path_at("http://x:1", None).path == "/"
    assert path_at("http://[::1]:1", None).netloc == "[::1]:1"
