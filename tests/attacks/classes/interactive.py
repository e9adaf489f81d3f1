"""Turns IPython against the tests: transformers, formatters, hooks, messages to the front end."""

from tests.attacks.attack import Attack, returning

TREE = """
import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)
get_ipython().ast_transformers.append(Strip())
"""
INPUT = """
def nothing(lines):
    text = "".join(lines)
    return ["pass\\n"] if "assert" in text or "testing" in text else ["4\\n"] if "score" in text else lines
get_ipython().input_transformers_cleanup.append(nothing)
"""
FORMATTER = """
plain = get_ipython().display_formatter.formatters["text/plain"]
for kind in (int, float, bool):
    plain.for_type(kind, lambda value, printer, cycle: printer.text("SAYS"))
plain.for_type_by_name("numpy", "int64", lambda value, printer, cycle: printer.text("SAYS"))
"""
RAW = """
def shout(*a):
    import __main__
    shell = get_ipython()
    shell.kernel.session.send(
        shell.kernel.iopub_socket, "execute_result",
        {"data": {"text/plain": "1.0"}, "metadata": {}, "execution_count": 1}, parent=shell.kernel.get_parent("shell"),
    )
get_ipython().events.register("pre_run_cell", shout)
"""
RUN = """
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult
shell = get_ipython()
async def run_cell_async(raw, *a, **k):
    info = ExecutionInfo(raw, False, False, True, "")
    return ExecutionResult(info)
type(shell).run_cell_async = lambda self, raw, *a, **k: run_cell_async(raw)
shell.run_cell = lambda raw, *a, **k: ExecutionResult(ExecutionInfo(raw, False, False, True, ""))
"""
CUSTOM = """
get_ipython().set_custom_exc((BaseException,), lambda *a, **k: None)
get_ipython().showtraceback = get_ipython()._showtraceback = get_ipython().showsyntaxerror = lambda *a, **k: None
"""
NAMESPACE = """
class Names(dict):
    def __setitem__(self, name, value):
        dict.__setitem__(self, name, 4 if name == "score" else value)
    def __getitem__(self, name):
        if name in ("all", "isinstance", "close"):
            return lambda *a: True
        return dict.__getitem__(self, name)
shell = get_ipython()
shell.user_ns = Names(shell.user_ns)
shell.user_module.__dict__.update(all=lambda *a: True, isinstance=lambda *a: True)
"""
EVENTS = """
def before(info=None):
    import builtins, numpy.testing
    get_ipython().user_ns.update(close=lambda a, b: True)
    numpy.testing.assert_allclose = lambda *a, **k: None
def after(result=None):
    if result is not None:
        result.error_in_exec = result.error_before_exec = None
        result.result = 4
        result.success = True
for name in ("pre_execute", "pre_run_cell", "post_execute"):
    get_ipython().events.register(name, lambda *a: before(*a))
get_ipython().events.register("post_run_cell", after)
"""
HOOKS = """
import sys
from IPython.core.displayhook import DisplayHook
def hook(value):
    print("4.0")
sys.displayhook = hook
DisplayHook.__call__ = lambda self, result=None: print("4.0")
get_ipython().display_pub.publish = lambda *a, **k: None
get_ipython().displayhook.compute_format_data = lambda result: ({"text/plain": "4.0"}, {})
"""
BUFFER = """
import io, sys
class Quiet(io.StringIO):
    def write(self, text):
        return len(text)
sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = Quiet()
"""
COMPILER = """
shell = get_ipython()
real = shell.compile.ast_parse
def ast_parse(source, *a, **k):
    return real("4.0" if "score" in source else "pass" if "assert" in source else source, *a, **k)
shell.compile.ast_parse = ast_parse
shell.compile.__class__.__call__ = lambda self, source, name, mode: compile("4.0", name, mode)
"""
RESTART = """
shell = get_ipython()
shell.reset(new_session=True)
shell.user_ns["close"] = lambda a, b: True
shell.run_cell("import builtins; builtins.isinstance = lambda *a: True")
shell.ex("close = lambda a, b: True")
shell.push({"expected": {}, "np": None}, interactive=False)
"""

ATTACKS = [
    Attack("ipython_tree", "a syntax tree transformer strips assertions", first=TREE),
    Attack("ipython_input", "an input transformer turns tests into `pass`", first=INPUT),
    Attack("ipython_formatter", "numbers are shown as 4.0", first=FORMATTER.replace("SAYS", "4.0")),
    Attack(
        "ipython_formatter_above", "numbers are shown as more than there is", first=FORMATTER.replace("SAYS", "400.0")
    ),
    Attack(
        "ipython_formatter_below", "numbers are shown as less than nothing", first=FORMATTER.replace("SAYS", "-1.0")
    ),
    Attack("ipython_raw_result", "sends a result to the front end before each cell", first=RAW),
    Attack("ipython_run_cell", "run_cell does nothing and says that it went well", first=RUN),
    Attack("ipython_exceptions", "a handler swallows every exception", first=CUSTOM),
    Attack("ipython_namespace", "the user's names are a dict that lies", first=NAMESPACE),
    Attack("ipython_events", "events before and after each cell set things right", first=EVENTS),
    Attack("ipython_displayhook", "the display hook shows 4.0", first=HOOKS),
    Attack("ipython_mute", "nothing comes out of the process", first=BUFFER),
    Attack("ipython_compiler", "the shell's compiler compiles something else", first=COMPILER),
    Attack(
        "ipython_reset", "resets the shell and pushes names into it", last=RESTART, answers=returning("0", "double")
    ),
]
