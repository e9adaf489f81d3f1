"""Which names a cell binds and which it needs, read from its syntax: nothing is run.

The court takes from a student only names that the reference solution binds, and runs of the instructor's unmarked cells
only the statements that its own cells need.
"""

import ast
import builtins
from collections.abc import Iterable, Iterator
from functools import lru_cache

from IPython.core.inputtransformer2 import TransformerManager

BUILTIN = frozenset(dir(builtins)) | {"get_ipython", "display", "In", "Out", "exit", "quit"}
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


MOST_MAGICS = 60  # lines of a cell: IPython reads the whole cell anew for each of them


@lru_cache(maxsize=4096)
def parsed(source: str) -> tuple[ast.stmt, ...]:
    """The statements of a cell, with IPython's magics as calls; none where it is no Python."""
    for transformed in (lambda: source, lambda: _without_magics(source)):
        try:
            return tuple(ast.parse(transformed()).body)
        except (SyntaxError, ValueError, RecursionError, MemoryError, RuntimeError):
            continue
    return ()


def _without_magics(source: str) -> str:
    magics = sum(
        line.lstrip().startswith(("!", "%", "?")) or line.rstrip().endswith("?") for line in source.split("\n")
    )
    if magics > MOST_MAGICS:
        raise ValueError("too many magics")
    return TransformerManager().transform_cell(source)


def bound(statements: Iterable[ast.AST]) -> set[str]:
    """The names that statements bind in the notebook's own namespace."""
    found: set[str] = set()
    for statement in statements:
        for node in _outside_functions(statement):
            found |= _bound_by(node)
    return found


def imported(statements: Iterable[ast.stmt]) -> list[ast.stmt]:
    """The import statements at the top of cells."""
    return [one for one in statements if isinstance(one, ast.Import | ast.ImportFrom)]


def loaded(statements: Iterable[ast.AST]) -> set[str]:
    """Every name that statements read or delete, those inside functions too."""
    return {
        node.id
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)
    }


def needed(statements: Iterable[ast.stmt]) -> set[str]:
    """The names that must exist before a cell runs: read by a statement that no earlier one of the cell has bound."""
    missing: set[str] = set()
    have: set[str] = set()
    for statement in statements:
        missing |= _free(statement) - have
        have |= bound([statement])
    return missing - BUILTIN


def _free(statement: ast.stmt) -> set[str]:
    """What a statement reads, less what it binds itself before (loop variables, with ... as, parameters)."""
    read = loaded([statement])
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete | ast.Expr | ast.Assert):
        return read - _inner(statement)
    return read - _inner(statement) - bound([statement])


def _inner(statement: ast.AST) -> set[str]:
    """Names that belong to a comprehension, lambda or function inside."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.comprehension):
            found |= {one.id for one in ast.walk(node.target) if isinstance(one, ast.Name)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = {one for part in node.body for one in bound([part])}
            found |= inner - {one for part in ast.walk(node) if isinstance(part, ast.Global) for one in part.names}
    return found


def _outside_functions(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a statement that run in the notebook's own scope."""
    yield statement
    if isinstance(statement, SCOPES):
        return
    for child in ast.iter_child_nodes(statement):
        yield from _outside_functions(child)


def _bound_by(node: ast.AST) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return {node.id}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        return {node.name}
    return set()
