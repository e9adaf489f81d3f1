"""Does not come to an end. The limit of a cell ends it; what was earned before counts."""

from tests.attacks.attack import Attack, returning
from tests.attacks.classes.ending import EARLIER


def hangs(name: str, tries: str, code: str, **more: object) -> Attack:
    """Hangs in a cell."""
    return Attack(
        f"hang_{name}", tries, right=EARLIER, answers={"relu": f"{code}\ndef relu(x):\n    return x"}, slow=True,
        **{"earns": 5, **more},
    )  # fmt: skip


def hangs_in_test(name: str, tries: str, code: str, **more: object) -> Attack:
    """Hangs when a test calls."""
    body = "\n".join(f"    {line}" for line in code.split("\n"))
    return Attack(
        f"hang_{name}_in_test", tries, right=EARLIER, answers={"relu": f"def relu(x):\n{body}"}, slow=True,
        **{"earns": 5, **more},
    )  # fmt: skip


LOOP = "while True:\n    pass"
DEAF = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + LOOP
STUBBORN = "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
MASKED = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n" + LOOP
DEADLOCK = "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()"
DRIP = "import time\nwhile True:\n    print('.', flush=True)\n    time.sleep(0.2)"
NATIVE = "import ctypes\nctypes.CDLL(None).pause()"
NUMBER = "n = 10\nfor _ in range(12):\n    n = n ** 10"
REGEX = "import re\nre.match('(a+)+$', 'a' * 60 + 'b')"
JOIN = "import threading\nt = threading.Thread(target=lambda: [0 for _ in iter(int, 1)])\nt.start()\nt.join()"
PIPE = "import os\nr, w = os.pipe()\nos.read(r, 1)"
CHILD = "import subprocess\nsubprocess.run(['sleep', '1000'])"
DELETED = "class Stay:\n    def __del__(self):\n        while True:\n            pass\nStay()"

ATTACKS = [
    hangs("loop", "a loop without an end", LOOP),
    hangs_in_test("loop", "a loop without an end, in a test", LOOP),
    hangs("deaf", "a loop that ignores the interrupt", DEAF),
    hangs_in_test(
        "deaf", "a loop that ignores the interrupt, in a test", DEAF.replace("signal.signal(", "(lambda *a: 0)(")
    ),
    hangs("stubborn", "a loop that catches every exception", STUBBORN),
    hangs("masked", "a loop with all signals blocked", MASKED),
    hangs("sleep", "sleeps", "import time\ntime.sleep(100000)"),
    hangs("deadlock", "waits for its own lock", DEADLOCK),
    hangs_in_test("deadlock", "waits for its own lock, in a test", DEADLOCK),
    hangs("drip", "prints a dot now and then", DRIP),
    hangs("native", "waits in C", NATIVE),
    hangs("number", "a power that takes for ever, and cannot be interrupted", NUMBER),
    hangs_in_test("regex", "a regular expression that takes for ever", REGEX),
    hangs("thread", "waits for a thread that loops", JOIN),
    hangs("pipe", "reads a pipe into which nobody writes", PIPE),
    hangs("child", "waits for a program", CHILD),
    hangs("finaliser", "loops while it is cleared away", DELETED),
    Attack(
        "hang_magics",
        "a cell of commands that takes long to read",
        last="\n".join(["!true"] * 400),
        right=EARLIER,
        earns=5,
        slow=True,
    ),
    Attack(
        "hang_everywhere",
        "every answer hangs, in every test",
        first="def hang():\n    while True:\n        pass",
        answers={**returning("hang()"), "data": "GIGABYTE = 0"},
        slow=True,
    ),
    Attack(
        "hang_a_little",
        "takes a little less than the limit, in every cell and every call",
        right=EARLIER,
        each="import time; time.sleep(0.3)",
        earns=5,
        slow=True,
    ),
]
