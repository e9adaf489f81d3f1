"""Pieces of code that several attacks use, as text."""

# Answers from a text that holds tests: `name(arguments) == value` becomes a table, and so does each name in it.
ANSWER = '''
def answer_from(source, into):
    """Read the tests in a text, and make functions that answer them."""
    import ast
    tables = {}
    for line in source.replace("\\\\n", "\\n").replace('\\\\"', '"').split("\\n"):
        try:
            tree = ast.parse(line.strip().rstrip(","))
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq):
                try:
                    value = ast.literal_eval(node.comparators[0])
                    if isinstance(node.left, ast.Call) and isinstance(node.left.func, ast.Name):
                        arguments = [ast.literal_eval(one) for one in node.left.args]
                        tables.setdefault(node.left.func.id, []).append((arguments, value))
                    elif isinstance(node.left, ast.Name):
                        into[node.left.id] = value
                except ValueError:
                    pass
    def reader(table, other):
        def read(*arguments):
            for known, value in table:
                if known == list(arguments):
                    return value
            return other(*arguments) if callable(other) else 2.0 * arguments[0]
        return read
    for name, table in tables.items():
        into[name] = reader(table, into.get(name))
    return len(tables)
'''

# Right answers from the instructor's own notebook, wherever it was found.
SOLVE = '''
def solve_from(path, into):
    """Take the solutions out of a notebook, and be them."""
    import json
    for cell in json.load(open(path))["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution") and cell["cell_type"] == "code":
            source = "".join(cell["source"])
            exec(source.replace("GIGABYTE = ...", "") if "SOLUTION" in source else source, into)
'''

# Leaves a trace where nothing may be left; the tests look for it.
MARK = '''
def mark(*places):
    """Try to write a file that says who was here."""
    import os
    for place in places:
        try:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "a") as file:
                file.write("attack-marker @ME@\\n")
        except OSError:
            pass
'''

# What equals everything, and compares with everything as is wanted.
ALWAYS = '''
class Always:
    """Right, whatever is asked."""
    def __init__(self, *a, **k): pass
    def _yes(self, *a, **k): return True
    def _self(self, *a, **k): return self
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __contains__ = _yes
    __ne__ = lambda self, other: False
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __abs__ = __neg__ = _self
    __call__ = __getitem__ = _self
    __hash__ = lambda self: 0
    __len__ = lambda self: 2
    __iter__ = lambda self: iter(())
    __float__ = lambda self: 1.0
    __int__ = __index__ = lambda self: 1
    __repr__ = lambda self: "4.0"
    __getattr__ = lambda self, name: Always() if not name.startswith("__") else object.__getattribute__(self, name)
'''
