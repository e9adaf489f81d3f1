"""How a run of ranks stops short, in words that name the rank and the student's own line.

A notebook shows the sentence and those lines, not the machinery that carried them.
"""


class RanksStopped(RuntimeError):
    """A run of ranks that has no results. All of its processes are gone when this is raised."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows of it."""
        return [str(self)]


class RankFailed(RanksStopped):
    """One rank raised, was killed or left. The others were ended because of it.

    rank: which; reason: one sentence; frames: the student's own lines, innermost last, or "".
    """

    def __init__(self, rank: int, reason: str, frames: str = ""):
        super().__init__(f"{reason}\n{frames}".rstrip())
        self.rank, self.reason, self.frames = rank, reason, frames

    def __reduce__(self):
        return type(self), (self.rank, self.reason, self.frames)


class Deadlock(RanksStopped):
    """Every rank that still ran was waiting, and no byte moved. `waits`: by rank, where it waited."""

    def __init__(self, seconds: float, waits: dict[int, str]):
        lines = [f"Deadlock: no byte moved for {seconds:g} s, and every rank that is not finished waits for another."]
        super().__init__("\n".join([*lines, *places(waits)]))
        self.seconds, self.waits = seconds, waits

    def __reduce__(self):
        return type(self), (self.seconds, self.waits)


class RanksTimeout(RanksStopped, TimeoutError):
    """The run was still going at its timeout. `waits`: by rank, where it was."""

    def __init__(self, seconds: float, waits: dict[int, str]):
        super().__init__("\n".join([f"The ranks were not finished after {seconds:g} s.", *places(waits)]))
        self.seconds, self.waits = seconds, waits

    def __reduce__(self):
        return type(self), (self.seconds, self.waits)


def places(waits: dict[int, str]) -> list[str]:
    """One line a rank."""
    return [f"  rank {rank} {where}" for rank, where in sorted(waits.items())]
