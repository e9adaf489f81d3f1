"""Hands in what is no notebook, or no file."""

import json
import os
import shutil
from pathlib import Path

from tests.attacks.attack import Attack
from tests.attacks.course import NAME

FILE = f"{NAME}.ipynb"


def instead(content: bytes | str) -> object:
    """This, and no notebook."""
    return lambda notebook: content


def nested(depth: int) -> object:
    """Lists in lists in the metadata."""

    def change(notebook: dict) -> str:
        text = json.dumps(notebook)
        return text[:-1] + ', "deep": ' + "[" * depth + "]" * depth + "}"

    return change


def with_number(number: str) -> object:
    """A number that JSON can say, and Python cannot well hold."""

    def change(notebook: dict) -> str:
        notebook["metadata"]["number"] = "NUMBER"
        return json.dumps(notebook).replace('"NUMBER"', number)

    return change


def linked(target: str) -> object:
    """The notebook is a link."""

    def place(folder: Path) -> None:
        (folder / FILE).unlink()
        (folder / FILE).symlink_to(target)

    return place


def pipe(folder: Path) -> None:
    """The notebook is a pipe into which nobody writes."""
    (folder / FILE).unlink()
    os.mkfifo(folder / FILE)


def directory(folder: Path) -> None:
    """The notebook is a folder."""
    (folder / FILE).unlink()
    (folder / FILE / "inside").mkdir(parents=True)


def loops(folder: Path) -> None:
    """Links that lead to themselves, upwards and out."""
    (folder / "loop").symlink_to(folder)
    (folder / "up").symlink_to("../../..")
    (folder / "out").symlink_to("/")
    (folder / "secret.txt").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.txt")


def odd_names(folder: Path) -> None:
    """Names that programs trip over."""
    for name in (b"-rf", b"a\nb", b"\xff\xfe", b"$(touch marker)", b"'; drop table grade; --", b"con.ipynb~", b" "):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(b"x")
    (folder / ".ipynb_checkpoints").mkdir()
    shutil.copy(folder / FILE, folder / ".ipynb_checkpoints" / f"{NAME}-checkpoint.ipynb")
    shutil.copy(folder / FILE, folder / f"{NAME} (1).ipynb")


def forbidden(folder: Path) -> None:
    """A file that nobody may read."""
    (folder / "closed.txt").write_text("x")
    (folder / "closed.txt").chmod(0)


def gone(folder: Path) -> None:
    """There is no notebook."""
    (folder / FILE).unlink()


def sparse(folder: Path) -> None:
    """A file of gigabytes that takes no room."""
    with (folder / "sparse.bin").open("wb") as file:
        file.truncate(3 << 30)


def large(notebook: dict) -> str:
    """A notebook of 50 MB."""
    notebook["metadata"]["large"] = "x" * 50_000_000
    return json.dumps(notebook)


def unreadable(name: str, tries: str, **more: object) -> Attack:
    """An attack that leaves nothing to grade, or nothing of its own."""
    return Attack(f"unreadable_{name}", tries, **more)


TWICE = '{"cells": [], "cells": 5, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
OLD = '{"worksheets": [{"cells": [{"cell_type": "code", "input": "1", "outputs": []}]}], "nbformat": 3,'

ATTACKS = [
    unreadable("broken", "JSON that breaks off", change=lambda notebook: json.dumps(notebook)[:500]),
    unreadable("list", "a list", change=instead("[1, 2, 3]")),
    unreadable("number", "a number", change=instead("5")),
    unreadable("null", "null", change=instead("null")),
    unreadable("empty", "an empty file", change=instead("")),
    unreadable("blank", "blanks", change=instead(" \n" * 1000)),
    unreadable("zeros", "a megabyte of zeros", change=instead(bytes(1 << 20))),
    unreadable("binary", "a program", change=instead(b"\x7fELF" + bytes(range(256)) * 40)),
    unreadable("utf16", "another encoding", change=lambda notebook: json.dumps(notebook).encode("utf-16")),
    unreadable("format", "nbformat 99", change=lambda notebook: notebook.update(nbformat=99)),
    unreadable("no_format", "no nbformat", change=lambda notebook: notebook.pop("nbformat") and None),
    unreadable("old_format", "nbformat 3", change=instead(OLD + ' "nbformat_minor": 0, "metadata": {}}')),
    unreadable("negative", "nbformat -1", change=lambda notebook: notebook.update(nbformat=-1, nbformat_minor="x")),
    unreadable("cells", "cells that are an object", change=lambda notebook: notebook.update(cells={"a": 1})),
    unreadable("twice", "the same key twice", change=instead(TWICE)),
    unreadable("metadata", "metadata that is a text", change=lambda notebook: notebook.update(metadata="x")),
    unreadable("large", "50 MB", change=large),
    unreadable("deep", "lists nested 100,000 deep", change=nested(100_000)),
    unreadable("nan", "NaN", change=with_number("NaN")),
    unreadable("infinite", "a float beyond all", change=with_number("1e999")),
    unreadable("digits", "a number of 100,000 digits", change=with_number("9" * 100_000)),
    unreadable(
        "link_to_classmate", "the notebook is a link to a classmate's", place=linked(f"../../ann/{NAME}/{FILE}")
    ),
    unreadable("link_to_source", "a link to the source", place=linked(f"../../../source/{NAME}/{FILE}")),
    unreadable("link_to_device", "a link to /dev/zero", place=linked("/dev/zero")),
    unreadable("link_to_process", "a link to /proc/self/environ", place=linked("/proc/self/environ")),
    unreadable("link_to_nothing", "a link to nothing", place=linked("nothing")),
    unreadable("link_to_itself", "a link to itself", place=linked(FILE)),
    unreadable("pipe", "the notebook is a pipe", place=pipe),
    unreadable("folder", "the notebook is a folder", place=directory),
    unreadable("gone", "there is no notebook", place=gone),
    unreadable("loops", "links that lead up, out and round, and a pipe beside the notebook", place=loops),
    unreadable("names", "files with names that programs trip over", place=odd_names),
    unreadable("forbidden", "a file that nobody may read", place=forbidden),
    unreadable("sparse", "a file of three gigabytes that takes no room", place=sparse),
    unreadable("time", "a time that is none", place=lambda folder: (folder / "timestamp.txt").write_bytes(b"\xff 99")),
]
