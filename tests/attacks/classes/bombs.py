"""Takes all there is: memory, processes, files, output. Each bomb has a bound of its own, so that it is safe to drop
it where nothing else holds it."""

from tests.attacks.attack import Attack
from tests.attacks.classes.ending import EARLIER

MEMORY_MB = 6000
PROCESSES = 400
DISK_MB = 1500
FILES = 20_000
OUTPUT_MB = 60


def bomb(name: str, tries: str, code: str, **more: object) -> Attack:
    """A bomb in a cell, after two exercises that were right."""
    return Attack(
        f"bomb_{name}", tries, right=EARLIER, answers={"relu": f"{code}\ndef relu(x):\n    return x"}, harmful=True,
        **{"earns": 5, **more},
    )  # fmt: skip


FORK = f"""
import os, time
for number in range({PROCESSES}):
    try:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
    except OSError as error:
        print(number, error)
        break
"""
THREADS = f"""
import threading, time
for number in range({PROCESSES * 4}):
    try:
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
    except RuntimeError as error:
        print(number, error)
        break
"""
DISK = f"""
import os
written = 0
try:
    for number in range({DISK_MB // 50}):
        with open(f"flood-{{number}}", "wb") as file:
            file.write(bytes(50 << 20))
except OSError as error:
    print(error)
"""
ONE_FILE = f"""
try:
    with open("flood", "wb") as file:
        for _ in range({DISK_MB}):
            file.write(bytes(1 << 20))
except OSError as error:
    print(error)
"""
MANY = f"""
import os
try:
    for number in range({FILES}):
        os.makedirs(f"many/{{number // 100}}/{{number}}")
except OSError as error:
    print(error)
"""
MEMORY = f"""
kept = []
for _ in range({MEMORY_MB // 100}):
    kept.append(bytearray(100 << 20))
    kept[-1][::4096] = b"x" * len(kept[-1][::4096])
"""
SHARED = f"""
from multiprocessing import shared_memory
import mmap
kept = []
for _ in range({MEMORY_MB // 200}):
    one = mmap.mmap(-1, 100 << 20)
    one.write(bytes(100 << 20))
    kept.append(one)
"""
OUTPUT = f"import sys\nfor _ in range({OUTPUT_MB}):\n    sys.stdout.write('x' * 999999 + '\\n')"
LINES = "for number in range(300_000):\n    print(number)"
ERRORS = OUTPUT.replace("stdout", "stderr")
PICTURES = """
from IPython.display import display, Image
for number in range(300):
    display(Image(data=b"\\x89PNG" + bytes(1 << 16), format="png"))
"""
OPEN = """
import os
kept = []
try:
    while len(kept) < 100_000:
        kept.append(os.open('/dev/null', 0))
except OSError as error:
    print(error)
"""
CHILDREN = """
import subprocess, sys
kept = []
for _ in range(40):
    try:
        kept.append(subprocess.Popen(["sleep", "20"], start_new_session=True))
    except OSError as error:
        print(error)
        break
"""
NAMES = "globals().update({f'name_{n}': n for n in range(300_000)})"
HUGE = "def relu(x):\n    return torch.zeros(300_000_000)"
ENDLESS = "def relu(x):\n    deep = []\n    for _ in range(100_000):\n        deep = [deep]\n    return deep"
DIGITS = "def relu(x):\n    return 1 << 400_000_000"
MILLIONS = "def relu(x):\n    return list(range(20_000_000))"
ZEROS = "def relu(x):\n    return np.lib.stride_tricks.as_strided(np.zeros(1), (10**6, 10**6), (0, 0))"
CYCLE = "def relu(x):\n    loop = []\n    loop.append(loop)\n    return loop"


def returned(name: str, tries: str, code: str) -> Attack:
    """A value that is too large to be sent."""
    return Attack(f"bomb_{name}", tries, right=EARLIER, answers={"relu": code}, earns=5, harmful=True)


ATTACKS = [
    bomb("memory", "takes memory until there is none", MEMORY),
    bomb("shared_memory", "takes shared memory, which limits often forget", SHARED, at_most=True),
    bomb("fork", "forks", FORK, at_most=True),
    bomb("threads", "starts threads", THREADS, at_most=True),
    bomb("children", "starts programs in sessions of their own", CHILDREN, at_most=True),
    bomb("disk", "fills the disk with files", DISK, at_most=True),
    bomb("file", "fills the disk with one file", ONE_FILE, at_most=True),
    bomb("folders", "makes folders", MANY, at_most=True),
    bomb("output", "prints long lines", OUTPUT),
    bomb("lines", "prints many lines", LINES),
    bomb("errors", "prints to standard error", ERRORS),
    bomb("pictures", "shows hundreds of pictures", PICTURES),
    bomb("open", "opens as many files as it can", OPEN, at_most=True),
    bomb("names", "binds a great many names", NAMES),
    returned("huge_tensor", "returns more than a gigabyte", HUGE),
    returned("deep", "returns lists in lists in lists", ENDLESS),
    returned("digits", "returns a number of a hundred million digits", DIGITS),
    returned("millions", "returns millions of objects", MILLIONS),
    returned("zero_strides", "returns an array that is small here and huge there", ZEROS),
    returned("cycle", "returns a list that holds itself", CYCLE),
]
