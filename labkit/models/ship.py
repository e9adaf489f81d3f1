"""Makes the checkpoints that the course ships: `python -m labkit.models.ship [cnn|gpt]`, minutes each."""

import sys

import torch

from labkit.data import Batches, Passages, encode, plays, prepared
from labkit.models.cnn import Cnn, probabilities, tag_loss
from labkit.models.gpt import Gpt, GptConfig, next_token_loss
from labkit.models.store import SHIPPED, write
from labkit.training import train

SEED = 0


def accuracy_on(split: str):
    """An evaluation for the loop: the share of right tags, on scans and on photos."""
    images, labels = prepared(split)
    inputs, targets, half = torch.from_numpy(images).float() / 255, torch.from_numpy(labels), len(labels) // 2

    def evaluate(model: Cnn) -> dict[str, float]:
        right = (probabilities(model, inputs).argmax(-1) == targets).float()
        return {"scans": right[:half].mean().item(), "photos": right[half:].mean().item()}

    return evaluate


def ship_cnn(steps: int = 3000) -> None:
    """Eight epochs over scans and photos."""
    torch.manual_seed(SEED)
    model = Cnn()
    done = train(model, Batches(*prepared(), seed=SEED), tag_loss, steps, evaluate=accuracy_on("test"), every=750)
    write(SHIPPED, "cnn", model, {"steps": steps, "batch": 64, "seed": SEED, "metrics": done.metrics[-1]})


def ship_gpt(steps: int = 4000) -> None:
    """Four thousand batches of 16 passages; the last tenth of the plays is kept for the judgement."""
    torch.manual_seed(SEED)
    model, tokens = Gpt(GptConfig()), encode(plays())
    border = len(tokens) * 9 // 10
    unseen = Passages(tokens[border:], batch=64, seed=SEED)

    @torch.no_grad()
    def evaluate(model: Gpt) -> dict[str, float]:
        return {"loss": sum(next_token_loss(model, *unseen[step]).item() for step in range(8)) / 8}

    done = train(model, Passages(tokens[:border], seed=SEED), next_token_loss, steps, evaluate=evaluate, every=500)
    write(SHIPPED, "gpt", model, {"steps": steps, "batch": 16, "seed": SEED, "metrics": done.metrics[-1]})


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["cnn", "gpt"]
    for name in chosen:
        {"cnn": ship_cnn, "gpt": ship_gpt}[name]()
