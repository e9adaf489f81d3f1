"""Jupyter kernels behind the wall, for nbgrader's own autograde and whatever else starts kernels.

`JUPYTER_DEFAULT_PROVISIONER_NAME=labkit-sandbox nbgrader autograde ps00`. The kernel sees a copy of the submission's
folder without notebooks and links. Where there is no bubblewrap that works no kernel starts, unless LABKIT_UNSAFE=1.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from jupyter_client.provisioning import LocalProvisioner
from traitlets import Int

from labkit.errors import WrongUse
from labkit.grading.sandbox import admission, bubblewrap, cgroups, kernel, probe
from labkit.grading.sandbox.limits import Limits, Protection
from labkit.grading.sandbox.room import launch

MAIN = "from labkit.grading.sandbox.kernel import main; main()"
LAUNCHERS = ("ipykernel_launcher", "ipykernel")
PASSED = ("NBGRADER_EXECUTION", "JPY_SESSION_NAME")
LIMITS = Limits(wall_s=1200, cpu_s=900)
MB = 2**20


class SandboxProvisioner(LocalProvisioner):
    """Starts ipykernel behind bubblewrap, one sandbox for each kernel."""

    wall_s = Int(int(LIMITS.wall_s), config=True, help="Seconds after which the kernel is killed.")
    memory_mb = Int(LIMITS.memory_mb, config=True, help="Megabytes of memory, where control groups can be made.")

    _protection: Protection | None = None
    _folder = ""  # of the sockets and of the copy
    _init: int | None = None  # the first process inside, by its number outside
    _groups: cgroups.Groups | None = None
    _timer: asyncio.TimerHandle | None = None

    async def pre_launch(self, **kwargs: object) -> dict:
        """Find a sandbox, or fail; then let the kernel's sockets be files, as it has no network."""
        self._protection = protection()
        if self._protection.kind == "unsafe":
            self.log.warning("LABKIT_UNSAFE=1: this kernel runs without a sandbox.")
            return await super().pre_launch(**kwargs)
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="lk-", dir="/tmp")  # the path of a socket has at most 107 bytes
            os.mkdir(self._sockets)
        self.parent.transport, self.parent.ip = "ipc", f"{self._sockets}/k"
        self.parent.connection_file = f"{self._sockets}/connection.json"
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: object) -> dict:
        """Start the kernel."""
        if self._protection is None or self._protection.kind == "unsafe":
            return await super().launch_kernel(cmd, **kwargs)
        self.cwd = os.path.abspath(str(kwargs.get("cwd") or os.getcwd()))
        try:
            self._launch(cmd, kwargs.get("env") or {})
        except BaseException:
            await self.cleanup()
            raise
        self._timer = asyncio.get_running_loop().call_later(self.wall_s, self._end)
        return self.connection_info

    def _launch(self, cmd: list[str], env: dict[str, str]) -> None:
        arguments = after_launcher(cmd)
        shutil.rmtree(self._copy, ignore_errors=True)
        copy_handed_in(Path(self.cwd), Path(self._copy), self._limits.disk_mb * MB)
        self._give_away()
        self._groups = cgroups.make(self._limits) if self._protection.way == "root" else cgroups.Groups()
        self._start(arguments, env)

    async def send_signal(self, signum: int) -> None:
        """An interrupt goes to the kernel itself; what is to end it ends the whole sandbox."""
        if self._init is None:
            await super().send_signal(signum)
        elif signum in (signal.SIGKILL, signal.SIGTERM):
            self._end()
        elif signum and self.process:
            interrupt(self._init, signum)

    async def cleanup(self, restart: bool = False) -> None:
        """End the sandbox and remove its folder. Jupyter calls this twice."""
        self._end()
        if self._timer:
            self._timer.cancel()
        if self._groups:
            await asyncio.to_thread(self._groups.remove)
        if not restart and self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""
        await super().cleanup(restart)

    @property
    def _sockets(self) -> str:
        return f"{self._folder}/s"

    @property
    def _copy(self) -> str:
        return f"{self._folder}/handed"

    @property
    def _user(self) -> int:
        return admission.FIRST_USER + os.getpid() % admission.USERS

    @property
    def _limits(self) -> Limits:
        return Limits(**{**LIMITS.as_dict(), "wall_s": self.wall_s, "memory_mb": self.memory_mb})

    def _give_away(self) -> None:
        """The user inside owns the sockets and may read the copy."""
        if self._protection.way == "root":
            for top, _, names in os.walk(self._folder):
                for path in (top, *(os.path.join(top, name) for name in names)):
                    os.chown(path, self._user, self._user)

    def _wall(self) -> list[str]:
        size = self._limits.disk_mb * MB
        more = (
            *bubblewrap.of_size(self._protection.bwrap, size),
            "--perms",
            "1777",
            "--tmpfs",
            "/dev/shm",
            *bubblewrap.folders(kernel.HANDED),
        )
        more += ("--ro-bind", self._copy, kernel.HANDED)
        for folder in (self._folder, self._sockets):  # bubblewrap would make them for its own user only
            more += ("--perms", "0755", "--dir", folder)
        more += ("--bind", self._sockets, self._sockets)
        return bubblewrap.wall(self._protection.bwrap, self._protection.way, more, size)

    def _start(self, arguments: list[str], env: dict[str, str]) -> None:
        wall = self._wall()
        for name in PASSED:
            wall += ["--setenv", name, env[name]] if name in env else []
        told, tell = os.pipe()
        groups = self._groups.open()
        opened = (*bubblewrap.opened(wall), tell, *groups)
        inner = [bubblewrap.python(), "-P", "-s", "-c", MAIN, self._orders(groups), *arguments]
        try:
            self.process = launch([*wall, "--info-fd", str(tell), "--", *inner], opened, subprocess.DEVNULL)
        finally:
            for number in opened:
                os.close(number)
        with os.fdopen(told) as source:
            text = source.read()
        self.pid, self.pgid = self.process.pid, None
        self._init = json.loads(text)["child-pid"] if text else 0

    def _orders(self, groups: list[int]) -> str:
        """What the process inside is told."""
        orders = {"way": self._protection.way, "limits": self._limits.as_dict(), "user": self._user}
        return json.dumps({**orders, "sockets": self._sockets, "groups": groups})

    def _end(self) -> None:
        if self._init is not None and self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def protection() -> Protection:
    """A wall that works here; "unsafe" only where LABKIT_UNSAFE=1 says so."""
    if os.environ.get("LABKIT_UNSAFE") == "1":
        return probe.unsafe_protection()
    found = probe.find()
    if found.kind != "sandboxed":
        raise WrongUse(f"Kernels need bubblewrap, and here is only this: {found.how}. {probe.ADVICE}")
    return found


def after_launcher(command: list[str]) -> list[str]:
    """The arguments that an ordinary kernel's command gives to ipykernel; WrongUse for another kernel."""
    for at, word in enumerate(command):
        if word == "-m" and command[at + 1 : at + 2] and command[at + 1] in LAUNCHERS:
            return command[at + 2 :]
    raise WrongUse(f"Only ipykernel can be started in the sandbox, not {' '.join(command[:3])}.")


def copy_handed_in(source: Path, target: Path, limit: int) -> None:
    """Copy plain files, without notebooks, links and what is no file; WrongUse beyond the limit."""
    target.mkdir()
    total = 0
    for top, folders, names in os.walk(source):
        here = target / Path(top).relative_to(source)
        folders[:] = [name for name in folders if not os.path.islink(os.path.join(top, name))]
        for name in folders:
            (here / name).mkdir()
        for path in (Path(top, name) for name in names if not name.endswith(".ipynb")):
            if path.is_symlink() or not path.is_file():
                continue
            total += path.stat().st_size
            if total > limit:
                raise WrongUse(f"The files beside the notebook are larger than {limit // MB} MB: {source}.")
            shutil.copyfile(path, here / path.name)


def interrupt(init: int, signum: int) -> None:
    """Signal the kernel: the child of the first process inside."""
    try:
        children = Path(f"/proc/{init}/task/{init}/children").read_text().split()
        os.kill(int(children[0]), signum)
    except (OSError, IndexError):
        return  # it has ended
