"""Stays behind: what goes on after the cell, or comes when nobody looks."""

from tests.attacks.attack import Attack

SPOIL = """
import builtins, sys
def spoil():
    names = sys.modules["__main__"].__dict__
    names.update(close=lambda a, b: True, score=4)
    if isinstance(names.get("calls"), list):
        names["calls"][:] = [1, 2, 3, 4]
    names.update(all=lambda *a: True, isinstance=lambda *a: True)
    import numpy.testing, torch.testing
    numpy.testing.assert_allclose = torch.testing.assert_close = lambda *a, **k: None
"""
THREAD = (
    SPOIL
    + """
import threading, time
def go_on():
    while True:
        try:
            spoil()
        except Exception:
            pass
        time.sleep(0.01)
threading.Thread(target=go_on, daemon=True).start()
"""
)
ALARM = (
    SPOIL
    + """
import signal
def ring(number, frame):
    spoil()
    while frame:
        frame.f_globals["score"] = 4
        frame = frame.f_back
signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
"""
)
EXIT = """
import atexit, weakref, os, signal
def rise():
    print("4.0")
    try:
        open("@COURSE@/attack-marker-@ME@", "w").write("@ME@")
    except OSError:
        pass
    while True:
        signal.pause()
atexit.register(rise)
class Late:
    def __del__(self):
        rise()
late = Late()
weakref.finalize(late, rise)
"""
NON_DAEMON = """
import threading, time
def stay():
    while True:
        time.sleep(1)
for _ in range(4):
    threading.Thread(target=stay, daemon=False).start()
"""
DAEMON = """
import os, sys, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(3, 256):
                try:
                    os.close(number)
                except OSError:
                    pass
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(987654)"])
        os._exit(0)
"""
FORKED = """
import os, signal, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    while True:
        time.sleep(1)
"""
ASYNC = (
    SPOIL
    + """
import asyncio
async def wait():
    while True:
        spoil()
        await asyncio.sleep(0.01)
try:
    task = asyncio.get_running_loop().create_task(wait())
except RuntimeError as error:
    print(error)
"""
)
GARBAGE = (
    SPOIL
    + """
import gc
def on_collection(phase, info):
    spoil()
gc.callbacks.append(on_collection)
gc.set_threshold(10)
"""
)
AUDIT = (
    SPOIL
    + """
import sys
def hear(event, arguments):
    if event in ("exec", "compile", "sys._getframe", "import"):
        sys.modules["__main__"].__dict__["close"] = lambda a, b: True
sys.addaudithook(hear)
"""
)
FORK_ANSWERS = """
import os
def double(x):
    # Both go on from here, and both answer.
    os.fork()
    return 0
"""

ATTACKS = [
    Attack("linger_thread", "a thread patches the tests while they run", first=THREAD),
    Attack("linger_alarm", "a timer's signal patches the tests while they run", first=ALARM),
    Attack("linger_exit", "acts, and stays, when its process ends", first=EXIT, harmful=True),
    Attack("linger_threads", "threads that keep the process from ending", first=NON_DAEMON),
    Attack("linger_daemons", "leaves processes in sessions of their own", first=DAEMON, harmful=True),
    Attack("linger_fork", "leaves a fork that ignores requests to end", first=FORKED, harmful=True),
    Attack("linger_task", "a task in the kernel's event loop patches the tests", first=ASYNC),
    Attack("linger_collector", "patches whenever garbage is collected", first=GARBAGE),
    Attack("linger_audit_hook", "an audit hook patches whenever something is executed", first=AUDIT),
    Attack(
        "linger_two_answer",
        "forks inside a test, so that two processes answer",
        answers={"double": FORK_ANSWERS},
        harmful=True,
    ),
]
