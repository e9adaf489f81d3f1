"""All attacks and all honest submissions, by class."""

import importlib
from functools import cache

from tests.attacks.attack import Attack, of_kind

KINDS = (
    "answering", "lying", "raising", "calling", "patching", "interactive", "lingering", "reading", "writing", "leaking",
    "pages", "tampering", "unreadable", "shadowing", "ending", "hanging", "bombs", "forging", "inside", "escaping",
    "honest_code", "honest_notebooks",
)  # fmt: skip


@cache
def everything() -> dict[str, Attack]:
    """Every submission by its name, which is the student's too."""
    found: dict[str, Attack] = {}
    for kind in KINDS:
        module = importlib.import_module(f"tests.attacks.classes.{kind}")
        for attack in of_kind(kind, module.ATTACKS):
            if attack.name in found:
                raise ValueError(f"two attacks are called {attack.name}")
            found[attack.name] = attack
    return found


def told(kind: str) -> str:
    """What a class of attacks does: the first line of its file."""
    return importlib.import_module(f"tests.attacks.classes.{kind}").__doc__.partition("\n")[0]


def chosen(*kinds: str) -> list[Attack]:
    """The attacks of some classes, all of them if none is named, each after its accomplice."""
    return [attack for attack in everything().values() if not kinds or attack.kind in kinds]
