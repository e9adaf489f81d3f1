"""Executes many notebooks in one kernel, each in an empty namespace: only for our own cases, which can be trusted.

Starting a kernel and importing torch takes seconds, and `course check` runs dozens of small notebooks.
"""

import contextlib
from collections.abc import Iterator

from jupyter_client.manager import AsyncKernelManager
from nbclient.util import run_sync
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.preprocessors import Execute

QUIET = ["--IPKernelApp.log_level=40"]  # ipykernel warns at each start that 127.0.0.1 is not encrypted
# What IPython's %reset does, without its garbage collection, which takes as long as a whole small notebook.
CLEAR = """
__import__("os").chdir({folder!r})
for _name in set(globals()) - set(get_ipython().user_ns_hidden):
    del globals()[_name]
"""


class WarmExecute(Execute):
    """nbgrader's Execute, with a kernel that outlives the notebook."""

    kernel: AsyncKernelManager | None = None  # that of the `warm_kernel` block
    client: object = None  # the first notebook's, for all: making one waits 0.2 s

    def preprocess(self, nb: NotebookNode, resources: dict, km: object = None) -> tuple[NotebookNode, dict]:
        """Execute a notebook in the warm kernel, after a cell that empties it."""
        folder = resources.get("metadata", {}).get("path") or "."
        nb.cells.insert(0, new_code_cell(CLEAR.format(folder=folder)))
        try:
            return super().preprocess(nb, resources, km=WarmExecute.kernel)
        finally:
            del nb.cells[0]

    def start_new_kernel_client(self, **options: object) -> object:
        """Connect to the kernel, once."""
        WarmExecute.client = WarmExecute.client or super().start_new_kernel_client(**options)
        self.kc = WarmExecute.client
        return self.kc


@contextlib.contextmanager
def warm_kernel() -> Iterator[None]:
    """While the block runs, WarmExecute uses one kernel, started and ended here."""
    manager = AsyncKernelManager(kernel_name="python3")
    run_sync(manager.start_kernel)(extra_arguments=[*QUIET, "--HistoryManager.hist_file=:memory:"])
    WarmExecute.kernel = manager
    try:
        yield
    finally:
        if WarmExecute.client:
            WarmExecute.client.stop_channels()
        WarmExecute.kernel = WarmExecute.client = None
        run_sync(manager.shutdown_kernel)(now=True)
