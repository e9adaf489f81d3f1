"""What the compiler made of a kernel: how many numbers its multiply instructions take at once."""

import re
from collections import Counter

WIDTHS = {"zmm": 16, "ymm": 8, "xmm": 4, "v": 4}  # float32 numbers in a register of x86-64, and of ARM (v0.4s)
MULTIPLY = re.compile(r"^\s*v?f?(?:n?m(?:add|sub)|mul|ml[as])\w*\s.*$", re.MULTILINE)
PACKED = re.compile(r"\w+ps\s|\.4s")
REGISTER = re.compile(r"\b(zmm|ymm|xmm|v)\d")


def multiplies(function: object) -> list[str]:
    """The multiply instructions on float32 in a compiled function of Numba's, as the assembler writes them."""
    code = "\n".join(getattr(function, "serial", function).inspect_asm().values())
    return [" ".join(one.split()) for one in MULTIPLY.findall(code) if re.search(r"[ps]s\s|\.4s|\bs\d", one)]


def widths(function: object) -> dict[int, int]:
    """How many of them work on 16, 8, 4 numbers or on one. Raises nothing for a function that was never called: {}."""
    found = Counter(_width(one) for one in multiplies(function))
    return dict(sorted(found.items(), reverse=True))


def _width(instruction: str) -> int:
    register = REGISTER.search(instruction)
    return WIDTHS[register[1]] if register and PACKED.search(instruction) else 1
