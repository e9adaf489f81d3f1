"""Fuzzing, guided by coverage: `python tests/fuzz/run.py TARGET --minutes 10`. Needs atheris (`pip install .[fuzz]`).

Inputs that reach something new are added to corpus/TARGET; those that add nothing to the others are taken out of it.
It begins with the corpus and the target's own examples. `--shrink` only makes the corpus small, of both; that needs no
atheris. What fails is written to crash-* in the working directory.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
LONGEST = 2048  # bytes of an input
FILES = 90  # a corpus has at most so many


def fuzz(name: str, folder: str, options: list[str]) -> None:
    """Runs libFuzzer in this process, which it ends."""
    import atheris

    with atheris.instrument_imports(include=["labkit.grading"]):
        from tests.fuzz.targets import TARGETS
    from tests.fuzz.mutations import mutated

    target = TARGETS[name]

    def changed(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        done = mutated(data, target, rng) if rng.random() < 0.6 else atheris.Mutate(data, len(data))
        return done[:most]

    arguments = [sys.argv[0], *options, f"-max_len={LONGEST}", "-timeout=20", "-print_final_stats=1", folder]
    atheris.Setup(arguments, target.check, custom_mutator=changed)
    atheris.Fuzz()


def reached(check, data: bytes) -> set[tuple]:
    """The steps from line to line of our own code that an input makes."""
    steps: set[tuple] = set()

    def trace(frame, event, _):
        code = frame.f_code
        if "labkit" not in code.co_filename:
            return None
        before = [0]

        def line(frame, event, _):
            steps.add((code.co_filename, code.co_name, before[0], frame.f_lineno, event == "exception"))
            before[0] = frame.f_lineno
            return line

        return line

    sys.settrace(trace)
    try:
        check(data)
    finally:
        sys.settrace(None)
    return steps


def shrink(name: str, found: list[bytes]) -> None:
    """Keeps the shortest inputs that reach together what all reach."""
    from tests.fuzz.targets import TARGETS

    check = TARGETS[name].check
    kept: dict[bytes, set[tuple]] = {}
    known: set[tuple] = set()
    for data in sorted(set(found), key=lambda data: (len(data), data)):
        steps = reached(check, data)
        if not steps <= known and len(data) <= LONGEST:
            kept[data] = steps
            known |= steps
    for data in sorted(kept, key=len, reverse=True):  # what longer ones reach as well
        if kept[data] <= set().union(*(steps for other, steps in kept.items() if other != data)):
            del kept[data]
    best = sorted(kept, key=len)[:FILES]
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for data in best:
        (folder / sha256(data).hexdigest()[:16]).write_bytes(data)
    print(f"{name}: {len(best)} of {len(found)} inputs reach {len(known)} steps from line to line")


def corpus(name: str) -> list[bytes]:
    """The inputs that are kept of a target."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument(
        "--shrink", action="store_true", help="only make the corpus small, the target's own examples included"
    )
    parser.add_argument("--in", dest="folder", help=argparse.SUPPRESS)
    chosen, options = parser.parse_known_args()
    if chosen.folder:
        fuzz(chosen.target, chosen.folder, options)
    from tests.fuzz.targets import TARGETS

    found = [*corpus(chosen.target), *TARGETS[chosen.target].seeds()]
    if chosen.shrink:
        shrink(chosen.target, found)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for data in found:
            Path(folder, sha256(data).hexdigest()).write_bytes(data)
        seconds = f"-max_total_time={chosen.minutes * 60:.0f}"
        status = subprocess.run([sys.executable, __file__, chosen.target, "--in", folder, seconds, *options]).returncode
        shrink(chosen.target, [path.read_bytes() for path in Path(folder).iterdir()])
    return status


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
