"""What a cell shows: Markdown for the page, the same words as plain text for a terminal and for nbval."""

import base64
import re

from IPython import get_ipython
from IPython.display import display

MARKS = r"\\`*_\[\]<>#|$~"  # characters that Markdown reads as more than themselves, for a regular expression


def show(markdown: str) -> None:
    """Show Markdown in a notebook, or print its words elsewhere."""
    plain = re.sub(rf"\\([{MARKS}])", r"\1", markdown.replace("**", ""))
    if get_ipython() is None:
        print(plain)
    else:
        display({"text/markdown": markdown, "text/plain": plain}, raw=True)


def show_picture(png: bytes, words: str) -> None:
    """Show a PNG in a notebook, or print the words that stand for it elsewhere."""
    if get_ipython() is None:
        print(words)
    else:
        display({"image/png": base64.b64encode(png).decode(), "text/plain": words}, raw=True)


def literal(text: str) -> str:
    """Text of the student's that must appear as typed: none of it is read as Markdown, HTML or a formula."""
    return re.sub(rf"([{MARKS}])", r"\\\1", text)
