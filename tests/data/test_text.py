import numpy as np
import pytest
import torch

from labkit.data import Batches, Passages, alphabet, decode, encode, plays


def test_the_plays_are_whole():
    assert len(plays()) == 1_519_404
    assert len(alphabet()) == 80


def test_encoding_and_decoding_return_the_text():
    text = plays()[5000:6000]
    assert decode(encode(text)) == text


def test_a_character_that_no_play_contains_is_named():
    with pytest.raises(ValueError, match="'#'"):
        encode("price: #4")


def test_passages_are_the_same_when_asked_again_and_targets_are_the_next_characters():
    tokens = encode(plays()[:10_000])
    passages = Passages(tokens, batch=4, time=16, seed=3)
    inputs, targets = passages[7]
    assert inputs.shape == targets.shape == (4, 16)
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert torch.equal(inputs, Passages(tokens, batch=4, time=16, seed=3)[7][0])
    assert not torch.equal(inputs, passages[8][0])


def test_a_text_shorter_than_a_passage_is_refused():
    with pytest.raises(ValueError, match="hold no passage"):
        Passages(encode("brief"), time=5)


def test_an_epoch_of_batches_visits_every_image_once():
    images = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1)
    batches = Batches(images, np.arange(12), batch=4, seed=1)
    seen = torch.cat([batches[step][1] for step in range(batches.steps_per_epoch)])
    assert sorted(seen.tolist()) == list(range(12))
    again = torch.cat([batches[step][1] for step in range(3, 6)])
    assert sorted(again.tolist()) == list(range(12))
    assert seen.tolist() != again.tolist()
    pixels, labels = batches[0]
    assert torch.equal((pixels.flatten() * 255).round().long(), labels)
