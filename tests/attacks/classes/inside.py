"""Rewrites the student's side of the judge from within: codec, desk, shell, and what they use."""

from tests.attacks.attack import Attack, returning
from tests.attacks.payloads import ALWAYS

MODULES = """
import importlib, sys
def module(name):
    try:
        return importlib.import_module(f"labkit.grading.judge.{name}")
    except ImportError as error:
        print(error)
"""
ENCODE = (
    MODULES
    + """
codec = module("codec")
real = codec.encode
def encode(value, refer=None, *a, **k):
    return real(True if type(value).__name__ == "Always" else value, refer, *a, **k)
codec.encode = encode
"""
)
REPLAY = (
    MODULES
    + """
codec = module("codec")
real, last = codec.encode, []
def encode(value, *a, **k):
    last.append(real(value, *a, **k))
    return last[0]
codec.encode = encode
"""
)
DESK = (
    MODULES
    + """
import gc
for one in gc.get_objects():
    if type(one).__name__ == "Desk":
        for name in list(one.does):
            one.does[name] = lambda question, blobs: ({"ok": None}, [])
"""
)
OPERATIONS = (
    MODULES
    + """
student = module("student")
for name in list(getattr(student, "OPERATIONS", {})):
    student.OPERATIONS[name] = lambda *a, **k: True
"""
)
EQUAL = (
    MODULES
    + """
student = module("student")
student._equal = lambda *a: False
things = module("things")
things._kind = lambda thing: "exception"
things._builtin_base = lambda kind: "StopIteration"
"""
)
UPDATE = (
    MODULES
    + """
codec = module("codec")
codec.decode = lambda *a, **k: [[], {}]
codec.update = lambda *a: True
"""
)
CROSSINGS = (
    MODULES
    + """
import labkit.grading.crossing as crossing
for name in list(crossing._KNOWN):
    crossing._KNOWN[name] = lambda *a, **k: "def double(x): return x + x"
crossing.named = lambda name: (lambda *a, **k: True)
"""
)
CHECKS = """
import labkit.grading.checks as checks
for name in dir(checks):
    if not name.startswith("__"):
        setattr(checks, name, lambda *a, **k: True)
"""
LOCKED = """
import threading
def again():
    names = get_ipython().user_ns
    for _ in range(20_000):
        names.update(close=lambda a, b: True, np=None, expected={}, more=[], score=4)
threading.Thread(target=again, daemon=True).start()
"""
JOURNAL = """
import gc
class Both(dict):
    def __contains__(self, name): return True
    def __getitem__(self, name): return Always()
    def get(self, name, default=None): return Always()
for one in gc.get_objects():
    if type(one).__name__ == "Desk":
        one.shell.names = one.things.names = Both(one.shell.names)
"""
FAKE_SHELL = """
import gc
for one in gc.get_objects():
    if type(one).__name__ in ("Desk",):
        one.shell.run = lambda source, silent=False: {"outputs": [], "error": None}
"""

ATTACKS = [
    Attack(
        "inside_encode", "what equals everything is sent as True", first=ALWAYS + ENCODE, answers=returning("Always()")
    ),
    Attack("inside_replay", "sends its first answer for ever", first=REPLAY),
    Attack("inside_desk", "every question is answered by nothing", first=DESK),
    Attack("inside_operations", "every operation gives True", first=OPERATIONS),
    Attack("inside_references", "says that all things are exceptions, and all arguments changed", first=EQUAL),
    Attack("inside_decode", "understands every question as nothing", first=UPDATE),
    Attack("inside_crossings", "every crossing says what is wanted", first=CROSSINGS),
    Attack("inside_checks", "labkit's own checks say yes", first=CHECKS),
    Attack("inside_locked_names", "a thread binds the tests' names again and again", first=LOCKED),
    Attack("inside_names", "has every name", first=ALWAYS + JOURNAL),
    Attack("inside_shell", "no later cell is run", first=FAKE_SHELL),
]
