"""TeX as MathML, which browsers draw without any program."""

import re
from html import escape, unescape
from xml.etree.ElementTree import Element

from latex2mathml.converter import Converter

MOST_CHARACTERS = 1_000
DEFINES = re.compile(r"\\(?:re|provide)?(?:newcommand|def|let|DeclareMathOperator|command)|\\[egx]def|\\newenvironment")
TAGS = frozenset(
    re.findall(
        r"\w+",
        "math mrow mi mn mo mtext mspace mfrac msqrt mroot mstyle msub msup msubsup munder mover munderover"
        " mtable mtr mtd mpadded mphantom mmultiscripts mprescripts none",
    )
)
ATTRIBUTES = frozenset(
    re.findall(
        r"\w+",
        "display stretchy fence form separator width height depth mathvariant displaystyle scriptlevel linethickness"
        " movablelimits accent accentunder minsize maxsize lspace rspace columnalign rowspacing columnspacing",
    )
)
# A word, or lengths of fewer than 100 units: a formula stays in its place.
VALUE = re.compile(r"[a-z\-]{1,30}|-?\d{0,2}(?:\.\d{1,4})?[a-z]{0,2}(?: -?\d{0,2}(?:\.\d{1,4})?[a-z]{0,2}){0,3}")


def mathml(tex: str, block: bool = False) -> str | None:
    """A formula as MathML; None where it cannot be drawn, and is better read as TeX."""
    if len(tex) > MOST_CHARACTERS or DEFINES.search(tex):  # a formula that defines commands can grow without end
        return None
    # `aligned` is what stands inside a formula, and the converter knows the same as `split`.
    tex = tex.replace("{aligned}", "{split}").strip()
    try:
        return _drawn(Converter(display="block" if block else "inline").convert_to_element(tex))
    except Exception:  # it raises IndexError, StopIteration, RecursionError and others over bad TeX
        return None


def _drawn(element: Element) -> str:
    """An element of the converter's, which escapes nothing: written anew from what we know."""
    if element.tag not in TAGS:
        raise ValueError(element.tag)
    kept = {name: value for name, value in element.attrib.items() if name in ATTRIBUTES and VALUE.fullmatch(value)}
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in kept.items())
    text = unescape(element.text or "")
    if text.startswith("\\"):
        raise ValueError(text)  # a command that it does not know
    inner = "".join(_drawn(child) + escape((child.tail or "").strip()) for child in element)
    return f"<{element.tag}{attributes}>{escape(text)}{inner}</{element.tag}>"
