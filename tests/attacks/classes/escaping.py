"""Tries the walls: other processes, other inmates, limits, namespaces, devices."""

from tests.attacks.attack import Attack
from tests.attacks.payloads import MARK

PROCESSES = """
import os
for pid in os.listdir("/proc"):
    if pid.isdigit():
        for name in ("cmdline", "environ", "maps"):
            try:
                print(pid, name, open(f"/proc/{pid}/{name}", errors="replace").read()[:300])
            except OSError as error:
                print(pid, error)
"""
ROOTS = (
    MARK
    + """
import glob, os
for root in glob.glob("/proc/*/root") + glob.glob("/proc/*/cwd") + glob.glob("/proc/*/fd/*"):
    mark(f"{root}@COURSE@/attack-marker-@ME@", f"{root}/attack-marker-@ME@", f"{root}/tmp/attack-marker-@ME@")
    try:
        print(root, os.listdir(root + "@COURSE@"))
        print("LEAK", open(root + "@HOME@/.secret").read())
    except OSError:
        pass
"""
)
TRACE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in [os.getppid(), 1, *(int(one) for one in os.listdir("/proc") if one.isdigit())]:
    if pid != os.getpid() and pid > 0:
        print(pid, libc.ptrace(16, pid, 0, 0), os.strerror(ctypes.get_errno()))
        print(pid, libc.ptrace(17, pid, 0, 0))
        try:
            with open(f"/proc/{pid}/mem", "r+b", 0) as memory:
                print("open", pid)
        except OSError as error:
            print(error)
"""
LIMITS = """
import os, resource
for name in dir(resource):
    if name.startswith("RLIMIT_"):
        try:
            resource.setrlimit(getattr(resource, name), (-1, -1))
            print("raised", name)
        except (OSError, ValueError) as error:
            print(name, error)
try:
    os.nice(-20)
except OSError as error:
    print(error)
import glob
names = ("/sys/fs/cgroup/**/*.max", "/sys/fs/cgroup/**/*limit*")
for path in [path for name in names for path in glob.glob(name, recursive=True)]:
    try:
        open(path, "w").write("max")
        print("raised", path)
    except OSError:
        pass
"""
DOORS = """
import os, socket
paths = set()
try:
    for line in open("/proc/net/unix"):
        parts = line.split()
        if len(parts) > 7:
            paths.add(parts[7])
except OSError as error:
    print(error)
for folder in ("/run", "/tmp", "/var/run", os.getcwd()):
    for place, _, files in os.walk(folder):
        paths |= {os.path.join(place, name) for name in files[:200]}
import struct, json
request = json.dumps({"limits": {"wall_s": 1e9, "memory_mb": 10**6}, "files": {"../../x": ""}, "seed": 0}).encode()
for path in paths:
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
        try:
            with socket.socket(socket.AF_UNIX, kind) as way:
                way.settimeout(0.3)
                way.connect("\\0" + path[1:] if path.startswith("@") else path)
                way.sendall(struct.pack("!I", len(request)) + request)
                print("talked to", path, way.recv(1000)[:200])
        except OSError:
            pass
"""
INHERITED = """
import os, stat
for number in sorted(os.listdir("/proc/self/fd"), key=int):
    try:
        target = os.readlink(f"/proc/self/fd/{number}")
        print(number, target)
        if int(number) > 2 and not target.startswith(("socket:", "anon_inode")):
            os.write(int(number), b"attack")
        if stat.S_ISDIR(os.fstat(int(number)).st_mode):
            print(os.listdir(int(number)), os.open("..", os.O_RDONLY, dir_fd=int(number)))
    except OSError as error:
        print(error)
"""
NAMESPACES = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x08000000, 0x04000000, 0x02000000):
    print(hex(flag), libc.unshare(flag), os.strerror(ctypes.get_errno()))
print(libc.mount(b"none", b"/tmp", b"tmpfs", 0, 0), libc.umount2(b"/proc", 2), libc.chroot(b"."))
print(libc.mount(None, b"/", None, 32 | 4096, None))
for name in ("mnt", "pid", "net", "user"):
    for pid in ("1", str(os.getppid())):
        try:
            where = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
            print(name, pid, libc.setns(where, 0))
        except OSError as error:
            print(error)
print(libc.setuid(0), libc.setgid(0), libc.setgroups(0, None), libc.prctl(22, 0))
"""
CALLS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
risky = {"bpf": 321, "perf_event_open": 298, "io_uring_setup": 425, "keyctl": 250, "add_key": 248, "userfaultfd": 323,
         "kexec_load": 246, "init_module": 175, "process_vm_readv": 310, "open_by_handle_at": 304, "clone3": 435,
         "memfd_create": 319, "pidfd_open": 434, "mount_setattr": 442, "fsopen": 430, "ioperm": 173, "sethostname": 170}
for name, number in risky.items():
    zero = ctypes.c_long(0)
    print(name, libc.syscall(ctypes.c_long(number), zero, zero, zero, zero, zero), ctypes.get_errno())
"""
TERMINAL = """
import fcntl, os, termios
for number in (0, 1, 2):
    for letter in b"touch /tmp/attack-marker-@ME@\\n":
        try:
            fcntl.ioctl(number, termios.TIOCSTI, bytes([letter]))
        except OSError as error:
            print(error)
            break
"""
DEVICES = """
import glob, os
for path in ["/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/proc/kcore",
             "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/1/oom_score_adj", "/proc/self/uid_map"]:
    for mode in ("rb", "r+b"):
        try:
            with open(path, mode, 0) as file:
                print("opened", path, mode)
        except OSError as error:
            print(error)
"""
SETUID = """
import glob, os, stat, subprocess
for folder in ("/bin", "/usr/bin", "/usr/sbin", "/usr/lib"):
    for path in glob.glob(f"{folder}/*"):
        try:
            if os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
                print(path)
        except OSError:
            pass
for command in ("su -c id", "sudo -n id", "mount -t tmpfs x /mnt", "bwrap --bind / / id", "unshare -Ur id"):
    try:
        print(command, subprocess.run(command.split(), capture_output=True, timeout=2, stdin=subprocess.DEVNULL))
    except (OSError, subprocess.SubprocessError) as error:
        print(error)
"""
MEMORY_FILE = """
import ctypes, os
try:
    number = os.memfd_create("program")
    os.write(number, open("/bin/true", "rb").read())
    if os.fork() == 0:
        os.execve(number, ["true"], {})
    print(os.wait())
except OSError as error:
    print(error)
"""
NEIGHBOURS = (
    MARK
    + """
import glob, os
places = ("/work/../*/", "/run/*", "/tmp/*", "/proc/[0-9]*/cwd/*.ipynb")
for path in [path for place in places for path in glob.glob(place)]:
    print(path)
    try:
        print(open(path, errors="replace").read()[:200] if os.path.isfile(path) else os.listdir(path)[:20])
    except OSError as error:
        print(error)
    mark(f"{path}/attack-marker-@ME@")
"""
)


def escapes(name: str, tries: str, code: str, **more: object) -> Attack:
    """An attack on the walls, with wrong answers."""
    return Attack(f"escape_{name}", tries, first=code, harmful=True, **more)


ATTACKS = [
    escapes("processes", "reads all other processes", PROCESSES),
    escapes("roots", "goes through other processes' roots and open files", ROOTS),
    escapes("trace", "traces other processes, writes their memory", TRACE, at_most=True),
    escapes("limits", "raises its limits", LIMITS),
    escapes("doors", "speaks to every socket that it can find", DOORS, at_most=True),
    escapes("inherited", "writes into every open file that it was left", INHERITED, at_most=True),
    escapes("namespaces", "makes namespaces, mounts, changes its root", NAMESPACES, at_most=True),
    escapes("system_calls", "calls what kernels were broken by", CALLS, at_most=True),
    escapes("terminal", "types into the instructor's terminal", TERMINAL),
    escapes("devices", "opens devices and the kernel's switches", DEVICES),
    escapes("setuid", "runs programs that may more", SETUID),
    escapes("memory_file", "runs a program from memory", MEMORY_FILE),
    escapes("neighbours", "looks for the folders of others who are graded at the same time", NEIGHBOURS),
]
