"""Reads what it should not: solutions, hidden tests, other students' work, the gradebook, secrets."""

from tests.attacks.attack import Attack, returning
from tests.attacks.payloads import ANSWER, SOLVE

GRADEBOOK = """
import sqlite3
def texts():
    with sqlite3.connect("file:@COURSE@/gradebook.db?mode=ro", uri=True) as db:
        return "\\n".join(row[0] or "" for row in db.execute("select source from source_cell"))
"""
OWN = """
import glob, json
def texts():
    cells = []
    for path in glob.glob("*.ipynb") + glob.glob("@COURSE@/autograded/*/ps00/*.ipynb"):
        cells += ["".join(cell["source"]) for cell in json.load(open(path))["cells"]]
    return "\\n".join(cells)
"""
MEMORY = """
import os, re
def texts():
    found = []
    for pid in {os.getppid(), 1} | {int(one) for one in os.listdir("/proc") if one.isdigit()} - {os.getpid()}:
        try:
            spans = [line.split()[0] for line in open(f"/proc/{pid}/maps") if " rw-p " in line]
            memory = open(f"/proc/{pid}/mem", "rb", 0)
            for span in spans[:400]:
                start, end = (int(part, 16) for part in span.split("-"))
                memory.seek(start)
                block = memory.read(min(end - start, 1 << 24))
                for hit in re.finditer(rb"BEGIN HIDDEN TESTS(.{0,400}?)### END", block, re.S):
                    found.append(hit[1].decode("utf-8", "replace"))
        except OSError:
            continue
    return "\\n".join(found)
"""
READ = "try:\n    answer_from(texts(), globals())\nexcept Exception as error:\n    print(type(error))"
SOLVED = 'try:\n    solve_from("{}", globals())\nexcept OSError as error:\n    print(error)'
HISTORY = """
import ast
def running():
    return get_ipython().user_ns["In"][-1]
def told(*arguments):
    into = {"double": lambda *a: 0}
    answer_from(running(), into)
    return into["double"](*arguments)
"""
LINES = """
import linecache, inspect
def told(*arguments):
    into = {"double": lambda *a: 0}
    answer_from("\\n".join("".join(entry[2]) for entry in linecache.cache.values() if len(entry) > 2), into)
    for frame in inspect.stack()[1:]:
        answer_from("\\n".join(frame.code_context or []), into)
    return into["double"](*arguments)
"""
FRAMES = """
import sys
def expected_from_frames(default):
    frame = sys._getframe(1)
    while frame:
        for place in (frame.f_locals, frame.f_globals):
            for name in ("known", "y", "wanted", "before", "expected"):
                if name in place:
                    return place[name]
        frame = frame.f_back
    return default
"""
SECRETS = """
import glob, os
places = ("@HOME@/.secret", "/proc/*/environ", "/proc/*/cmdline", "/root/.ssh/*")
for path in [path for place in places for path in glob.glob(place)]:
    try:
        print(path, open(path, errors="replace").read()[:2000])
    except OSError:
        pass
print(os.environ)
"""

ATTACKS = [
    Attack(
        "read_source",
        "executes the solutions from the course's source folder",
        first=SOLVE,
        each=SOLVED.format("@COURSE@/source/ps00/ps00.ipynb"),
    ),
    Attack(
        "read_source_relative",
        "finds the source folder by walking up from where it runs",
        first=SOLVE + "import glob\ndef found():\n"
        "    return [path for up in range(1, 6) for path in glob.glob('../' * up + 'source/*/*.ipynb')]",
        each="for path in found():\n    solve_from(path, globals())",
    ),
    Attack(
        "read_classmate",
        "executes a classmate's answers",
        first=SOLVE,
        each=SOLVED.format("@COURSE@/submitted/ann/ps00/ps00.ipynb"),
    ),
    Attack(
        "read_gradebook", "reads the hidden tests in the gradebook, answers them", first=ANSWER + GRADEBOOK, each=READ
    ),
    Attack("read_own_copy", "reads the hidden tests in the notebook that is graded", first=ANSWER + OWN, each=READ),
    Attack(
        "read_history",
        "reads the test that runs from IPython's history",
        first=ANSWER + HISTORY,
        answers={"double": "def double(*a):\n    return told(*a)"},
    ),
    Attack(
        "read_lines",
        "reads the test that runs from the line cache and the stack",
        first=ANSWER + LINES,
        answers={"double": "def double(*a):\n    return told(*a)"},
    ),
    Attack(
        "read_frames",
        "looks for the expected values in the frames of whoever calls",
        first=FRAMES,
        answers=returning("expected_from_frames(0)"),
    ),
    Attack(
        "read_memory",
        "scans the memory of every process that it sees for hidden tests",
        first=ANSWER + MEMORY,
        answers={"data": "GIGABYTE = 0\nanswer_from(texts(), globals())\nprint(GIGABYTE)"},
    ),
    Attack("read_secrets", "prints environments, command lines and a secret file of whoever grades", first=SECRETS),
    Attack(
        "read_checkpoints",
        "looks everywhere on the disk for notebooks with solutions",
        first=SOLVE
        + """
import os
def look():
    for top in ("/home", "/root", "/srv", "/mnt", "/tmp", "/var/tmp", "/opt", os.path.dirname("@COURSE@")):
        for folder, names, files in os.walk(top):
            names[:] = [name for name in names if name not in ("site-packages", "node_modules", ".git")][:50]
            for name in files:
                if name.endswith(".ipynb"):
                    yield os.path.join(folder, name)
""",
        last="for path in look():\n    try:\n        solve_from(path, globals())\n    except Exception:\n        pass",
    ),
]
