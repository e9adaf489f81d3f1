"""What an inmate may use, and how well it is held."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Limits:
    """What one submission may use, all its processes together unless said otherwise."""

    wall_s: float = 300.0
    cpu_s: int = 240  # of each process
    memory_mb: int = 2048  # megabytes (2**20 bytes) of its own pages; what it shares with others counts in part
    processes: int = 64
    file_mb: int = 256  # of each file
    disk_mb: int = 512  # of all files, which lie in memory
    open_files: int = 1024  # of each process

    def as_dict(self) -> dict:
        """As it crosses into the sandbox."""
        return asdict(self)

    @property
    def threads(self) -> int:
        """Threads of all processes: numerical libraries start a few in each."""
        return 4 * self.processes


@dataclass(frozen=True)
class Protection:
    """How student code is held here: `kind` is "sandboxed", "partial" or "unsafe"; `how` says it in a sentence."""

    kind: str
    how: str
    way: str = ""  # "root", "user", "landlock" or "plain": how inmates are isolated
    bwrap: str = ""  # the path of bubblewrap, for the first two ways
