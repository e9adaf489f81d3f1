"""The filter for every processor, run here by a small machine of our own."""

import errno
import struct

import pytest

from labkit.grading.sandbox import seccomp
from labkit.grading.sandbox.seccomp import ALLOW, ERRNO, INET, KILL_PROCESS, NETLINK, UNIX


def verdict(program, audit, number, *arguments):
    """What the filter says to a system call."""
    values = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    call = struct.pack("iIQ6Q", number, audit, 0, *values)
    steps = list(struct.iter_unpack("HBBI", program))
    at = loaded = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == seccomp.RETURN:
            return value
        if code == seccomp.LOAD:
            loaded = struct.unpack_from("I", call, value)[0]
        else:
            holds = loaded == value if code == seccomp.EQUAL else bool(loaded & value)
            at += if_true if holds else if_false


@pytest.fixture(params=seccomp.AUDIT)
def machine(request):
    """The filter of a processor, its audit number, and its column in the tables."""
    audit = seccomp.AUDIT[request.param]
    program = seccomp.program(request.param, (UNIX, INET, NETLINK))
    return lambda number, *arguments: verdict(program, audit, number, *arguments), list(seccomp.AUDIT).index(
        request.param
    )


def test_every_forbidden_call_fails(machine):
    ask, column = machine
    for name, numbers in seccomp.FORBIDDEN.items():
        if numbers[column] >= 0:
            assert ask(numbers[column]) == ERRNO | errno.EPERM, name


def test_what_programs_need_is_allowed(machine):
    ask, column = machine
    needed = [(0, 63), (1, 64), (9, 222), (59, 221), (61, 260), (202, 98)]  # read write mmap execve wait4 futex
    assert {ask(numbers[column]) for numbers in needed} == {ALLOW}


def test_new_processes_and_threads_yes_namespaces_no(machine):
    ask, column = machine
    clone = seccomp.CLONE[column]
    assert ask(clone, 0x3D0F00) == ALLOW  # a thread, as glibc makes it
    assert ask(clone, 0x1200011) == ALLOW  # fork
    for namespace in (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert ask(clone, namespace | 17) == ERRNO | errno.EPERM
    assert ask(seccomp.CLONE3[column]) == ERRNO | errno.ENOSYS


def test_sockets_of_the_families_asked_for(machine):
    ask, column = machine
    got = [ask(seccomp.SOCKET[column], family) for family in (UNIX, INET, NETLINK, 10, 17, 40)]
    assert got == [ALLOW] * 3 + [ERRNO | errno.EAFNOSUPPORT] * 3
    assert ask(seccomp.SOCKET[column], NETLINK, 3, 12) == ERRNO | errno.EAFNOSUPPORT  # the firewall's protocol


def test_no_sockets_where_none_is_allowed():
    program = seccomp.program("x86_64", ())
    assert verdict(program, seccomp.AUDIT["x86_64"], 41, NETLINK) == ERRNO | errno.EAFNOSUPPORT
    assert verdict(program, seccomp.AUDIT["x86_64"], 41, UNIX) == ERRNO | errno.EAFNOSUPPORT


def test_typing_into_a_terminal_fails(machine):
    ask, column = machine
    ioctl = seccomp.IOCTL[column]
    assert [ask(ioctl, 0, request) for request in (0x5412, 0x541C)] == [ERRNO | errno.EPERM] * 2
    assert ask(ioctl, 0, 0x5413) == ALLOW
    assert ask(ioctl, 0, 0xFFFF00005412) == ERRNO | errno.EPERM  # the kernel looks at the low half, and so do we


def test_other_tables_of_calls_are_closed():
    program = seccomp.program("x86_64", ())
    assert verdict(program, 0x40000003, 1) == KILL_PROCESS  # 32-bit
    assert verdict(program, seccomp.AUDIT["x86_64"], seccomp.X32_BIT | 0) == ERRNO | errno.ENOSYS
