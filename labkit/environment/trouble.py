"""What went wrong in an installation, as one sentence that a person reads."""

import errno
import re
from pathlib import Path

NETWORK = (
    "NewConnectionError",
    "NameResolutionError",
    "Name or service not known",
    "Temporary failure in name resolution",
    "Failed to establish a new connection",
    "Network is unreachable",
    "Connection refused",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Read timed out",
    "ProxyError",
    "ConnectionResetError",
    "Connection reset by peer",
    "Connection aborted",
    "IncompleteRead",
    "CERTIFICATE_VERIFY_FAILED",
)
DISK = (f"[Errno {errno.ENOSPC}]", f"[Errno {errno.EDQUOT}]", "No space left on device", "Disk quota exceeded")
AGAIN = "then run the same command again"


class Trouble(Exception):
    """The installation cannot go on; the message is the sentence for the person."""


def no_space(where: Path, needs_gb: float, free_gb: float | None = None) -> Trouble:
    """The disk is full, or will be."""
    free = "it is full" if free_gb is None else f"{free_gb:.1f} GB are free"
    return Trouble(f"The installation needs {needs_gb:.0f} GB on the disk of {where}, and {free}: make room, {AGAIN}.")


def no_network(what: str) -> Trouble:
    """Nothing that could deliver `what` answers."""
    return Trouble(
        f"There is no network for pip ({what} could not be fetched): connect, or check the index or proxy that "
        f"pip is configured with (pip config list), {AGAIN}."
    )


def unknown(phase: str, log: Path) -> Trouble:
    """Something else; the log has pip's own words."""
    return Trouble(f"The installation stopped at {phase}: read the end of {log}, {AGAIN}.")


def of_os_error(error: OSError, root: Path, needs_gb: float) -> Trouble:
    """The sentence for an error of the file system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return no_space(root, needs_gb)
    return Trouble(f"The environment cannot be made in {root}: {error.strerror or error}; correct that, {AGAIN}.")


def missing_package(text: str) -> str:
    """The requirement for which pip found nothing that fits, as `name==version`, or ""."""
    match = re.search(r"No matching distribution found for ([^\s;]+)", text)
    return match[1] if match else ""


def kind(text: str) -> str:
    """What pip's output says went wrong: "disk", "network", "no build" or "other"."""
    if any(sign in text for sign in DISK):
        return "disk"
    # An index that cannot be reached also ends in "No matching distribution", but then pip has seen no version at all.
    saw_versions = "from versions:" in text and "(from versions: none)" not in text
    if any(sign in text for sign in NETWORK) and not saw_versions:
        return "network"
    return "no build" if missing_package(text) else "other"
