"""What ranks print, a line at a time, each behind its rank: live, and never two ranks in one line."""

import os
from collections.abc import Callable

CHUNK = 1 << 16


class Lines:
    """The reading end of one rank's output. write: what shows a line."""

    def __init__(self, rank: int, fd: int, write: Callable[[str], object]):
        os.set_blocking(fd, False)
        self.rank, self.fd, self.write, self.open, self._rest = rank, fd, write, True, b""

    def show(self) -> None:
        """Show the lines that have arrived whole."""
        while self.open:
            try:
                piece = os.read(self.fd, CHUNK)
            except BlockingIOError:
                return
            self.open = bool(piece)
            *whole, self._rest = (self._rest + piece).split(b"\n")
            for line in whole:
                self._show(line)

    def close(self) -> None:
        """Show what is left, also of a line that has no end."""
        self.show()
        if self._rest:
            self._show(self._rest)
        self._rest, self.open = b"", False
        os.close(self.fd)

    def _show(self, line: bytes) -> None:
        """Of a progress bar, which goes back to the start of its line again and again, the last state."""
        text = line.decode(errors="backslashreplace").rstrip("\r").rsplit("\r")[-1]
        self.write(f"[rank {self.rank}] {text}\n")
