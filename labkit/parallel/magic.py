"""`%%ranks n`: a cell that runs on n ranks, each a fresh process, which sees nothing of the notebook.

    %load_ext labkit.parallel

    %%ranks 2 --timeout 30
    import torch.distributed as dist
    dist.get_rank()

The value of the cell is the ranks' values of its last expression, in order.
"""

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from labkit.parallel.hardware import device as plan
from labkit.parallel.hardware.device import Device
from labkit.parallel.launch import DEADLOCK_SECONDS, Results, orders_for, run, show
from labkit.parallel.processes.fresh import start_fresh


@magics_class
class RanksMagic(Magics):
    """The cell magic; `ranks` is its name in a notebook."""

    @magic_arguments()
    @argument("n", type=int, help="how many ranks")
    @argument("--timeout", type=float, help="seconds after which they are ended")
    @argument("--deadlock", type=float, default=DEADLOCK_SECONDS, help="seconds without a byte moved that are too many")
    @argument("--hardware", help="the name of a Device, or of a list with one a rank")
    @argument("--timeline", action="store_true", help="keep what each rank did: `_.timeline`")
    @argument("--real-network", action="store_true", help="throttle torch's own traffic too")
    @cell_magic
    def ranks(self, line: str, cell: str) -> Results | None:
        """Run the cell on n ranks."""
        asked = parse_argstring(self.ranks, line)
        devices = plan.devices(self._named(asked.hardware), asked.n)
        with orders_for(devices, asked.deadlock, asked.timeline, asked.real_network) as orders:
            results = run(orders, lambda number, _: start_fresh(number, orders, cell, show), asked.timeout)
        return results if asked.timeline or any(result is not None for result in results) else None

    def _named(self, name: str | None) -> list[Device] | Device | None:
        if name is not None and name not in self.shell.user_ns:
            raise UsageError(f"--hardware {name}: there is no such name in the notebook.")
        return None if name is None else self.shell.user_ns[name]


def load_ipython_extension(shell) -> None:
    """`%load_ext labkit.parallel.magic`."""
    shell.register_magics(RanksMagic)
