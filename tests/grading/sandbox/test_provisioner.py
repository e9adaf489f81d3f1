"""Kernels behind the wall, started by Jupyter and by nbgrader as they start any kernel."""

import os
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import KernelProvisionerFactory

from labkit.errors import WrongUse
from labkit.grading.sandbox import Protection, bubblewrap, probe, provisioner
from tests.grading.sandbox.conftest import SLOW
from tests.grading.sandbox.inside import eventually
from tests.needs import needs_sandbox

NAME, TARGET = "labkit-sandbox", "labkit.grading.sandbox.provisioner:SandboxProvisioner"
GROUP = "jupyter_client.kernel_provisioners"
COURSE = Path(__file__).resolve().parents[3]


@pytest.fixture
def announced(tmp_path, monkeypatch):
    """The entry point, also where the installation is older than it; a folder that makes it known to other programs."""
    folder = tmp_path / "announced"
    info = folder / "labkit_sandbox-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: labkit-sandbox\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{NAME} = {TARGET}\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(KernelProvisionerFactory.instance(), "default_provisioner_name", NAME)
    return folder


@pytest.fixture
def handed_in(tmp_path):
    """A submission's folder."""
    folder = tmp_path / "handed_in"
    (folder / "parts").mkdir(parents=True)
    (folder / "helper.py").write_text("answer = 42\n")
    (folder / "parts" / "data.txt").write_text("data")
    (folder / "ps00.ipynb").write_text("{}")
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    return folder


class Kernel:
    """A running kernel, and what it prints."""

    def __init__(self, folder):
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SLOW)

    def run(self, code):
        said = []

        def hear(message):
            content = message["content"]
            said.append(content.get("text", "") + (content.get("evalue") or ""))

        self.client.execute_interactive(code, timeout=SLOW, output_hook=hear)
        return "".join(said).strip()

    def end(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(announced, handed_in):
    needs_sandbox()
    started = Kernel(handed_in)
    yield started
    started.end()


def test_the_project_names_the_provisioner():
    project = tomllib.loads((COURSE / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][GROUP] == {NAME: TARGET}


def test_a_kernel_sees_what_was_handed_in_and_nothing_else(kernel):
    seen = "import os\nprint(*sorted(os.path.join(t, n)[2:] for t, _, ns in os.walk('.') for n in ns))"
    assert kernel.run(seen) == "helper.py parts/data.txt"
    assert kernel.run("import helper\nprint(helper.answer)") == "42"
    course = [str(COURSE / name) for name in ("pyproject.toml", "notebooks", "assignments")]
    assert kernel.run(f"print([path for path in {course!r} if os.path.exists(path)])") == "[]"
    assert kernel.run("print('LABKIT_HOME' in os.environ and os.environ['LABKIT_HOME'])") == "/tmp/home/labkit"


def test_a_kernel_has_no_rights_and_no_network(kernel, handed_in):
    kernel.run("open('helper.py', 'w').write('')")
    assert (handed_in / "helper.py").read_text() == "answer = 42\n"
    status = "print(open('/proc/self/status').read())"
    assert {"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"} <= set(
        kernel.run(status).split("\n")
    )
    assert "unreachable" in kernel.run("import socket; socket.create_connection(('192.0.2.1', 80), 5)")
    assert "Read-only" in kernel.run("open('/labkit/x', 'w')")


def test_an_interrupt_reaches_the_kernel(kernel):
    timer = threading.Timer(1, kernel.manager.interrupt_kernel)
    timer.start()
    said = kernel.run("import time\ntry:\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    print('interrupted')")
    timer.join()
    assert said == "interrupted"


def test_a_kernel_leaves_nothing(announced, handed_in):
    needs_sandbox()
    kernel = Kernel(handed_in)
    folder = Path(kernel.manager.connection_file).parent.parent
    init = kernel.manager.provisioner._init
    assert folder.is_dir()
    kernel.run("import os\nif not os.fork():\n    os.setsid()\n    import time\n    time.sleep(600)")
    kernel.end()
    eventually(lambda: not Path(f"/proc/{init}").exists())
    assert not folder.exists()
    assert sorted(path.name for path in handed_in.iterdir()) == ["helper.py", "link", "parts", "pipe", "ps00.ipynb"]


def test_without_bubblewrap_no_kernel_starts(announced, handed_in, monkeypatch):
    monkeypatch.setattr(probe, "find", lambda: Protection("partial", "Landlock", "landlock"))
    with pytest.raises(WrongUse, match="Kernels need bubblewrap"):
        Kernel(handed_in)


def test_unsafe_has_to_be_said(announced, handed_in, monkeypatch):
    monkeypatch.setenv("LABKIT_UNSAFE", "1")
    monkeypatch.setattr(bubblewrap, "program", lambda: "")
    kernel = Kernel(handed_in)
    assert kernel.run("import os\nprint(os.getcwd())") == str(handed_in)
    kernel.end()


def test_only_ipykernel_starts():
    assert provisioner.after_launcher(["python", "-m", "ipykernel_launcher", "-f", "x"]) == ["-f", "x"]
    with pytest.raises(WrongUse, match="Only ipykernel"):
        provisioner.after_launcher(["R", "--slave"])


def test_too_much_is_not_copied(handed_in, tmp_path):
    with pytest.raises(WrongUse, match="larger than 0 MB"):
        provisioner.copy_handed_in(handed_in, tmp_path / "copy", 10)


def test_jupyter_executes_a_notebook_in_it(announced, tmp_path):
    """As nbgrader does: by the name in the environment variable."""
    needs_sandbox()
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("import os; os.path.exists('/labkit/package')")]
    )
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = tmp_path / "try.ipynb"
    nbformat.write(notebook, path)
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", str(path)]
    env = {**os.environ, "PYTHONPATH": str(announced), "JUPYTER_DEFAULT_PROVISIONER_NAME": NAME}
    subprocess.run(command, env=env, check=True, capture_output=True, timeout=SLOW)
    assert nbformat.read(path, 4).cells[0].outputs[0].data["text/plain"] == "True"
