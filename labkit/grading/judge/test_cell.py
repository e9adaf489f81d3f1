"""Runs one of the instructor's cells in the court, and says what it was worth."""

import ast
import contextlib
import io
import linecache
import math
import signal
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np

from labkit.grading.judge.court import GRACE_S, Court, Gone, OutOfTime
from labkit.grading.judge.names import parsed
from labkit.grading.judge.shell import MOST_TEXT


@dataclass
class Verdict:
    """What a cell earned of its points, and its outputs as nbformat has them."""

    points: float
    outputs: list[dict] = field(default_factory=list)
    late: bool = False
    scored: bool = False  # its last line is a number of points


class NoScore(Exception):
    """The last line of a test is no number, though the reference's is: a student's values went into it."""


def run(court: Court, source: str, points: float, seconds: float, number: int, scored: bool = False) -> Verdict:
    """Run a cell. Partial credit is the value of its last line, where that is a number; `scored`: it must be one."""
    court.begin(seconds)
    said = io.StringIO()
    try:
        with _alarm(seconds + 2 * GRACE_S), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            court.enter(source)
            value = _execute(court.names, source, f"cell {number}")
            court.mirror()
            credit = partial_credit(value, points)
            if scored and credit is None:
                raise NoScore(f"this check counts points, and with your values the count is a {type(value).__name__}")
    except BaseException as error:  # whatever a student's code raises ends this cell, and nothing else
        return Verdict(0.0, [*_printed(said), _failure(error, source, number)], isinstance(error, OutOfTime))
    outputs = _printed(said)
    if credit is not None:
        outputs.append({"output_type": "execute_result", "data": {"text/plain": repr(credit)}})
    return Verdict(points if credit is None else credit, outputs, scored=credit is not None)


def partial_credit(value: object, points: float) -> float | None:
    """The points that the value of a test's last line says, or None where it says nothing."""
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
        value = value.item()
    if type(value) not in (int, float):
        return None
    return min(max(float(value), 0.0), points) if math.isfinite(value) else 0.0


def _execute(names: dict, source: str, place: str) -> object:
    """Run the statements; the value of the last one, where it is an expression."""
    tree = ast.Module(list(parsed(source)), type_ignores=[])
    if not tree.body and source.strip():
        compile(source, place, "exec")  # says where it is no Python
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
    exec(compile(tree, place, "exec"), names)
    return eval(compile(ast.Expression(last.value), place, "eval"), names) if last else None


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Ends a test that goes on by itself, over what a student's code has answered."""

    def ring(*_: object) -> None:
        raise OutOfTime(f"the check had not come to an end after {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _printed(said: io.StringIO) -> list[dict]:
    """A warning is no failure, so both streams are shown as one."""
    text = said.getvalue()[:MOST_TEXT]
    return [{"output_type": "stream", "name": "stdout", "text": text}] if text else []


def _failure(error: BaseException, source: str, number: int) -> dict:
    """An error as a kernel would show it, without colours."""
    name, text = type(error).__name__, _message(error)
    if isinstance(error, Gone):
        name, text = "NotRun", f"your code's process had ended: {error}"
    elif isinstance(error, OutOfTime):
        name = "TimeoutError"
    shown = [f"{name}  Traceback (most recent call last)"]
    line = _line(error.__traceback__, f"cell {number}") or getattr(error, "lineno", None)
    if line:
        shown += [f"Cell In[{number}], line {line}", *_around(source.splitlines(), line)]
    return {
        "output_type": "error",
        "ename": name,
        "evalue": text,
        "traceback": ["\n".join([*shown, "", f"{name}: {text}"])],
    }


def _message(error: BaseException) -> str:
    try:
        return str(error)[:2000]
    except Exception:  # an error of the student's, with arguments that cannot be shown
        return ""


def _around(lines: list[str], line: int) -> list[str]:
    return [
        f"{'---->' if row == line else '     '} {row} {lines[row - 1]}"
        for row in range(max(1, line - 2), min(len(lines), line + 2) + 1)
    ]


def _line(trace: TracebackType | None, place: str) -> int | None:
    """The line of the cell itself that failed: the last one, where it has functions of its own."""
    lines = [frame.lineno for frame in traceback.extract_tb(trace) if frame.filename == place]
    return lines[-1] if lines else None
