"""Ends processes: its own, its parents, everybody's. What was earned before an end counts."""

from tests.attacks.attack import Attack

EARLIER = ("double", "softmax")  # 5 points: graded before the cell in which it ends


def ends(name: str, tries: str, code: str, **more: object) -> Attack:
    """Ends in a cell, after two exercises that were right."""
    return Attack(
        f"end_{name}", tries, right=EARLIER, answers={"relu": f"{code}\ndef relu(x):\n    return x"}, harmful=True,
        **{"earns": 5, **more},
    )  # fmt: skip


def ends_in_test(name: str, tries: str, code: str, **more: object) -> Attack:
    """Ends when a test calls."""
    body = "\n".join(f"    {line}" for line in code.split("\n"))
    return Attack(
        f"end_{name}_in_test", tries, right=EARLIER, answers={"relu": f"def relu(x):\n{body}"}, harmful=True,
        **{"earns": 5, **more},
    )  # fmt: skip


EXIT, KILL = "import os\nos._exit(0)", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
SEGFAULT = "import ctypes\nctypes.string_at(0)"
OVERFLOW = """
import ctypes, sys
sys.setrecursionlimit(10**9)
def deeper(n):
    return [n].sort(key=lambda _: deeper(n + 1))
deeper(0)
"""
PARENT = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"
ALL = "import os, signal\nfor sent in (signal.SIGTERM, signal.SIGKILL):\n    os.kill(-1, sent)"
GROUP = "import os, signal\nos.killpg(0, signal.SIGKILL)"
ONE = """
import os, signal
for pid in range(1, 300):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
"""
EXEC = 'import os\nos.execv("/bin/true", ["true"])'
CLOSE = "import os\nos.closerange(0, 4096)"
STREAMS = (
    "import os, sys\nsys.stdout.close(); sys.stderr.close(); sys.stdin.close()\nfor n in (0, 1, 2):\n    os.close(n)"
)
STOP = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"
STOP_PARENT = "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)"
OTHERS = """
import os, signal
for pid in os.listdir("/proc"):
    if pid.isdigit() and int(pid) != os.getpid():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except OSError as error:
            print(pid, error)
"""
TOO_MUCH = "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True:\n    pass"

ATTACKS = [
    ends("exit", "os._exit(0) in a cell", EXIT),
    ends_in_test("exit", "os._exit(0) in a test", EXIT),
    ends("kill", "kills itself in a cell", KILL),
    ends_in_test("kill", "kills itself in a test", KILL),
    ends("abort", "os.abort()", "import os\nos.abort()"),
    ends_in_test("segfault", "reads the address 0", SEGFAULT),
    ends("overflow", "overflows the stack of C", OVERFLOW, at_most=True),
    ends("parent", "kills its parent", PARENT, at_most=True),
    ends("all", "kills every process that it may", ALL, at_most=True),
    ends("group", "kills its process group", GROUP, at_most=True),
    ends("numbers", "kills the processes 1 to 300", ONE, at_most=True),
    ends("others", "kills every process that it sees but itself", OTHERS, at_most=True),
    ends("exec", "becomes another program", EXEC),
    ends("close", "closes every file", CLOSE),
    ends_in_test("close", "closes every file in a test", CLOSE),
    ends("streams", "closes its standard streams", STREAMS, at_most=True),
    ends("stop", "stops itself for ever", STOP, slow=True),
    ends("stop_parent", "stops its parent", STOP_PARENT, slow=True, at_most=True),
    ends("cpu", "sets itself a limit, and runs into it", TOO_MUCH),
    Attack(
        "end_sys_exit",
        "sys.exit in a cell, which ends only the cell",
        right=EARLIER,
        first="import sys\nsys.exit(0)",
        earns=5,
    ),
    Attack(
        "end_by_quit",
        "quit() in every cell",
        right=EARLIER,
        each="quit()",
        earns=5,
        at_most=True,
    ),
]
