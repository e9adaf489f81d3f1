"""The student's own lines in a stack: which frame is theirs, what it calls, and a traceback of nothing else."""

import ast
import contextlib
import linecache
import os
import sysconfig
import traceback
from types import CodeType, FrameType

_PATHS = sysconfig.get_paths()
# A frame from here is machinery: the standard library, what pip installed, labkit, Python's frozen modules.
MACHINERY = tuple(
    {os.path.realpath(_PATHS[name]) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {_PATHS[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep, "<frozen "}
)


def is_own(filename: str) -> bool:
    """Whether a file is the student's."""
    return not filename.startswith(MACHINERY)


def own_frame(frame: FrameType | None) -> FrameType | None:
    """The student's innermost frame, seen from `frame` outwards."""
    while frame is not None and not is_own(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def place(frame: FrameType | None, verb: str) -> str:
    """Where a rank is, in words: "waits in line 3 of step: link.recv(x, 0)"."""
    own = own_frame(frame)
    if own is None:
        return f"{verb} outside of your own lines"
    line = linecache.getline(own.f_code.co_filename, own.f_lineno).strip()
    return f"{verb} in line {own.f_lineno} of {own.f_code.co_name}: {line}".rstrip(": ")


def called(frame: FrameType) -> str:
    """The name of the function that a frame is calling now, as "wait" in `work.wait()`; "" where it cannot be told.

    A function written in C has no frame of its own; where Python is in the caller's bytecode says which one it is.
    """
    with contextlib.suppress(SyntaxError, ValueError):
        call = ast.parse(_text(frame), mode="eval").body
        if isinstance(call, ast.Call):
            return getattr(call.func, "attr", None) or getattr(call.func, "id", "")
    return ""


def _text(frame: FrameType) -> str:
    """The source of the expression that a frame is evaluating now."""
    first, last, start, end = _position(frame.f_code, frame.f_lasti)
    if None in (first, last, start, end):
        return ""
    lines = [linecache.getline(frame.f_code.co_filename, number).encode() for number in range(first, last + 1)]
    lines[-1] = lines[-1][:end]  # counted in bytes, and before the first line's start, which may be the same line's
    lines[0] = lines[0][start:]
    return b"".join(lines).decode(errors="replace")


def _position(code: CodeType, offset: int) -> tuple:
    positions = list(code.co_positions())
    return positions[offset // 2] if 0 <= offset // 2 < len(positions) else (None, None, None, None)


def own_traceback(error: BaseException) -> str:
    """The traceback with the student's own frames alone, in it and in its causes; whole where none is theirs."""
    told = traceback.TracebackException.from_exception(error, limit=None, lookup_lines=True)
    if isinstance(error, SyntaxError):
        told.stack = None  # the lines that wanted to compile it say nothing
    elif any(is_own(frame.filename) for frame in told.stack):
        _keep_own(told)
    return "".join(told.format(chain=True)).rstrip()


def _keep_own(told: traceback.TracebackException | None) -> None:
    while told is not None:
        own = [frame for frame in told.stack if is_own(frame.filename)]
        told.stack = traceback.StackSummary.from_list(own or told.stack)
        told = told.__cause__ or told.__context__
