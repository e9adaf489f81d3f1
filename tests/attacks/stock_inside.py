"""Runs inside the private place that `stock` makes: nbgrader's autograde for some students, as any instructor runs it.

It stands alone: argv holds the students and the port; it prints what happened as one line of JSON.
"""

import json
import os
import socket
import sys
import threading
import time


def listen(port: int, heard: list[str]) -> None:
    """Hear what is sent to this machine's own TCP port."""
    with socket.create_server(("127.0.0.1", port)) as door:
        while True:
            way, _ = door.accept()
            heard.append(way.recv(100).decode("utf-8", "replace"))


def others() -> list[str]:
    """The processes beside this one."""
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit() and int(pid) not in (1, os.getpid()):
            try:
                with open(f"/proc/{pid}/cmdline") as file:
                    found.append(file.read().replace("\0", " ")[:80])
            except OSError:
                continue
    return found


def main() -> None:
    """Grade, then look round."""
    os.chdir("/course")
    heard: list[str] = []
    threading.Thread(target=listen, args=(int(sys.argv[1]), heard), daemon=True).start()
    before = len(others())
    from nbgrader.apps.api import NbGraderAPI
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = "/course"
    config.ExecutePreprocessor.timeout = int(sys.argv[2])
    said = {}
    for student in sys.argv[3:]:
        result = NbGraderAPI(config=config).autograde("ps00", student)
        error = result.get("error") or result.get("log") or ""
        said[student] = "" if result["success"] else (error.strip().splitlines() or ["?"])[-1][:200]
    time.sleep(0.5)
    print(json.dumps({"said": said, "heard": heard, "left": others()[before:]}), flush=True)


if __name__ == "__main__":
    main()
