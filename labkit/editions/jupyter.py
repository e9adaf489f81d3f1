"""JupyterLab with a configuration of its own: the user's is neither obeyed nor touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

from labkit.errors import WrongUse
from labkit.home import course, home

SETTINGS = {
    # No question about news, no look for updates: a lab starts with its first sentence.
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    # A student's sentence is longer than a line of code.
    "@jupyterlab/notebook-extension:tracker": {"codeCellConfig": {"lineNumbers": False, "lineWrap": True}},
}


def start(folder: Path, port: int, token: str) -> subprocess.Popen:
    """Start JupyterLab over a folder, on the loopback address only. Its log goes to `log_path()`."""
    place = home() / "jupyter"
    overrides = place / "config" / "labconfig" / "default_setting_overrides.json"
    try:
        for path in (overrides.parent, runtime_folder()):
            path.mkdir(parents=True, exist_ok=True)
        overrides.write_text(json.dumps(SETTINGS))
    except OSError as error:
        raise WrongUse(f"JupyterLab cannot keep its settings in {place}: {error.strerror}.") from error
    options = [
        "--no-browser",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--LabApp.extension_manager=readonly",
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]
    with log_path().open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "jupyterlab", *options],  # -P: a student's own json.py is not Python's
            cwd=folder,  # nbgrader's extensions want to start below the root of the server
            env=_environment(place, token),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches labkit alone, which then ends the server
        )


def log_path() -> Path:
    """Where the server writes its log."""
    return home() / "jupyter" / "server.log"


def runtime_folder() -> Path:
    """Where the server says on which port it listens."""
    return home() / "jupyter" / "runtime"


def _environment(place: Path, token: str) -> dict[str, str]:
    theirs = {"JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "LABKIT_EXAMPLE_STUDENT"}
    env = {name: value for name, value in os.environ.items() if name not in theirs}
    return {
        **env,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)]),
        "LABKIT_HOME": str(home()),
        "JUPYTER_TOKEN": token,  # not on the command line, where every user of the machine could read it
        "JUPYTER_CONFIG_DIR": str(place / "config"),
        "JUPYTER_CONFIG_PATH": str(course() / "assignments"),  # nbgrader_config.py, for its panels
        "JUPYTER_DATA_DIR": str(place / "data"),
        "JUPYTER_RUNTIME_DIR": str(runtime_folder()),
        "JUPYTERLAB_SETTINGS_DIR": str(place / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(place / "workspaces"),
        "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel called python3 is this environment's
        "IPYTHONDIR": str(place / "ipython"),
    }
