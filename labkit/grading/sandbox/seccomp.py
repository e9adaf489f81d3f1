"""The system calls that a student's process may not make: a filter in the kernel's own small machine language.

What is forbidden reaches the kernel where it is weakest (namespaces, mounts, eBPF, io_uring, keys, modules), looks into
other processes, changes the machine, or makes memory that no count of ours sees. Threads, fork, exec, sockets of the
own network namespace, and everything numerical stay. The instructions are those of classic BPF (man 2 seccomp).
"""

import ctypes
import errno
import struct

from labkit.grading.sandbox import linux

LOAD, EQUAL, SHARED_BIT, RETURN = 0x20, 0x15, 0x45, 0x06  # ld word, jeq, jset, ret
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # where struct seccomp_data holds them
ALLOW, KILL_PROCESS, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_BIT = 0x40000000
NAMESPACES = 0x80 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
UNIX, INET, INET6, NETLINK, ROUTE = 1, 2, 10, 16, 0

# name: (number on x86-64, number on aarch64; -1 where it does not exist)
FORBIDDEN = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "create_module": (174, -1),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "lookup_dcookie": (212, 18),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "nfsservctl": (180, 42),
    "uselib": (134, -1),
    "_sysctl": (156, -1),
    "syslog": (103, 116),
    "personality": (135, 92),
    "modify_ldt": (154, -1),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "vhangup": (153, 58),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    # Memory that belongs to no process: the watching process would not see it.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
}
CLONE, CLONE3, SOCKET, IOCTL = (56, 220), (435, 435), (41, 198), (16, 29)


def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction; jumps are counted in instructions to skip."""
    return struct.pack("HBBI", code, if_true, if_false, value)


def refuse(number: int) -> bytes:
    """The call fails with this errno."""
    return step(RETURN, ERRNO | number)


def argument(index: int) -> bytes:
    """Load the low half of an argument: what an `int` parameter is."""
    return step(LOAD, ARGUMENTS + 8 * index)


def only(number: int, body: list[bytes]) -> list[bytes]:
    """Run the body for this system call and skip it for others; the body has to end in a return."""
    return [step(EQUAL, number, 0, len(body)), *body]


def sockets(allowed: tuple[int, ...]) -> list[bytes]:
    """Allow sockets of these families and refuse the others. With NETLINK only its routing protocol is allowed."""
    plain = [family for family in allowed if family != NETLINK]
    steps = [step(RETURN, ALLOW)]
    if NETLINK in allowed:  # gloo asks it for the addresses of the machine, which are those of the own namespace
        steps = [step(EQUAL, NETLINK, 1), refuse(errno.EAFNOSUPPORT), argument(2), step(EQUAL, ROUTE, 1), *steps]
        steps.insert(-1, refuse(errno.EAFNOSUPPORT))
    else:
        steps = [refuse(errno.EAFNOSUPPORT), *steps]
    tests = [step(EQUAL, family, len(plain) - at - 1 + len(steps) - 1) for at, family in enumerate(plain)]
    return [argument(0), *tests, *steps]


def program(machine: str, families: tuple[int, ...]) -> bytes:
    """The filter for a machine, one instruction after the other."""
    column = list(AUDIT).index(machine)
    steps = [step(LOAD, ARCHITECTURE), step(EQUAL, AUDIT[machine], 1), step(RETURN, KILL_PROCESS), step(LOAD, NUMBER)]
    if machine == "x86_64":  # a second table of the same calls, under other numbers
        steps += [step(SHARED_BIT, X32_BIT, 0, 1), refuse(errno.ENOSYS)]
    for numbers in FORBIDDEN.values():
        if numbers[column] >= 0:
            steps += only(numbers[column], [refuse(errno.EPERM)])
    # The flags of clone3 lie in memory, which a filter cannot read: without clone3, libraries use clone.
    steps += only(CLONE3[column], [refuse(errno.ENOSYS)])
    clone = [argument(0), step(SHARED_BIT, NAMESPACES, 0, 1), refuse(errno.EPERM), step(RETURN, ALLOW)]
    steps += only(CLONE[column], clone)
    steps += only(SOCKET[column], sockets(families))
    typing = [argument(1), step(EQUAL, TIOCSTI, 1), step(EQUAL, TIOCLINUX, 0, 1), refuse(errno.EPERM)]
    steps += only(IOCTL[column], [*typing, step(RETURN, ALLOW)])
    return b"".join([*steps, step(RETURN, ALLOW)])


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def is_known() -> bool:
    """Whether there is a table for this machine."""
    return linux.machine() in AUDIT


def install(inet: bool) -> None:
    """Filter this process and all its children, for good. `inet`: whether it may make sockets at all."""
    if not is_known():
        return
    code = program(linux.machine(), (UNIX, INET, INET6, NETLINK) if inet else ())
    memory = ctypes.create_string_buffer(code, len(code))
    filter_ = Program(len(code) // 8, ctypes.addressof(memory))
    linux.prctl(linux.NO_NEW_PRIVS, 1)
    linux.prctl(linux.SECCOMP, 2, ctypes.addressof(filter_))
