"""A folder that is there whole or not at all: written aside, made durable, then renamed."""

import os
import shutil
from pathlib import Path


def replace(partial: Path, target: Path) -> None:
    """Let a folder whose files are on the disk take its place."""
    if target.exists():  # the same step written again, after a resume: the new one is the same
        shutil.rmtree(target)
    partial.rename(target)
    flush(target.parent)


def flush(path: Path) -> None:
    """Make the disk hold a file, or a folder's names: a rename can otherwise reach it before the contents."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
