"""What a student types: a cell's source with the example student's answers in place of each `...`."""

import ast

ASKS = ("predict", "explain", "decision")


def answered(source: str, answers: dict) -> str:
    """The source of one cell with every `...` filled from one lab's table of the example student. Raises KeyError."""
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _function(node) in ASKS]
    typed = [(node, answer) for call in calls for node, answer in _answers(call, answers)]
    source_bytes, starts = source.encode(), [0]  # ast counts columns in bytes
    for line in source_bytes.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, answer in sorted(typed, key=lambda pair: (pair[0].lineno, pair[0].col_offset), reverse=True):
        begin, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        source_bytes = source_bytes[:begin] + repr(answer).encode() + source_bytes[end:]
    return source_bytes.decode()


def _function(call: ast.Call) -> str:
    return getattr(call.func, "id", None) or getattr(call.func, "attr", "")


def _answers(call: ast.Call, answers: dict):
    """Each argument of a call that is or holds a `...`, with what to type there."""
    title = next((keyword.value for keyword in call.keywords if keyword.arg == "title"), None)
    name = ast.literal_eval(title or call.args[0]) if title or call.args else None
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    fields = ["name", "unit", "low", "best", "high"] if _function(call) == "predict" else ["name", "sentence"]
    fields = [*fields[: len(call.args)], *(keyword.arg for keyword in call.keywords)]
    for node, field in zip(given, fields, strict=False):
        if any(isinstance(part, ast.Constant) and part.value is ... for part in ast.walk(node)):
            yield node, _answer(_function(call), name, field, answers)


def _answer(function: str, name: str, field: str, answers: dict):
    if function == "explain":
        return answers["explanations"][name]
    if function == "decision":
        return answers["decisions"][name][field]
    numbers = answers["predictions"][name]
    return None if numbers == "given up" else numbers[["low", "best", "high"].index(field)]
