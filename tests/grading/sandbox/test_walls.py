"""What an inmate cannot see, write or reach."""

import os
import socket
from pathlib import Path

import pytest

from labkit.grading.sandbox import bubblewrap, linux, seccomp
from tests.grading.sandbox.conftest import GENEROUS
from tests.grading.sandbox.inside import line, run, script

COURSE = Path(__file__).resolve().parents[3]
OWN = ("/work", "/tmp", "/dev/shm", "/dev/pts", "/proc")
DEVICES = {f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx")}


@pytest.mark.parametrize("path", ["pyproject.toml", "notebooks", "assignments", "tests", ".git"])
def test_it_sees_no_file_of_the_course(walled, path):
    assert (COURSE / "pyproject.toml").exists()
    assert run(
        walled, f"say(os.path.exists({str(COURSE / path)!r}), os.path.exists('/labkit/package/{path}'))"
    ).said == ["False False"]


def test_it_sees_the_package_and_nothing_beside_it(walled):
    assert run(walled, "say(os.listdir('/labkit/package'))\nimport labkit.home\nsay(labkit.home.home())").said == [
        "['labkit']",
        "/tmp/home/labkit",
    ]


def test_it_sees_neither_the_home_of_the_grader_nor_other_folders(walled, tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path))
    secret = tmp_path / "secret"
    secret.write_text("42")
    paths = [str(secret), str(Path("~/.bashrc").expanduser()), "/etc/shadow", "/var/lib", "/sys", "/home", "/boot"]
    assert run(walled, f"say([path for path in {paths!r} if os.path.exists(path)])").said == ["[]"]


def test_its_environment_is_not_ours(walled, monkeypatch):
    monkeypatch.setenv("LABKIT_SECRET", "42")
    said = run(walled, "say('LABKIT_SECRET' in os.environ, os.environ['PYTHONHASHSEED'], os.environ['HOME'])").said
    assert said == ["False 0 /tmp/home"]


def test_every_mount_but_its_own_is_read_only(walled):
    mounts = [line.split()[4:6] for line in run(walled, "say(open('/proc/self/mountinfo').read())").said if line]
    writable = {place for place, options in mounts if "rw" in options.split(",")}
    assert writable - DEVICES <= set(OWN)
    assert {place for place, _ in mounts} >= {"/", "/dev", "/usr", "/labkit/package/labkit", *OWN}


def test_it_can_write_only_to_its_own_folders(walled):
    skipped = (*OWN, "/usr", "/labkit/venv", *bubblewrap.bases())  # the latter large, and read-only mounts
    code = f"""
        def writable():
            for top, folders, files in os.walk("/"):
                folders[:] = [one for one in folders if os.path.join(top, one) not in {skipped}]
                for path in (top, *(os.path.join(top, one) for one in files)):
                    if not os.path.islink(path) and os.access(path, os.W_OK):
                        yield path
        say(*writable())
    """
    assert set(run(walled, code).said[0].split()) <= DEVICES


def test_nothing_that_it_writes_is_seen_by_another(walled):
    write = """
        for folder in ("/work", "/tmp", "/dev/shm", "/tmp/home", "/dev", "/dev/pts", "/var/tmp", "/"):
            fails(lambda: open(folder + "/trace", "w").write("x"))
        os.openpty()
        say("written")
        time.sleep(600)
    """
    look = """
        places = ("/work", "/tmp", "/dev/shm", "/tmp/home", "/dev", "/dev/pts", "/var/tmp", "/", "/labkit/own")
        say([place for place in places if "trace" in os.listdir(place)])
        say(sorted(os.listdir("/dev/pts")))
    """
    with walled.admit(GENEROUS, script(write)) as first:
        assert line(first) == "written"
        assert run(walled, look).said == ["[]", "['ptmx']"]


def test_it_holds_no_open_file_but_its_socket(walled):
    said = run(
        walled, "say(sorted(os.listdir('/proc/self/fd')))\nsay(sock.fileno(), os.readlink('/proc/self/fd/2'))"
    ).said
    assert said == ["['0', '1', '2', '3', '4']", "3 /dev/null"]  # 4 is the folder that is being listed


def test_it_sees_no_other_process_and_no_other_socket(walled):
    said = run(
        walled,
        "say(*sorted(p for p in os.listdir('/proc') if p.isdigit()))\nsay(len(open('/proc/net/unix').readlines()))",
    )
    assert said.said == ["1 2", "1"]  # its watch and itself; a heading


def test_it_reaches_no_network_but_its_own(walled):
    code = """
        import socket
        say([line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]])
        say(*(fails(socket.create_connection, there, 5) for there in (("127.0.0.1", PORT), ("192.0.2.1", 80))))
        say(fails(socket.socket(socket.AF_UNIX).connect, "\\0labkit-test"))
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname())
        server.accept()[0].send(b"inside")
        say(client.recv(6).decode())
        say(fails(socket.socket, socket.AF_PACKET, socket.SOCK_RAW) != 0)
    """
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0labkit-test")
        abstract.listen()
        said = run(walled, code.replace("PORT", str(server.getsockname()[1]))).said
    assert said == ["['lo']", "111 101", "111", "inside", "True"]


def test_it_has_no_rights(walled):
    code = """
        status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
        say({status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}, status["NoNewPrivs"])
        say(os.getuid() != 0, os.getgroups())
        say(fails(os.setuid, 0) != 0, fails(os.chroot, "/") != 0, fails(os.mknod, "/tmp/d", 0o60600, 0) != 0)
    """
    assert run(walled, code).said == ["{'0000000000000000'} 1", "True []", "True True True"] or os.geteuid()


def test_it_cannot_look_into_its_watch(walled):
    code = """
        say([fails(open, f"/proc/1/{name}") != 0 for name in ("environ", "mem", "maps")])
        say(fails(os.listdir, "/proc/1/fd") != 0, fails(os.readlink, "/proc/1/root") != 0)
        say(fails(lambda: open("/proc/1/oom_score_adj", "w").write("1000")) != 0)
        say(fails(lambda: open("/proc/sys/kernel/hostname", "w").write("mine")) != 0)
        say(fails(lambda: open("/proc/sys/kernel/core_pattern", "w").write("mine")) != 0)
    """
    assert run(walled, code).said == ["[True, True, True]", "True True", "True", "True", "True"]


@pytest.mark.skipif(not seccomp.is_known(), reason="There is no filter for this processor.")
def test_forbidden_system_calls_fail(walled):
    column = list(seccomp.AUDIT).index(linux.machine())
    numbers = {name: numbers[column] for name, numbers in seccomp.FORBIDDEN.items() if numbers[column] >= 0}
    code = f"""
        libc = ctypes.CDLL(None, use_errno=True)
        def errno_of(number, *arguments):
            ctypes.set_errno(0)
            libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments or (0, 0, 0, 0, 0, 0)))
            return ctypes.get_errno()
        say([name for name, number in {numbers!r}.items() if errno_of(number) != 1])
        say(errno_of({seccomp.CLONE3[column]}), errno_of({seccomp.CLONE[column]}, 0x10000000 | 17))
        say(errno_of({seccomp.IOCTL[column]}, 0, 0x5412), errno_of({seccomp.SOCKET[column]}, 40, 1))
    """
    assert run(walled, code).said == ["[]", "38 1", "1 97"]
