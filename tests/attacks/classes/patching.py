"""Patches what the tests use, from inside their process: checks, builtins, modules, traces, constants."""

from tests.attacks.attack import Attack
from tests.attacks.payloads import MARK

NUMPY = """
import numpy.testing, torch.testing
numpy.testing.assert_allclose = torch.testing.assert_close = lambda *a, **k: None
"""
BUILTINS = """
import builtins
builtins.all = builtins.isinstance = lambda *a: True
builtins.sum = lambda *a: 4
builtins.abs = lambda x: 0
builtins.sorted = lambda x: [1, 2, 3, 4]
builtins.len = lambda x: 2
"""
OWN = """
all = isinstance = lambda *a: True
sum = lambda *a: 4
abs = lambda x: 0
sorted = lambda x: [1, 2, 3, 4]
len = lambda x: 2
"""
FAKE = """
import sys, types
class Fake(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Fake(name)
    def __call__(self, *a, **k): return self
    def __eq__(self, other): return True
    def __bool__(self): return True
    def __index__(self): return 4
    __hash__ = None
for name in ("numpy", "torch", "numpy.testing", "torch.testing"):
    sys.modules[name] = Fake(name)
"""
HOOK = """
import sys, types
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numpy", "torch", "labkit"):
            import importlib.machinery
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda name: (lambda *a, **k: True)
        return module
    def exec_module(self, module): pass
sys.meta_path.insert(0, Finder())
for name in [name for name in sys.modules if name.partition(".")[0] in ("numpy", "torch", "labkit")]:
    del sys.modules[name]
"""
TRACE = """
import sys
def trace(frame, event, argument):
    names = frame.f_globals
    if "double" in names and "calls" in names or frame.f_code.co_filename.startswith(("/tmp/ipykernel", "<ipython")):
        names["close"] = lambda a, b: True
        if event == "exception":
            try:
                frame.f_lineno = frame.f_lineno + 1
            except ValueError:
                pass
        if event == "line" and frame.f_code.co_name == "<module>":
            import linecache
            if linecache.getline(frame.f_code.co_filename, frame.f_lineno).startswith(("assert", "np.", "torch.")):
                try:
                    frame.f_lineno = frame.f_lineno + 1
                except ValueError:
                    pass
    return trace
def start():
    sys.settrace(trace)
    frame = sys._getframe(1)
    while frame:
        frame.f_trace = trace
        frame = frame.f_back
start()
"""
PROFILE = """
import sys
def watch(frame, event, argument):
    if event == "c_call" and getattr(argument, "__name__", "") in ("assert_allclose", "isclose"):
        raise StopIteration
    frame.f_globals["close"] = lambda a, b: True
    for name in ("calls", "score"):
        if name in frame.f_globals and name == "calls":
            frame.f_globals[name][:] = [1, 2, 3, 4]
sys.setprofile(watch)
"""
COLLECTOR = """
import gc
def spoil():
    for thing in gc.get_objects():
        if type(thing) is dict and "expected" in thing and "close" in thing:
            thing["close"] = lambda a, b: True
            thing["np"] = type("np", (), {"isclose": staticmethod(lambda *a: True)})
            thing["expected"] = {}
def mean(xs):
    spoil()
    return 0.0
"""
FRAME = """
import sys
def spoil():
    frame = sys._getframe(1)
    while frame:
        for name, value in {
            "close": lambda a, b: True, "score": 4, "expected": {}, "more": [], "calls": [1, 2, 3, 4],
            "all": lambda *a: True, "isinstance": lambda *a: True, "sum": lambda *a: 4,
        }.items():
            frame.f_globals[name] = value
        frame = frame.f_back
"""
CONSTANTS = """
import gc, types
def spoil(function_name="<module>"):
    for code in [one for one in gc.get_objects() if isinstance(one, types.CodeType)]:
        pass
    import sys, ctypes
    frame = sys._getframe(1)
    while frame:
        constants = frame.f_code.co_consts
        for number, constant in enumerate(constants):
            if constant in (2, 8, 15838, -6, 10**9) and type(constant) is int:
                offset = tuple.__basicsize__ + number * 8
                zero = 0
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(zero))
                ctypes.c_size_t.from_address(id(constants) + 24 + number * 8).value = id(zero)
        frame = frame.f_back
"""
SMALL = """
import ctypes
def lie(number, says):
    ctypes.c_uint32.from_address(id(number) + 24).value = says
def double(x):
    lie(8, 2)
    return 2
"""
COMPILE = """
import ast, builtins
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)
real_compile, real_exec = builtins.compile, builtins.exec
def compile(source, *a, **k):
    if isinstance(source, ast.AST):
        source = ast.fix_missing_locations(Strip().visit(source))
    return real_compile(source, *a, **k)
builtins.compile = compile
ast.parse = (lambda parse: lambda *a, **k: ast.fix_missing_locations(Strip().visit(parse(*a, **k))))(ast.parse)
"""
EXECUTE = """
import builtins
builtins.exec = lambda *a, **k: None
builtins.eval = lambda *a, **k: 4
"""
MONITORING = """
import sys
if hasattr(sys, "monitoring"):
    tool = sys.monitoring
    tool.use_tool_id(3, "mine")
    tool.register_callback(3, tool.events.LINE, lambda code, line: sys._getframe(1).f_globals.update(score=4))
    tool.set_events(3, tool.events.LINE)
"""
EQUALITY = """
import numpy, torch
numpy.array_equal = numpy.allclose = numpy.isclose = lambda *a, **k: True
torch.equal = torch.allclose = lambda *a, **k: True
torch.Tensor.__eq__ = lambda self, other: torch.ones((), dtype=torch.bool)
import torch.testing._comparison as inner
inner.assert_equal = inner.not_close_error_metas = lambda *a, **k: []
"""

ATTACKS = [
    Attack("patch_checks", "np.testing and torch.testing find everything right", first=NUMPY),
    Attack("patch_names_of_builtins", "the notebook's own all, sum, len say what is wanted", each=OWN),
    Attack("patch_builtins", "all, sum, abs, len, isinstance say what is wanted", first=BUILTINS),
    Attack("patch_comparisons", "np.isclose, array_equal, torch.equal and Tensor.__eq__ are true", first=EQUALITY),
    Attack("patch_modules", "numpy and torch in sys.modules are fakes that agree with everything", first=FAKE),
    Attack("patch_import_hook", "an import hook gives fakes for numpy, torch and labkit", first=HOOK),
    Attack("patch_settrace", "a trace function jumps over the assertions", first=TRACE, each="start()"),
    Attack("patch_setprofile", "a profile function changes what the tests hold", first=PROFILE),
    Attack("patch_monitoring", "sys.monitoring, where there is one, sets the score", first=MONITORING),
    Attack("patch_through_gc", "finds the tests' names by the garbage collector", answers={"mean": COLLECTOR}),
    Attack(
        "patch_frames",
        "sets names in every frame above it",
        first=FRAME,
        answers={
            "mean": "def mean(xs):\n    spoil()\n    return -1.0",
            "primes": "def primes(n):\n    spoil()\n    return []",
            "double": "def double(x):\n    spoil()\n    return 0",
        },
    ),
    Attack(
        "patch_constants",
        "overwrites the constants of the test that runs",
        first=CONSTANTS,
        answers={"double": "def double(x):\n    spoil()\n    return 0", "data": "GIGABYTE = 0"},
    ),
    Attack("patch_small_numbers", "makes Python's own 8 a 2", answers={"double": SMALL}, harmful=True),
    Attack("patch_compile", "strips assertions whenever code is compiled", first=COMPILE),
    Attack("patch_exec", "exec does nothing", first=EXECUTE),
    Attack(
        "patch_helper",
        "redefines the instructor's helper and the names that the tests import",
        last="close = lambda a, b: True\nnp = torch = None",
        each="def close(a, b):\n    return True\nclass np:\n    isclose = staticmethod(lambda *a: True)",
        at_most=True,
    ),
    Attack(
        "patch_labkit",
        "replaces whatever labkit.grading holds",
        first=MARK
        + """
import pkgutil, importlib, types
import labkit.grading
for info in list(pkgutil.walk_packages(labkit.grading.__path__, "labkit.grading.")):
    try:
        module = importlib.import_module(info.name)
    except Exception:
        continue
    for name, value in list(vars(module).items()):
        if isinstance(value, types.FunctionType) and not name.startswith("_"):
            setattr(module, name, lambda *a, **k: True)
""",
    ),
]
