"""Speaks with the court itself: finds the socket, and sends what the student's side would never send."""

from tests.attacks.attack import Attack

FIND = """
import gc, os, socket, struct, sys, threading, time
def objects(name):
    found = [one for one in gc.get_objects() if type(one).__name__ == name]
    frame = sys._getframe()
    while frame:
        found += [one for one in frame.f_locals.values() if type(one).__name__ == name]
        frame = frame.f_back
    return found
def sockets():
    found = [one for one in gc.get_objects() if type(one) is socket.socket and one.fileno() >= 0]
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{number}").startswith("socket:"):
                found.append(socket.socket(fileno=os.dup(int(number))))
        except OSError:
            pass
    return [one for one in found if one.family == socket.AF_UNIX]
def send_raw(data):
    for one in sockets():
        try:
            one.setblocking(True)
            one.sendall(data)
        except OSError as error:
            print(error)
desk = next(iter(objects("Desk")), None)
channel = desk.channel if desk else next(iter(objects("Channel")), None)
"""
# Replaces the answer to each question: `forged(question, said, blobs)` gives what is sent.
ANSWERS = (
    FIND
    + """
asked = {}
answer, send = type(desk)._answer, type(channel).send
def _answer(self, question, blobs):
    asked["now"] = question
    return answer(self, question, blobs)
def forge(self, message, blobs=(), *more, **others):
    for one, parts in forged(asked.get("now", {}), message, list(blobs)):
        send(self, one, parts, *more, **others)
type(desk)._answer, type(channel).send = _answer, forge
"""
)


def forges(name: str, tries: str, code: str, **more: object) -> Attack:
    """Gives each answer as `code`, the body of forged(question, said, blobs), says: a list of messages."""
    body = "\n".join(f"    {line}" for line in code.strip().split("\n"))
    return Attack(f"forge_{name}", tries, first=f"def forged(question, said, blobs):\n{body}\n{ANSWERS}", **more)


def sends(name: str, tries: str, code: str, **more: object) -> Attack:
    """Runs `code` beside the conversation."""
    return Attack(f"forge_{name}", tries, first=FIND + code, **more)


TWICE = "return [(said, blobs), (said, blobs)]"
NONE = "return []"
EMPTY = "return [({}, [])]"
BOTH = 'return [({**said, "error": {"type": "StopIteration"}, "callback": 0}, blobs)]'
TRUE = 'return [({"ok": [True, None]}, []) if question.get("do") == "operate" else (said, blobs)]'
NAMES = """
if question.get("do") == "look":
    claimed = ["np", "torch", "close", "all", "sum", "abs", "len", "isinstance", "expected", "more", "calls", "score",
               "parabola", "assert_equal", "AssertionError", "ValueError", "__builtins__", "__name__", "sorted", "map"]
    return [({"ok": {**said["ok"], **{name: [True, 0] for name in claimed}}}, blobs)]
return [(said, blobs)]
"""
COUNTS = """
if question.get("do") == "look":
    counts = [-1, 10**9, "x", None, 1.5, True]
    return [({"ok": {name: [value[0], counts[n % 6]] for n, (name, value) in enumerate(said["ok"].items())}}, blobs)]
return [(said, blobs)]
"""
REFERENCES = """
tokens = [{"number": -1}, {"number": 10**30}, {"number": True}, {"number": "0"}, {"callback": -1}, {"callback": 999},
          {"callback": True}, {"shared": "close"}, {"import": ["os", "system"]}, {"number": 0, "kind": "object"},
          {"number": 1, "kind": "class", "name": "a\\x00b", "type": "x", "can": ["call"] * 1000},
          {"number": 2, "kind": "exception", "name": "\\x00", "type": "x", "can": [], "base": "SystemExit"}]
import itertools
asked.setdefault("turn", itertools.count())
if question.get("do") in ("operate", "look"):
    token = tokens[next(asked["turn"]) % len(tokens)]
    def put(tree):
        if isinstance(tree, dict):
            return {key: token if key in ("ref", "r") else put(value) for key, value in tree.items()}
        return [put(one) for one in tree] if isinstance(tree, list) else tree
    return [(put(said), blobs)]
return [(said, blobs)]
"""
MUTATED = """
import random
dice = random.Random(str(sorted(question)))
leaves = [None, True, -1, 10**40, 1e308, "", "x" * 1000, [], {}, [[]], {"": 0}, "nan", {"a": {"b": []}}]
def put(tree):
    if dice.random() < 0.15:
        return dice.choice(leaves)
    if isinstance(tree, dict):
        return {dice.choice([key, key, key, "x"]): put(value) for key, value in tree.items()}
    return [put(one) for one in tree] if isinstance(tree, list) else tree
if question.get("do") == "cell":
    return [(said, blobs)]
changed = put(said)
return [(changed if isinstance(changed, dict) else {"ok": changed}, [bytes(one)[:-1] for one in blobs])]
"""
IN_PLACE = """
if question.get("do") == "operate" and question.get("how") == "call" and "with" in question:
    # The arguments come back changed: zeros for numbers, nothing in lists.
    def put(tree):
        if isinstance(tree, bool) or tree is None:
            return tree
        if isinstance(tree, int | float):
            return 0
        if isinstance(tree, list):
            return [put(one) for one in tree]
        if isinstance(tree, dict):
            return {key: value if key in ("shape", "dtype", "blob") else put(value) for key, value in tree.items()}
        return tree
    return [({"ok": [(said.get("ok") or [0])[0], put(question["with"])]}, blobs)]
return [(said, blobs)]
"""
ERROR = """
if question.get("do") == "operate":
    return [({"error": {"type": TYPE, "module": MODULE, "base": BASE, "class": None, "args": [], "text": "x"}}, [])]
return [(said, blobs)]
"""


def error(kind: str, module: str, base: str = "Exception") -> str:
    """An answer that is an error of this kind."""
    return ERROR.replace("TYPE", repr(kind)).replace("MODULE", repr(module)).replace("BASE", repr(base))


STOPS = """
import types
found = [(name, key) for name, module in list(sys.modules.items()) if isinstance(module, types.ModuleType)
         for key, value in list(vars(module).items())
         if isinstance(value, type) and issubclass(value, (StopIteration, StopAsyncIteration, GeneratorExit))]
asked.setdefault("left", found or [("builtins", "StopIteration")])
if question.get("do") == "operate":
    module, kind = asked["left"][0]
    asked["left"] = asked["left"][1:] + asked["left"][:1]
    return [({"error": {"type": kind, "module": module, "base": kind, "class": None, "args": [], "text": ""}}, [])]
return [(said, blobs)]
"""
OUTPUTS = """
evil = "<script>alert(6)</script>"
if question.get("do") == "cell":
    return [({"outputs": [
        {"output_type": "display_data", "data": {"text/html": evil, "image/svg+xml": evil, "image/png": evil},
         "metadata": {"x": evil}},
        {"output_type": "execute_result", "data": {"application/javascript": "alert(6)", "text/plain": [evil, 5]}},
        {"output_type": "stream", "name": evil, "text": evil}, {"output_type": evil}, 5, None, [],
        {"output_type": "error", "ename": evil, "evalue": evil, "traceback": [evil, 7, None]},
    ], "error": evil}, [])]
return [(said, blobs)]
"""
FLOOD = """
if question.get("do") == "cell":
    return [({"outputs": [{"output_type": "stream", "name": "stdout", "text": "x" * 1000}] * 20_000}, [])]
return [(said, blobs)]
"""
NO_OUTPUTS = """
if question.get("do") == "cell":
    return [(dict([("outputs", 5), ("error", {})]), [])]
return [(said, blobs)]
"""
DEEP = """
if question.get("do") == "operate":
    deep = []
    for _ in range(900):
        deep = [deep]
    return [({"ok": deep}, [])]
return [(said, blobs)]
"""
CALLS = """
if question.get("do") == "operate":
    numbers = (0, 0, -1, 5, True, 1.5, "0", None)
    return [*[({"callback": number, "with": [[], {}]}, []) for number in numbers], (said, blobs)]
return [(said, blobs)]
"""
BLOBS = """
return [(said, [b"x" * 1000] * 300)]
"""
LENGTHS = """
def flood():
    time.sleep(0.2)
    much = struct.pack("!4sQQ", b"JUDG", 2**63, 2**32)
    for header in (b"\\xff" * 64, b"\\x00" * 64, much, b"{" * 4096, b"[" * 200_000):
        send_raw(header)
threading.Thread(target=flood, daemon=True).start()
"""
DRIBBLE = """
def drip():
    while True:
        send_raw(b"\\x00")
        time.sleep(0.05)
threading.Thread(target=drip, daemon=True).start()
time.sleep(0.5)
"""
AHEAD = """
for _ in range(50):
    try:
        channel.send({"ok": [True, None]})
        channel.send({"ok": {}})
    except Exception as error:
        print(error)
"""
LISTEN = """
# Reads the questions before the student's side does, and gives them back to nobody.
def steal():
    for one in sockets():
        try:
            print(one.recv(1 << 16)[:100])
        except OSError as error:
            print(error)
threading.Thread(target=steal, daemon=True).start()
"""
CLOSED = """
for one in sockets():
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        print(error)
"""
DEAF = """
def forever():
    while True:
        send_raw(b"\\x00" * (1 << 20))
for _ in range(2):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(1)
"""
DESCRIPTORS = """
import array
for one in sockets():
    for _ in range(200):
        try:
            one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2] * 20))])
        except OSError as error:
            print(error)
            break
"""
LATE = """
real = type(channel).send
def slow(*a, **k):
    time.sleep(30)
    return real(*a, **k)
type(channel).send = slow
"""
ELEMENTS = """\
class Account:
    # The history has no end, and each of its elements is large: the court must not keep them all.
    def __init__(self, balance=0):
        self.balance = balance
    @property
    def history(self):
        return (bytes(16 << 20) for _ in range(200))
    def deposit(self, amount):
        self.balance += amount
        return self.balance
    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError
        return self.deposit(-amount)"""
COLLIDING = """\
def double(x):
    # Numbers that all have the same hash: a set of them costs the square of its size.
    return [key * (2**61 - 1) for key in range(1, 30_000)]"""

LEAVES = 'return [({"error": {"type": "@KIND", "module": "builtins", "args": [], "text": "", "class": None}}, [])]'

ATTACKS = [
    forges("cell_exit", "says that each cell ends the grader", LEAVES.replace("@KIND", "SystemExit")),
    forges("interrupted", "says that somebody pressed Ctrl-C", LEAVES.replace("@KIND", "KeyboardInterrupt")),
    forges("twice", "answers every question twice", TWICE),
    forges("silence", "does not answer", NONE, slow=True),
    forges("empty", "answers nothing", EMPTY),
    forges("both", "an answer, an error and a call in one message", BOTH),
    forges("true", "True is the answer to every call", TRUE),
    forges("names", "claims names that belong to the tests", NAMES),
    forges("counts", "says nonsense about how much belongs to a name", COUNTS),
    forges("references", "refers to what there is not", REFERENCES),
    forges("mutated", "changes a part of every message at random", MUTATED),
    forges("in_place", "says that every argument was changed", IN_PLACE),
    forges("stop_iteration", "raises StopIteration", error("StopIteration", "builtins")),
    forges("stop_elsewhere", "raises what any module calls StopIteration", STOPS),
    forges("stop_base", "an error of its own below StopIteration", error("Mine", "student", "StopIteration")),
    forges("exit", "raises SystemExit", error("SystemExit", "builtins")),
    forges("courts_own", "raises the court's own errors", error("Gone", "labkit.grading.judge.court")),
    forges("no_error", "raises what is no error", error("print", "builtins")),
    forges("lazy_error", "raises what a module would have to import", error("compiler", "torch")),
    forges("outputs", "says that a cell put out scripts", OUTPUTS),
    forges("outputs_flood", "says that a cell put out 20 MB", FLOOD, at_most=True),
    forges("no_outputs", "says that a cell's outputs are a number", NO_OUTPUTS),
    forges("deep", "answers lists nested 900 deep", DEEP),
    forges("calls", "calls functions that it was not given", CALLS),
    forges("blobs", "sends parts that belong to nothing", BLOBS),
    sends("lengths", "sends headers that announce everything", LENGTHS),
    sends("dribble", "sends a byte now and then", DRIBBLE),
    sends("ahead", "answers before it is asked", AHEAD),
    sends("listen", "takes the questions away from its own side", LISTEN, slow=True, at_most=True),
    sends("closed", "closes the conversation", CLOSED),
    sends("flood", "sends without an end, and never listens", DEAF, slow=True),
    sends("descriptors", "sends open files", DESCRIPTORS),
    sends("late", "answers when time is over", LATE, slow=True),
    Attack("forge_elements", "a list of 3 GB, one large element after the other", answers={"account": ELEMENTS}),
    Attack("forge_collisions", "numbers that all have the same hash", answers={"double": COLLIDING}),
]
