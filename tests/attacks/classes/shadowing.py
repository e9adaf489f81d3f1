"""Files in the submission that stand in for modules and settings of whoever grades."""

from tests.attacks.attack import Attack, tests_of

FAKE = """
import sys
class Fake(type(sys)):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Fake(name)
    def __call__(self, *a, **k): return self
    def __bool__(self): return True
    def __eq__(self, other): return True
    __hash__ = None
sys.modules[__name__] = Fake(__name__)
"""
SPOIL = """
import builtins
builtins.isinstance = lambda *a: True
builtins.all = lambda *a: True
try:
    open("@COURSE@/attack-marker-@ME@", "w").write("@ME@")
except OSError:
    pass
"""
KERNEL = """
import json, os, sys
book = json.load(open("ps00.ipynb")) if os.path.exists("ps00.ipynb") else {"cells": []}
for cell in book["cells"]:
    if cell["metadata"].get("nbgrader", {}).get("grade"):
        cell["source"] = "pass"
import IPython.core.interactiveshell as shell
real = shell.InteractiveShell.run_cell_async
async def run_cell_async(self, raw, *a, **k):
    return await real(self, "pass" if "assert" in raw else "4" if "score" in raw else raw, *a, **k)
shell.InteractiveShell.run_cell_async = run_cell_async
if __name__ == "__main__":
    from ipykernel import kernelapp
    kernelapp.launch_new_instance()
"""
CONFIG = """
open("@HOME@/attack-marker-@ME@", "w").write("@ME@")
c = get_config()
c.ExecutePreprocessor.allow_errors = True
c.ClearSolutions.enforce_metadata = False
c.NbGraderAPI.preprocessors = []
"""
CHECKS = """
def __getattr__(name):
    return lambda *a, **k: True
"""


def shadows(name: str, tries: str, files: dict[str, str], **more: object) -> Attack:
    """An attack that lies beside the notebook. The answers import what it stands in for."""
    return Attack(f"shadow_{name}", tries, files=files, **more)


def no_tests(notebook: dict) -> None:
    """The tests ask nothing, here."""
    for cell in tests_of(notebook):
        cell["source"] = "pass"


ATTACKS = [
    shadows("torch", "a torch.py of its own", {"torch.py": FAKE}),
    shadows("numpy", "a package numpy of its own", {"numpy/__init__.py": FAKE, "numpy/testing.py": FAKE}),
    shadows(
        "labkit", "a package labkit of its own", {"labkit/__init__.py": FAKE, "labkit/grading/__init__.py": CHECKS}
    ),
    shadows("sitecustomize", "runs when Python starts", {"sitecustomize.py": SPOIL, "usercustomize.py": SPOIL}),
    shadows(
        "pth", "a .pth file, and one beside the packages", {"x.pth": "import os; os._exit(0)", "__pycache__/x.pyc": "x"}
    ),
    shadows("conftest", "runs with pytest", {"conftest.py": SPOIL, "pytest.ini": "[pytest]\naddopts = -p no:all"}),
    shadows("kernel", "an ipykernel_launcher.py of its own", {"ipykernel_launcher.py": KERNEL}),
    shadows(
        "settings", "settings for nbgrader and Jupyter", {"nbgrader_config.py": CONFIG, "jupyter_config.py": CONFIG}
    ),
    shadows(
        "standard",
        "json.py, socket.py and random.py of its own",
        dict.fromkeys(["json.py", "socket.py", "random.py"], FAKE),
    ),
    shadows(
        "ipython", "an ipython_config.py and a start-up folder", {"ipython_config.py": CONFIG, "startup/00.py": SPOIL}
    ),
    shadows("helper", "imports a helper that patches", {"helper.py": SPOIL}, first="import helper"),
    shadows(
        "database",
        "a gradebook of its own, a source and a release",
        {"gradebook.db": "x", "../release.ipynb".replace("../", "release/"): "{}", "source/ps00/ps00.ipynb": "{}"},
    ),
    shadows("other_notebooks", "more notebooks than there are", {"ps01.ipynb": "{}", "extra.ipynb": "no notebook"}),
    shadows(
        "copies", "the notebook again, without tests, in other places", {"autograded/ps00.ipynb": "{}"}, change=no_tests
    ),
    shadows(
        "environment",
        "settings by environment files",
        {".env": "PYTHONSTARTUP=/work/evil.py", "pyvenv.cfg": "home = .", "python3": "#!/bin/sh\n", "evil.py": SPOIL},
        first="import os\nos.environ.update(PYTHONPATH='.', PYTHONSTARTUP='evil.py', LD_PRELOAD='./evil.so')\n"
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', '1'])",
    ),
]
