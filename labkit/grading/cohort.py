"""Grades many notebooks, several at once: a court process for each, all from one warm process, and one warm sandbox.

This process and the sandbox import the same things once, side by side; then each notebook gets a fork of the one (its
court) and a fork of the other (its student's process). A notebook that takes long gives its place to another, so that
one which hangs delays nobody.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from labkit.errors import WrongUse
from labkit.grading.judge.hearing import Judgment, hear
from labkit.grading.judge.plan import Plan
from labkit.grading.sandbox import Limits, Protection, Refused, Room, linux, processes, room

SLOW_S = 5.0  # from then on a notebook does not count among those that run at once
MOST_SLOW = 2  # times as many as run at once
PATIENCE_S = 60.0  # beyond the notebook's own limit, for checks that go on by themselves
MB = 1 << 20
COURT_BYTES = 3 << 30  # what a court may take: a check that needs more fails, and nothing else does
REFERENCE = ""  # the student of a reference
TRIES = 3  # admissions, where the machine is short of something for a moment


@dataclass(frozen=True)
class Case:
    """One notebook of one student. `files`: what lies beside it; `given`: the instructor's own files."""

    student: str
    plan: Plan
    content: bytes
    files: dict[str, bytes] = field(default_factory=dict)
    given: dict[str, bytes] = field(default_factory=dict)  # on both sides of the wall
    seed: int = 0

    @property
    def limits(self) -> Limits:
        """What its student's process may use."""
        return Limits(wall_s=self.plan.wall_s, cpu_s=int(self.plan.wall_s) + 1)


def judge(
    cases: Iterable[Case], plans: Collection[Plan], given: dict[str, bytes], protection: Protection, jobs: int
) -> Iterator[tuple[Case, Judgment]]:
    """Grade notebooks under these plans, `jobs` at once; judgments as they come, those of the references first.

    A case is asked for when there is room for it. `given`: the instructor's files, for the references.
    Raises WrongUse where the sandbox does not work.
    """
    modules = tuple(dict.fromkeys(name for plan in plans for name in plan.modules))
    with (
        tempfile.TemporaryDirectory(prefix="labkit-", ignore_cleanup_errors=True) as folder,
        _opened(protection, modules) as opened,
    ):
        courts = Courts(opened, Path(folder), jobs)
        try:
            known = {}
            for case, judgment in courts.hear(Case(REFERENCE, plan, plan.solved, given=given) for plan in plans):
                known[case.plan.digest] = replace(case.plan, scored=frozenset(judgment.scored))
                yield case, judgment
            yield from courts.hear(replace(case, plan=known[case.plan.digest]) for case in cases)
        finally:
            courts.stop()


@contextlib.contextmanager
def _opened(protection: Protection, modules: tuple[str, ...]) -> Iterator[Room]:
    try:
        with room(protection, wanted=modules, meanwhile=lambda: warm(modules)) as opened:
            yield opened
    except Refused as error:
        raise WrongUse(f"{error} What was graded is kept: run the same command again.") from error


def warm(modules: Iterable[str]) -> None:
    """Import what courts need, so that each fork has it. Nothing here may start a thread: a fork would not have it."""
    os.environ.setdefault("MPLBACKEND", "agg")
    for name in ("numpy", "torch", *modules):
        with contextlib.suppress(Exception):  # it will be said in each notebook that needs it
            importlib.import_module(name)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
        torch.testing.assert_close(torch.zeros(1), torch.zeros(1))
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, every page that courts share


class Courts:
    """The courts that sit at the moment."""

    def __init__(self, opened: Room, folder: Path, jobs: int) -> None:
        self.room, self.folder, self.jobs = opened, folder, jobs
        self.sitting: dict[int, Sitting] = {}  # by the file from which each is heard
        self.count = 0

    def hear(self, cases: Iterable[Case]) -> Iterator[tuple[Case, Judgment]]:
        """Start as many as may be, and wait for the next to end."""
        waiting = iter(cases)
        upcoming = next(waiting, None)
        while upcoming or self.sitting:
            while upcoming and self._is_free():
                self._open(upcoming)
                upcoming = next(waiting, None)
            for sitting in self._ended():
                yield sitting.case, sitting.judgment()

    def stop(self) -> None:
        """End those that still sit; their students' processes end with them."""
        for sitting in self.sitting.values():
            sitting.kill()
            sitting.close()
        self.sitting = {}

    def _is_free(self) -> bool:
        slow = sum(one.is_slow() for one in self.sitting.values())
        return len(self.sitting) - min(slow, MOST_SLOW * self.jobs) < self.jobs

    def _open(self, case: Case) -> None:
        self.count += 1
        own = self.folder / str(self.count)
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            _court(self.room, case, own, write)
        os.close(write)
        self.sitting[read] = Sitting(case, own, pid, read)

    def _ended(self) -> list["Sitting"]:
        """Hear what comes within a moment; those that have ended are taken off."""
        heard = select.select(list(self.sitting), [], [], 0.2)[0]
        for number in heard:
            self.sitting[number].listen()
        over = [number for number, one in self.sitting.items() if one.is_over()]
        return [self.sitting.pop(number).close() for number in over]


class Sitting:
    """One court, seen from outside."""

    def __init__(self, case: Case, folder: Path, pid: int, source: int) -> None:
        self.case, self.folder, self.pid, self.source = case, folder, pid, source
        self.began = time.monotonic()
        self.text = bytearray()
        self.ended = self.killed = False
        self.memory_mb = 0.0

    def is_slow(self) -> bool:
        """Whether it has had its time among those that run at once."""
        return time.monotonic() - self.began > SLOW_S

    def listen(self) -> None:
        """Take the next piece of its judgment."""
        piece = os.read(self.source, 1 << 20)
        self.text += piece
        self.ended = not piece

    def is_over(self) -> bool:
        """Whether it has ended; one that sits far beyond its limit is ended."""
        if time.monotonic() - self.began > self.case.plan.wall_s + PATIENCE_S:
            self.kill()
        return self.ended or self.killed

    def kill(self) -> None:
        """End it at once."""
        self.killed = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> "Sitting":
        """Take leave of it."""
        os.close(self.source)
        self.memory_mb = os.wait4(self.pid, 0)[2].ru_maxrss / (1024 if sys.platform == "linux" else MB)
        shutil.rmtree(self.folder, ignore_errors=True)
        return self

    def judgment(self) -> Judgment:
        """What it said. Raises Refused where the machine did not let it begin."""
        said = json.loads(self.text) if self.text and not self.killed else {}
        if "judgment" in said:
            return Judgment(**{**said["judgment"], "memory_mb": self.memory_mb})
        if "refused" in said:
            raise Refused(said["refused"])
        if self.killed:
            return Judgment(
                "timeout", "the checks of this notebook came to no end", seconds=time.monotonic() - self.began
            )
        why = said.get("failed", "its court ended without a word: too little memory?")
        return Judgment("partial", f"the judge could not deal with it, which should not be ({why})")


def _court(opened: Room, case: Case, folder: Path, write: int) -> None:
    """Be the court of one case, and end."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for who asked, and no failed check
        if sys.platform == "linux":
            linux.prctl(linux.PDEATHSIG, signal.SIGKILL)
            most = processes.data_bytes() + COURT_BYTES
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        _settle(case, folder)
        said = {"judgment": asdict(hear(case.plan, case.content, lambda: _admitted(opened, case)))}
    except Refused as error:
        said = {"refused": str(error)}
    except BaseException as error:
        said = {"failed": f"{type(error).__name__}: {error}"[:500]}
    with contextlib.suppress(OSError), os.fdopen(write, "w") as target:
        target.write(json.dumps(said))
    os._exit(0)


def _settle(case: Case, folder: Path) -> None:
    """The instructor's cells find the instructor's files, an empty home, and the same random numbers each time."""
    folder.mkdir()
    for name, content in case.given.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    os.chdir(folder)
    os.environ["LABKIT_HOME"] = str(folder / "labkit")
    random.seed(case.seed)
    for module, function in (("numpy.random", "seed"), ("torch", "manual_seed")):
        if module in sys.modules:
            getattr(sys.modules[module], function)(case.seed % 2**32)


def _admitted(opened: Room, case: Case) -> object:
    for turn in range(1, TRIES + 1):
        try:
            return opened.admit(case.limits, {**case.files, **case.given}, case.seed)
        except Refused:
            if turn == TRIES:
                raise
            time.sleep(0.5 * turn)
    raise AssertionError
